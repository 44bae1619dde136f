"""Errors that a user can cause, told in one clear line.

The command line prints the line and exits with status 2.
"""


class UserError(ValueError):
    """Something the user can mend: a wrong name, a bad file, a missing column."""


class Diverged(UserError, FloatingPointError):
    """Training whose loss is no finite number any more."""


class DataUnavailable(UserError):
    """Data or weights that can't be reached now: says what, from where, and how to provide it."""
