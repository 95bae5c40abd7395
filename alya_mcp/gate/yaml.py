"""YAML documents as the same tree that JSON gives."""

from .document import Node, Problem, Unreadable


def read_yaml(text: str) -> tuple[Node, list[Problem]]:
    """Refuses: this version doesn't read YAML yet."""
    raise Unreadable([Problem("", f"this version doesn't read YAML yet ({len(text)} characters)")])
