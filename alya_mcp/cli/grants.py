"""`alya-mcp grants`: identities of callers, each with a label, a token and perhaps a policy of its own."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, say_unusable, show_json, show_table
from alya_mcp.cli.times import moment
from alya_mcp.runtime.paths import expanded, tilde
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.gate.grants import Grant, Grants

REFUSED = 1
UNREADABLE = 2


@click.group(short_help="Give callers an identity of their own, and take it back.")
def grants() -> None:
    """Give agents identities of their own: counted and logged apart, revoked alone.

    A server takes the identity whose token ALYA_GRANT holds; without one the caller is `local`. The token
    is shown once and kept as a hash.
    """


@grants.command(short_help="Make a grant and show its token.")
@click.argument("label")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A policy of its own; the common one is obeyed otherwise.",
)
@output_option
def create(label: str, policy: Path | None, output: OutputFormat) -> int:
    """Make a grant called LABEL and show its token, this once: it goes into ALYA_GRANT of a client.

    Exit codes: 0, 1 the label can't be used or was given before, 2 wrong usage, a policy that can't be
    used, or grants that can't be read or written.
    """
    own = None if policy is None else _usable(policy)
    with _grants() as all_grants:
        grant, token = all_grants.create(label, own)
    _show_token(grant, token, output)
    return 0


@grants.command("list", short_help="Show all grants.")
@output_option
def list_(output: OutputFormat) -> int:
    """Show every grant, revoked ones too, the oldest first; no tokens, nobody has them.

    Exit codes: 0, or 2 when they can't be read.
    """
    with _grants() as all_grants:
        found = all_grants.all()
    if output == "json":
        show_json([_as_json(grant) for grant in found])
    elif found:
        show_table(
            [
                (
                    grant.id,
                    grant.label,
                    "ok" if grant.revoked_ns is None else "revoked",
                    moment(grant.created_ns),
                    "the common one" if grant.policy is None else tilde(grant.policy),
                )
                for grant in found
            ],
            ("id", "label", "", "created", "policy"),
        )
    else:
        say("There are no grants; every caller is local.")
    return 0


@grants.command(short_help="Replace a grant's token.")
@click.argument("grant", metavar="ID|LABEL")
@output_option
def rotate(grant: str, output: OutputFormat) -> int:
    """Give a grant a new token and show it, this once. The old one is refused at once.

    Exit codes: 0, 1 there is no such grant or it is revoked, 2 the grants can't be read or written.
    """
    with _grants() as all_grants:
        found, token = all_grants.rotate(grant)
    _show_token(found, token, output)
    return 0


@grants.command(short_help="End a grant for good.")
@click.argument("grant", metavar="ID|LABEL")
@output_option
def revoke(grant: str, output: OutputFormat) -> int:
    """End a grant for good: running servers that use it deny its next call. Its label stays taken.

    Exit codes: 0, 1 there is no such grant, 2 the grants can't be read or written.
    """
    with _grants() as all_grants:
        found = all_grants.revoke(grant)
    if output == "json":
        show_json(_as_json(found))
    else:
        click.echo(f"revoked {found.label} ({found.id})")
    return 0


@contextmanager
def _grants() -> Generator["Grants"]:
    """The grants of this machine.

    Raises:
        click.exceptions.Exit: after the reason is said: it is refused, or they can't be used.
    """
    from alya_mcp.gate import StateError
    from alya_mcp.gate.grants import GrantError
    from alya_mcp.toolkit.caller import open_grants

    try:
        with open_grants(Settings.from_environment()) as all_grants:
            yield all_grants
    except GrantError as error:
        say(f"Error: {error}")
        raise click.exceptions.Exit(REFUSED) from None
    except StateError as error:
        say_unusable(error)
        raise click.exceptions.Exit(UNREADABLE) from None


def _usable(policy: Path) -> str:
    """The absolute path of a policy file that loads.

    Raises:
        click.UsageError: it doesn't.
    """
    from alya_mcp.gate import Policy, PolicyError

    path = expanded(policy).absolute()
    try:
        Policy.load(path)
    except PolicyError as error:
        raise click.UsageError(f"The policy can't be used.\n{error}") from None
    return str(path)


def _show_token(grant: "Grant", token: str, output: OutputFormat) -> None:
    if output == "json":
        show_json({"id": grant.id, "label": grant.label, "token": token})
        return
    click.echo(token)
    say(f"The token of {grant.label} ({grant.id}), shown this once; a client passes it as ALYA_GRANT.")


def _as_json(grant: "Grant") -> dict[str, Any]:
    return {
        "id": grant.id,
        "label": grant.label,
        "revoked": grant.revoked_ns is not None,
        "policy": grant.policy,
        "created": moment(grant.created_ns),
        "rotatedAt": None if grant.rotated_ns is None else moment(grant.rotated_ns),
        "revokedAt": None if grant.revoked_ns is None else moment(grant.revoked_ns),
    }
