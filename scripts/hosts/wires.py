"""What a request to a model holds, whichever of its interfaces it came by."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

Json = dict[str, Any]
_PICTURE_IN_TEXT: Final = re.compile(r"/9j/[A-Za-z0-9+/]{200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that the model wants; `tool` is the server's name for it."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A tool of a request, by the host's name; `namespace` is the group that it is in."""

    name: str
    namespace: str | None = None
    definition: Json

    @property
    def size(self) -> int:
        """Bytes of its definition."""
        return len(json.dumps(self.definition, ensure_ascii=False, separators=(",", ":")).encode())

    def filled(self, arguments: Mapping[str, Any]) -> Json:
        """`arguments`, and what the host's schema requires beside them: a default, or what says least."""
        function = cast("Json", self.definition.get("function") or self.definition)
        schema = cast("Json", function.get("parameters") or function.get("input_schema") or {})
        properties = cast("dict[str, Json]", schema.get("properties") or {})
        required = cast("list[str]", schema.get("required") or [])
        return {name: _least(properties.get(name, {})) for name in required} | dict(arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a request holds: the tools, and what came since the model's last answer."""

    tools: Sequence[Offered]
    new: Sequence[Json]
    at: float

    @property
    def text(self) -> str:
        """All text that is new, JSON in text undone."""
        joined = "\n".join(strings(list(self.new)))
        return joined.replace('\\"', '"').replace("\\u0026", "&").replace("\\n", "\n")

    @property
    def picture(self) -> str:
        """How a picture came along: as one (`image`), as `text`, or `none`."""
        if any(_is_picture(each) for each in _objects(list(self.new))):
            return "image"
        return "text" if _PICTURE_IN_TEXT.search(self.text) else "none"

    def ours(self, names: Sequence[str]) -> Sequence[Offered]:
        """The tools that are the server's, which calls them `names`."""
        found = [self.find(each) for each in names]
        return [each for each in found if each is not None]

    def find(self, tool: str) -> Offered | None:
        """The tool that the server calls `tool`; hosts put a prefix before it."""
        return next((each for each in self.tools if re.search(rf"(^|[^a-z]|_){tool}$", each.name)), None)


class Wire(Protocol):
    """One interface."""

    def hear(self, request: Json) -> Heard:
        """Read a request."""
        ...

    def events(self, answer: "Call | str", tool: Offered | None) -> Iterator[tuple[str | None, Json | str]]:
        """A streamed answer: names of events, and their data."""
        ...

    def whole(self, answer: "Call | str", tool: Offered | None) -> Json:
        """The answer in one piece."""
        ...


def _least(schema: Json) -> Any:
    """What a model gives for a parameter that it has nothing to say on."""
    if "default" in schema:
        return schema["default"]
    if "anyOf" in schema or isinstance(schema.get("type"), list):
        return None
    empty: Json = {"integer": schema.get("minimum", 0), "number": 0, "string": "", "boolean": False}
    return empty.get(str(schema.get("type")), [])


def _objects(value: object) -> Iterator[Json]:
    if isinstance(value, dict):
        held = cast("Json", value)
        yield held
        for each in held.values():
            yield from _objects(each)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            yield from _objects(each)


def strings(value: object) -> Iterator[str]:
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in cast("Json", value).values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            yield from strings(each)


def _is_picture(part: Json) -> bool:
    kind = part.get("type")
    if kind == "image":  # MCP's own block, with `data`, is no picture to any of the interfaces
        return "source" in part
    if kind in {"input_image", "image_url"} and "title" not in part:
        return True
    inline = part.get("inlineData") or part.get("inline_data")
    return isinstance(inline, dict) and "data" in inline
