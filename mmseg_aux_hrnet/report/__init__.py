"""The report of a test: its figures, its files, and where they come from."""
