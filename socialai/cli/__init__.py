"""The command line: thin names over the package. What a user can mend is one line and exit status 2."""
