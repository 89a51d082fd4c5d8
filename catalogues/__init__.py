"""The catalogues of the pages: every sentence that a person may read, and what has become of it in each language."""
