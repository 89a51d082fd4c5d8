"""The pages, by their nouns."""
