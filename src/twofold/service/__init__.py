"""The use cases; each owns its transaction."""
