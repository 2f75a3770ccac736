"""The one exception that a command turns into a single line on standard error."""


class KerastagError(Exception):
    """Something the user can mend; the message is one line with the place and the value."""


class UsageError(KerastagError):
    """Flags that contradict each other or are missing: exit status 2."""
