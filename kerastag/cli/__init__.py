"""The command line: one wrapper for every command, shared flags (`options`), presets, standard streams."""

from kerastag.cli.command import COMMANDS, Command, main
from kerastag.cli.streams import tell, warn

__all__ = ["COMMANDS", "Command", "main", "tell", "warn"]
