"""The commands: thin, one file for each group of verbs."""
