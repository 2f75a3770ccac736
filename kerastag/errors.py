"""The one exception that a command turns into a single line on standard error."""

from kerastag import names


class KerastagError(Exception):
    """Something the user can mend; the message is one line with the place and the value.

    Args:
      message: what is wrong, without the name of any flag; what it quotes of a file stays on the line, see names.line.
      option: the parameter that would help, such as "overwrite"; a command that has a flag of that name says so.
    """

    def __init__(self, message: str, option: str = ""):
        super().__init__(names.line(message))
        self.option = option


class UsageError(KerastagError):
    """Flags that contradict each other or are missing: exit status 2."""
