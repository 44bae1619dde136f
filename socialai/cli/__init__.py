"""The command line: thin names over the package."""
