"""Models that others published: what can be had, and each as a run folder that is used like one's own."""

from kerastag.published.catalogue import DEFAULT
from kerastag.published.getting import get
from kerastag.published.listing import notes, table
from kerastag.published.places import resolve

__all__ = ["DEFAULT", "get", "notes", "resolve", "table"]
