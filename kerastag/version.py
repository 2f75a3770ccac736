"""The version, apart from the package's root so that run.json can name it without importing the doors."""

__version__ = "0.2.0"
