"""What loads and is likely a mistake: names that nothing has, and patterns that let everything in."""

from collections.abc import Collection, Iterator

from alya_mcp.gate.documents.document import Document, Problem, nearest, quoted
from alya_mcp.gate.policy.top import Read


def doubts(read: Read, document: Document, tools: Collection[str]) -> Iterator[Problem]:
    """Names that are not among `tools`, and unanchored required patterns."""
    yield from unknown_tools(read, document, tools)
    yield from _unanchored(read, document)


def unknown_tools(read: Read, document: Document, tools: Collection[str]) -> Iterator[Problem]:
    """The names in `hide` and `tools` that are not among `tools`, each with the nearest that is."""
    for name in (*read.hide, *read.listed):
        if name.name in tools or (name.name == "*" and name in read.hide):
            continue
        near = nearest(name.name, tools)
        hint = f"; did you mean {quoted(near)}?" if near else ""
        line, column = document.place(name.pointer, key=not name.pointer.startswith("/hide/"))
        yield Problem(name.pointer, f"no tool is named {quoted(name.name)}{hint}", line, column)


def _unanchored(read: Read, document: Document) -> Iterator[Problem]:
    """An allow list that any part of a text can meet: `example.com` is also in `evil.test/?example.com`."""
    for entry in (*read.tools.values(), *read.categories.values(), read.every_tool):
        for asked in entry.asked:
            test = asked.test
            if asked.must_hold and test.op == "regex" and not test.value.startswith(("^", r"\A")):
                pointer = f"{asked.pointer}/value"
                message = "is met by any part of the text; begin it with ^ where it is to fit from the start"
                yield Problem(pointer, message, *document.place(pointer))
