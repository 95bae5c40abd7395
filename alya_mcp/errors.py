"""Failures that a tool reports to the model.

Each class's text is read by the model, so it says what was wrong, with what value, and what would help;
it holds no secret and no private path. Anything else that a handler raises is a bug: the model learns only
that the tool failed, the user finds the particulars on stderr.
"""

from typing import Final

from alya_mcp.gate import ToolError
from alya_mcp.runtime.installation import this_installation


class Failure(ToolError):
    """A tool can't do what was asked, for a reason that the caller can understand."""


class InvalidInput(Failure):
    """An argument fits the schema and still can't be used."""


class Unavailable(Failure):
    """Something the tool depends on doesn't answer now; the same call may succeed later."""


class NotConfigured(Failure):
    """The user has to set something up first; the text says what."""


class NotInstalled(NotConfigured):
    """A part of alya-mcp that comes as an extra is missing."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the {extra!r} extra, which is not installed. {this_installation().advice(extra)}"
        )


class EngineNotInstalled(NotInstalled):
    """What draws pictures is installed nowhere that this process could start it."""

    def __init__(self, what: str) -> None:
        Failure.__init__(
            self,
            f"{what} needs the image engine, which is not installed. The user can run: "
            f"{this_installation().program} engine install",
        )


_OWN: Final[tuple[type[Failure], ...]] = (InvalidInput, NotConfigured, Unavailable)
_KINDS: Final = {cls.__name__: cls for cls in _OWN}


def kind_of(failure: Failure) -> str:
    """The name by which another process knows what `failure` is."""
    return next((cls for cls in _OWN if isinstance(failure, cls)), Failure).__name__


def failure_of(kind: object, message: str) -> Failure:
    """The failure that another process told; of a kind that only its version knows, a plain one."""
    return _KINDS.get(str(kind), Failure)(message)
