"""The result of one check, as data; `words` has a function for each kind of result."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, ParamSpec, cast

CheckState = Literal["ok", "warn", "fail"]
_Fields = ParamSpec("_Fields")


class Words(NamedTuple):
    """A check in words: what was found, and what to do about it (None when all is well)."""

    detail: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """How `part` is: what kind of result it is, and the fields of that kind.

    The kind is the function of `words` that puts the fields into words; its name is the check's id.
    """

    part: str
    state: CheckState
    kind: Callable[..., Words]
    fields: Mapping[str, object]

    @property
    def id(self) -> str:
        """What was found, for programs: a name that stays when the words change."""
        return self.kind.__name__

    @property
    def words(self) -> Words:
        """The check in words."""
        return self.kind(**self.fields)

    def as_json(self) -> dict[str, Any]:
        """The check as `doctor --output json` shows it."""
        said = self.words
        return {
            "part": self.part,
            "state": self.state,
            "detail": said.detail,
            "remedy": said.remedy,
            "id": self.id,
            "fields": _plain(self.fields),
        }


def ok(part: str, kind: Callable[_Fields, Words], *_: _Fields.args, **fields: _Fields.kwargs) -> Check:
    """All is well with `part`. Fields are given by name."""
    return Check(part, "ok", kind, fields)


def warn(part: str, kind: Callable[_Fields, Words], *_: _Fields.args, **fields: _Fields.kwargs) -> Check:
    """`part` works, but not as the user may expect. Fields are given by name."""
    return Check(part, "warn", kind, fields)


def fail(part: str, kind: Callable[_Fields, Words], *_: _Fields.args, **fields: _Fields.kwargs) -> Check:
    """`part` doesn't work. Fields are given by name."""
    return Check(part, "fail", kind, fields)


def _plain(value: object) -> Any:
    """`value` as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in cast("tuple[object, ...]", value)]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value) if isinstance(value, Path) else value
