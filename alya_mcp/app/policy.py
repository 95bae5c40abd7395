"""Finds the policy in force: the first of the places that may hold one."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from alya_mcp.gate import Policy, PolicyError, PolicyFile, PolicySource, Problem, StateError
from alya_mcp.gate.grants import Grant
from alya_mcp.gate.paths import is_absent
from alya_mcp.settings import Settings
from alya_mcp.toolkit.caller import Caller, calling_grant

Origin = Literal["--policy or ALYA_POLICY", "the grant's own", "ALYA_HOME", "packaged"]

_UNREADABLE: Final = (
    "the grants can't be read, and so not which policy this one obeys; `alya-mcp doctor` says more"
)


@dataclass(frozen=True, slots=True)
class PolicyLocation:
    """A policy file and why it is the one."""

    path: Path
    origin: Origin


def find_policy(settings: Settings) -> PolicyLocation:
    """The policy file that `settings` lead to. One that is named, or linked to, may be missing or unreadable.

    Raises:
        StateError: a grant's token is given, and the grants can't be read.
    """
    # The grant isn't consulted where the user named the policy.
    return _locate(settings, None if settings.policy is not None else calling_grant(settings))


def _locate(settings: Settings, grant: Grant | None) -> PolicyLocation:
    if settings.policy is not None:
        return PolicyLocation(settings.policy, "--policy or ALYA_POLICY")
    if grant is not None and grant.policy is not None:
        return PolicyLocation(Path(grant.policy), "the grant's own")
    own = settings.home / "policy.json"
    return (
        PolicyLocation(packaged_policy(), "packaged") if is_absent(own) else PolicyLocation(own, "ALYA_HOME")
    )


def packaged_policy() -> Path:
    """The policy that comes with alya-mcp: in the package when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "policy.json"
    return inside if inside.exists() else package.parent / "policy.json"


def open_policy(
    settings: Settings, tools: Collection[str] | None = None, *, look_every: float = 0.5
) -> PolicySource:
    """The policy for a server: reloaded when its file changes, all denied while there is none to obey.

    `tools` are the names that it may have rules for; the catalogue's when left out. A grant that is unknown,
    or can't be looked up, is looked up again after `look_every` seconds.
    """
    from alya_mcp.tools import NAMES

    names = NAMES if tools is None else tools
    if settings.policy is None and settings.grant is not None:
        return _UntilGrantIsKnown(settings, names, look_every)
    return _open(settings, None, names)


def _open(settings: Settings, grant: Grant | None, tools: Collection[str]) -> PolicySource:
    place = _locate(settings, grant)
    if place.origin == "packaged":
        return _UntilOwn(settings, tools)
    return PolicyFile(place.path, Policy.unavailable(), tools)


class _UntilOwn:
    """The packaged policy until the user writes one into ALYA_HOME, that one from then on."""

    def __init__(self, settings: Settings, tools: Collection[str]) -> None:
        self._own_path = settings.home / "policy.json"
        self._tools = tools
        self._packaged = PolicyFile(packaged_policy(), None, tools)
        self._found = False

    @cached_property
    def _own(self) -> PolicyFile:
        return PolicyFile(self._own_path, self._packaged.current(), self._tools)

    def _source(self) -> PolicyFile:
        self._found = self._found or not is_absent(self._own_path)
        return self._own if self._found else self._packaged

    @property
    def error(self) -> PolicyError | None:
        return self._source().error

    def current(self) -> Policy:
        return self._source().current()


class _UntilGrantIsKnown:
    """Denies everything while it isn't known whether the grant has its own policy.

    The grant is looked up when a call asks, no more than once in `look_every` seconds.
    """

    def __init__(self, settings: Settings, tools: Collection[str], look_every: float) -> None:
        self._settings = settings
        self._tools = tools
        self._caller = Caller(settings)
        self._denying = Policy.unavailable()
        self._error: PolicyError | None = None
        self._found: PolicySource | None = None
        self._look_every = look_every
        self._next_look = -math.inf

    @property
    def error(self) -> PolicyError | None:
        return self._error if self._found is None else self._found.error

    def current(self) -> Policy:
        if self._found is None and time.monotonic() >= self._next_look:
            self._look()
            self._next_look = time.monotonic() + self._look_every
        return self._denying if self._found is None else self._found.current()

    def _look(self) -> None:
        try:
            grant = self._caller.grant()
        except StateError:
            self._error = PolicyError([Problem("", _UNREADABLE)])
            return
        finally:
            self._caller.close()
        self._error = None
        if grant is not None:
            self._found = _open(self._settings, grant, self._tools)
