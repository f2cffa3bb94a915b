"""One resource, whole, in one file: its fields and its rules."""
