"""Puts a server into a YAML text and takes it out, everything around it kept."""

import json
from typing import Any, cast

import yaml

from alya_mcp.install.layout import indent_of, inserted, line_start, newline, next_line, without

_Pair = tuple[yaml.Node, yaml.Node]


def insert(text: str, key: str, name: str, entry: dict[str, Any]) -> str:
    """`text` with the server `name` in the mapping `key`, which is created if missing.

    Raises:
        ValueError: the text is laid out in a way that takes no insertion.
    """
    end = newline(text)
    root = _root(text)
    if root is None:
        gap = "" if not text or text.endswith("\n") else end
        return f"{text}{gap}{key}:{end}{_block(name, entry, '  ', end)}"
    servers = _pair(root, key)
    if servers is None:
        if root.flow_style:
            return _into_flow(text, root, f"{json.dumps(key)}: {_flow({name: entry})}")
        at = root.value[0][0].start_mark.index
        gap = "" if text.endswith("\n") else end
        return (
            f"{text}{gap}{_column(text, at)}{key}:{end}{_block(name, entry, _column(text, at) + '  ', end)}"
        )
    held = servers[1]
    if (
        isinstance(held, yaml.ScalarNode)
        and held.value == ""
        and held.start_mark.index == held.end_mark.index
    ):
        at = next_line(text, servers[0].end_mark.index)
        gap = "" if text[:at].endswith("\n") else end
        return inserted(
            text, at, gap + _block(name, entry, _column(text, servers[0].start_mark.index) + "  ", end)
        )
    if not isinstance(held, yaml.MappingNode):
        raise ValueError(f"{key!r} holds no mapping of servers")  # noqa: TRY004
    if held.flow_style:
        return _into_flow(text, held, f"{json.dumps(name)}: {_flow(entry)}")
    first = _pairs(held)[0][0].start_mark.index
    return inserted(text, line_start(text, first), _block(name, entry, _column(text, first), end))


def replace(text: str, key: str, name: str, entry: dict[str, Any]) -> str:
    """`text` with another mapping for the server `name`; `ValueError` as in `insert`."""
    root = _root(text)
    servers = None if root is None else _pair(root, key)
    found = None if servers is None else _pair(servers[1], name)
    if servers and found and cast("yaml.MappingNode", servers[1]).flow_style:
        return text[: found[1].start_mark.index] + _flow(entry) + text[found[1].end_mark.index :]
    return insert(remove(text, key, name, emptied=False), key, name, entry)


def remove(text: str, key: str, name: str, *, emptied: bool) -> str:
    """`text` without the server `name`; without `key` too when it is `emptied` by that and had been made.

    Raises:
        ValueError: it doesn't stand there in lines of its own.
    """
    root = _root(text)
    servers = None if root is None else _pair(root, key)
    found = None if servers is None else _pair(servers[1], name)
    if root is None or servers is None or found is None:
        raise ValueError(f"{name!r} doesn't stand in {key!r}")
    held = cast("yaml.MappingNode", servers[1])
    pair = servers if emptied and len(held.value) == 1 else found
    if (root if pair is servers else held).flow_style:
        raise ValueError(f"{name!r} stands in braces; take it out by hand")
    start = line_start(text, pair[0].start_mark.index)
    if text[start : pair[0].start_mark.index].strip():
        raise ValueError(f"{name!r} doesn't begin a line; take it out by hand")
    return without(text, [(start, next_line(text, max(start, _last(pair[1]) - 1)))])


def _root(text: str) -> yaml.MappingNode | None:
    """The mapping of the whole text; None for a text without one."""
    node = cast("yaml.Node | None", yaml.compose(text, yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]
    return node if isinstance(node, yaml.MappingNode) and (node.value or node.flow_style) else None


def _pairs(node: yaml.Node) -> list[_Pair]:
    return cast("list[_Pair]", node.value) if isinstance(node, yaml.MappingNode) else []


def _pair(node: yaml.Node, key: str) -> _Pair | None:
    found = [pair for pair in _pairs(node) if isinstance(pair[0], yaml.ScalarNode) and pair[0].value == key]
    if len(found) > 1:
        raise ValueError(f"{key!r} stands there more than once")
    return found[0] if found else None


def _last(node: yaml.Node) -> int:
    """Where the last character of a value ends; a block's own mark is behind what follows it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return max(max(_last(key), _last(value)) for key, value in _pairs(node))
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return max(map(_last, cast("list[yaml.Node]", node.value)))
    return node.end_mark.index


def _column(text: str, at: int) -> str:
    """The indentation of a key that begins its line.

    Raises:
        ValueError: it doesn't.
    """
    indent = indent_of(text, at)
    if line_start(text, at) + len(indent) != at:
        raise ValueError("a key doesn't begin its line")
    return indent


def _block(name: str, entry: dict[str, Any], indent: str, end: str) -> str:
    lines = [f"{indent}{name}:"]
    lines += [f"{indent}  {member}: {_flow(value)}" for member, value in entry.items()]
    return "".join(f"{line}{end}" for line in lines)


def _into_flow(text: str, node: yaml.MappingNode, member: str) -> str:
    return inserted(text, node.start_mark.index + 1, f"{member}, " if node.value else member)


def _flow(value: object) -> str:
    """A value as JSON, which YAML reads too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")
