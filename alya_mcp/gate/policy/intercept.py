"""Reads the rules of Intercept's dialect into the same entry as our own keys."""

from .entries import Entry, EntryReader
from .reading import Fields, Reading


def read_rules(reading: Reading, reader: EntryReader, entry: Entry, fields: Fields, tool: str | None) -> None:
    """Add Intercept's `rules` and `spend` of a tool to its entry; `tool` is None for `"*"`."""
    del reader, tool
    for key in ("rules", "spend"):
        if key in fields:
            reading.problem(None, f"{entry.pointer}/{key}", "this version doesn't read Intercept's rules yet")
