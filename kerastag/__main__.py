"""`python -m kerastag`: the list of commands, and the commands by name."""

import sys

from kerastag import cli

if __name__ == "__main__":
    sys.exit(cli.main())
