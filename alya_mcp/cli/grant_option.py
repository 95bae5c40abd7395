"""The option `--grant` of commands that write records of one caller."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from alya_mcp.settings import Settings

T = TypeVar("T", bound=Callable[..., Any])

_NOBODY = "local"
"""The label of callers without a grant."""


def grant_option(what: str) -> Callable[[T], T]:
    """`--grant LABEL`: whose `what` a command is about; a label that no grant has is refused."""
    return click.option(
        "--grant", default=_NOBODY, show_default=True, metavar="LABEL", callback=_known,
        help=f"Label of the caller whose {what}.",
    )  # fmt: skip


def _known(_context: click.Context, _parameter: click.Parameter, label: str) -> str:
    if label == _NOBODY:
        return label
    from alya_mcp.gate import StateError
    from alya_mcp.toolkit.caller import open_grants

    try:
        with open_grants(Settings.from_environment()) as grants:
            labels = {each.label for each in grants.all()}
    except StateError as error:
        raise click.ClickException(str(error)) from None
    if label not in labels:
        known = f"; there are {', '.join(sorted(labels))}" if labels else ""
        raise click.BadParameter(
            f"no grant has the label {label!r}{known}. 'alya-mcp grants create' makes one."
        )
    return label
