"""What loads and is likely a mistake: names that nothing has, and patterns that let everything in."""

from collections.abc import Collection, Iterator

from alya_mcp.gate.documents.document import Document, Problem, nearest, quoted, step
from alya_mcp.gate.policy.top import Name, Read


def doubts(
    read: Read, document: Document, tools: Collection[str], categories: Collection[str] | None
) -> Iterator[Problem]:
    """Names that are not among `tools` or `categories` (if given), and unanchored required patterns."""
    yield from _unknown("tool", [name for name in read.hide if name.name != "*"], document, tools)
    yield from _unknown("tool", read.listed, document, tools)
    if categories is not None:
        named = [Name(name, step("/categories", name)) for name in read.categories]
        yield from _unknown("category", named, document, categories)
    yield from _unanchored(read, document)


def _unknown(
    what: str, names: Collection[Name], document: Document, known: Collection[str]
) -> Iterator[Problem]:
    for name in names:
        if name.name in known:
            continue
        near = nearest(name.name, known)
        hint = f"; did you mean {quoted(near)}?" if near else ""
        line, column = document.place(name.pointer, key=not name.pointer.startswith("/hide/"))
        yield Problem(name.pointer, f"no {what} is named {quoted(name.name)}{hint}", line, column)


def _unanchored(read: Read, document: Document) -> Iterator[Problem]:
    """An allow list that any part of a text can meet: `example.com` is also in `evil.test/?example.com`."""
    for entry in (*read.tools.values(), *read.categories.values(), read.every_tool):
        for asked in entry.asked:
            test = asked.test
            if asked.must_hold and test.op == "regex" and not test.value.startswith(("^", r"\A")):
                pointer = f"{asked.pointer}/value"
                message = "is met by any part of the text; begin it with ^ where it is to fit from the start"
                yield Problem(pointer, message, *document.place(pointer))
