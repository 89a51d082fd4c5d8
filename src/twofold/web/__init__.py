"""Pages for people, rendered on the server: the use cases of the API in a browser."""
