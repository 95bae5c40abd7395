"""Puts a server into a JSON text and takes it out, everything around it kept: comments, commas, blanks."""

import json
from typing import Any

from alya_mcp.app.client_configs import jsonc
from alya_mcp.app.client_configs.jsonc import JsoncMember, JsoncNode
from alya_mcp.install.layout import indent_of, inserted, line_end, line_start, newline, without

_UNIT = "  "


def insert(text: str, key: str, name: str, entry: dict[str, Any]) -> str:
    """`text` with the server `name` in the object `key`, which is created if missing.

    Raises:
        ValueError: the text is not JSON, or `key` stands in it twice.
    """
    if not text.strip():
        return inserted(text, 0, json.dumps({key: {name: entry}}, indent=_UNIT, ensure_ascii=False) + "\n")
    root = _single(jsonc.read(text).root, key)
    servers = root.member(key)
    if servers is None:
        return _into(text, root, key, {name: entry}, _unit(text, root))
    return _into(text, servers.node, name, entry, _unit(text, root))


def replace(text: str, key: str, name: str, entry: dict[str, Any]) -> str:
    """`text` with another value for the server `name`, which stands in it; `ValueError` as in `insert`."""
    root = _single(jsonc.read(text).root, key)
    member = _member(_single(_servers(root, key), name), name)
    value = _written(entry, indent_of(text, member.start), _unit(text, root), newline(text))
    if "\n" not in text[member.node.start : member.node.end] and not _begins_line(text, member):
        value = json.dumps(entry, ensure_ascii=False)
    return text[: member.node.start] + value + text[member.node.end :]


def remove(text: str, key: str, name: str, *, emptied: bool) -> str:
    """`text` without the server `name`; without `key` too when it is `emptied` by that and had been made."""
    root = _single(jsonc.read(text).root, key)
    servers = _servers(root, key)
    whole = emptied and len(servers.members or []) == 1
    inner, outer, which = (key, root, root) if whole else (name, servers, servers)
    _single(which, inner)
    return without(text, _spans(text, outer, _member(which, inner)))


def _servers(root: JsoncNode, key: str) -> JsoncNode:
    return _member(root, key).node


def _member(node: JsoncNode, key: str) -> JsoncMember:
    member = node.member(key)
    if member is None:
        raise ValueError(f"{key!r} doesn't stand there")
    return member


def _single(node: JsoncNode, key: str) -> JsoncNode:
    if node.repeats(key):
        raise ValueError(f"{key!r} stands there more than once, and clients differ in which one counts")
    return node


def _unit(text: str, root: JsoncNode) -> str:
    """One step of indentation, by the first member of the text."""
    first = root.members[0] if root.members else None
    return (indent_of(text, first.start) or _UNIT) if first and _begins_line(text, first) else _UNIT


def _begins_line(text: str, member: JsoncMember) -> bool:
    return not text[line_start(text, member.start) : member.start].strip()


def _written(value: object, indent: str, unit: str, end: str) -> str:
    """`value` as JSON whose later lines are indented by `indent`."""
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", end + indent)


def _into(text: str, node: JsoncNode, key: str, value: object, unit: str) -> str:
    """`text` with one more member in an object."""
    members = node.members or []
    end = newline(text)
    outer = indent_of(text, node.start)
    if not members:
        inner = outer + unit
        bare = not text[node.start + 1 : node.end - 1].strip()
        closing = "" if "\n" in text[node.start : node.end] or not bare else end + outer
        member = f"{json.dumps(key)}: {_written(value, inner, unit, end)}"
        return inserted(text, node.start + 1, f"{end}{inner}{member}{closing}")
    last = members[-1]
    if not _begins_line(text, last):
        member = f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        return (
            inserted(text, node.start + 1, f"{member}, ")
            if node.comma or _commented(text, last.node.end, node.end)
            else inserted(text, last.node.end, f", {member}")
        )
    inner = indent_of(text, last.start)
    member = f"{json.dumps(key)}: {_written(value, inner, unit, end)}"
    if _commented(text, last.node.end, node.end - 1):
        return inserted(text, _front(text, node), f"{end}{inner}{member},")
    if node.comma:
        return inserted(text, node.comma, f"{end}{inner}{member},")
    return inserted(text, last.node.end, f",{end}{inner}{member}")


def _commented(text: str, start: int, end: int) -> bool:
    return any(True for _ in jsonc.comments(text, start, end))


def _front(text: str, node: JsoncNode) -> int:
    """Where a first member goes: behind the brace, and behind a comment that ends its line."""
    end = line_end(text, node.start)
    first = (node.members or [])[0]
    return end if first.start > end else node.start + 1


def _spans(text: str, node: JsoncNode, member: JsoncMember) -> list[tuple[int, int]]:
    """What has to go for `member` to go, its comma included."""
    members = node.members or []
    index = next(at for at, each in enumerate(members) if each is member)
    start, end = member.start, member.node.end
    if index and not _commented(text, members[index - 1].node.end, start):
        return [(members[index - 1].node.end, end)]
    if index + 1 < len(members):
        comma = _comma_end(text, end, members[index + 1].start)
        return [(_blanks_start(text, start), comma)]
    spans = [(_blanks_start(text, start), end if node.comma is None else node.comma)]
    if index and node.comma is None:  # the comma before the last one isn't JSON
        before = members[index - 1].node.end
        comma = _comma_end(text, before, start)
        spans.append((comma - 1, comma))
    elif not index and not text[spans[0][1] : node.end - 1].strip() and spans[0][0] == node.start + 1:
        return [(node.start + 1, node.end - 1)]
    return spans


def _comma_end(text: str, start: int, end: int) -> int:
    """Where the comma between two offsets ends; commas in comments don't count."""
    at = start
    for begin, over in [*jsonc.comments(text, start, end), (end, end)]:
        found = text.find(",", at, begin)
        if found >= 0:
            return found + 1
        at = over
    return start


def _blanks_start(text: str, at: int) -> int:
    while at and text[at - 1] in " \t\r\n":
        at -= 1
    return at
