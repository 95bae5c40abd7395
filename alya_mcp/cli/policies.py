"""The policy that a command works on, and the exit codes of its decisions."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.output import printable, say
from alya_mcp.runtime.paths import expanded, tilde
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.gate import Policy
    from alya_mcp.gate.simulation.rehearsal import FactsOf

TOOL_ERROR = 1
_EXIT_CODES = {"allow": 0, "deny": 3, "ask": 4}
_NOT_THE_POLICY = "(invalid arguments)"


@dataclass(frozen=True, slots=True)
class InForce:
    """A loaded policy, its file, and where it comes from: named by the user, in ALYA_HOME, or packaged."""

    policy: "Policy"
    path: Path
    origin: str

    @property
    def source(self) -> str:
        """The file and why it is the one, in words."""
        return f"{tilde(self.path)} ({self.origin})"


def settings_with(policy: Path | None) -> Settings:
    """The environment's settings, with the policy file of the command line before all others."""
    settings = Settings.from_environment()
    return settings if policy is None else replace(settings, policy=expanded(policy).absolute())


def read_policy(settings: Settings, also: Collection[str] = ()) -> InForce:
    """The policy that a server with `settings` would obey; says what is likely a mistake in it.

    The tools `also` are known beside those of the catalogue.

    Raises:
        click.UsageError: when it can't be used; the text says where it is wrong.
    """
    from alya_mcp.app.policy import find_policy
    from alya_mcp.gate import Policy, PolicyError, StateError
    from alya_mcp.tools import NAMES

    try:
        place = find_policy(settings)
    except StateError as error:
        raise click.UsageError(f"It can't be determined whose policy is in force: {error}") from None
    tools = {*NAMES, *also}
    try:
        policy = Policy.load(place.path, tools)
    except PolicyError as error:
        raise click.UsageError(
            f"The policy can't be used; a server with it would deny every call.\n{error}"
        ) from None
    for warning in policy.warnings(tools):
        say(printable(f"Warning: {tilde(place.path)}: {warning}"))
    return InForce(policy, place.path, place.origin)


def exit_code(decision: str, rule: str) -> int:
    """How a command ends after `decision` by `rule`: arguments that don't fit are an error, not a denial."""
    return TOOL_ERROR if rule == _NOT_THE_POLICY else _EXIT_CODES[decision]


def facts_of(*, schemas: bool = True) -> "FactsOf":
    """What the catalogue knows of a tool, for calls that are only played.

    Without `schemas` every name is a tool, and arguments are taken as they are.
    """
    from alya_mcp.gate.simulation.rehearsal import Facts
    from alya_mcp.tools import load_catalogue

    catalogue = load_catalogue()

    def facts(name: str) -> Facts:
        tool = catalogue.get(name)
        if tool is None:
            return Facts(known=not schemas)
        return Facts(
            price=tool.price,
            category=tool.category,
            validate=tool.validate if schemas else None,
            priced_per=tool.priced_per,
        )

    return facts
