"""The one error of the local stack: a line that a person can act on."""


class StackError(Exception):
    """What was wanted, what was found, and what to do, in one line."""
