"""The library's routes, one noun a file."""
