"""Holds one file, whose place and name the specification fixes."""
