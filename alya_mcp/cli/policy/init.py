"""`alya-mcp policy init`: a policy to begin with."""

import json
import shlex
from pathlib import Path
from typing import Literal

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show_json
from alya_mcp.cli.tools import show_tools
from alya_mcp.runtime.paths import tilde
from alya_mcp.runtime.private_files import write_whole
from alya_mcp.settings import Settings

_STDOUT = Path("-")


@click.command(short_help="Write a policy to begin with.")
@click.option("--preset", type=click.Choice(["strict", "balanced", "open"]), default="balanced",
              show_default=True, help="How much passes without a person.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE",
              help="Where to write it, - for stdout (default: policy.json in ALYA_HOME).")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@output_option
def init(
    preset: Literal["strict", "balanced", "open"], out: Path | None, force: bool, output: OutputFormat
) -> int:
    """Write a starting policy, made from each tool's category, risk and price, and show what it says.

    strict: what costs or writes needs a person's yes, what runs, deletes or pays is denied.
    balanced: reading and writing pass within limits, what is risky needs a yes. open: everything
    passes within wide limits, but what runs, deletes or pays.

    Exit codes: 0 written, 2 the file is there already, can't be written or has no policy's name.
    """
    from alya_mcp.app.presets import starting_policy
    from alya_mcp.gate import Policy
    from alya_mcp.gate.policy.file import NAMES, is_policy_name
    from alya_mcp.tools import load_catalogue

    file = Settings.from_environment().home / "policy.json" if out is None else out
    if file != _STDOUT and not is_policy_name(file):
        raise click.UsageError(f"{tilde(file)}: {NAMES}.")
    catalogue = load_catalogue()
    document = starting_policy(preset, catalogue.values())
    policy = Policy.parse(document)
    text = json.dumps(document, indent=2) + "\n"
    if file != _STDOUT:
        _write(file, text, force)
    if output == "json":
        place = None if file == _STDOUT else str(file)
        show_json({"file": place, "preset": preset, "digest": policy.digest, "policy": document})
        return 0
    if file == _STDOUT:
        click.echo(text, nl=False)
    else:
        show_tools(catalogue.values(), policy)
        say(f"Wrote {tilde(file)}. {_next(out)}")
    say(policy.description)
    return 0


def _next(out: Path | None) -> str:
    if out is None:
        return "Running servers obey it within 0.15 s, unless --policy, ALYA_POLICY or a grant names another."
    place = shlex.quote(str(out.absolute()))
    return f"A server obeys it with: alya-mcp serve --policy {place} (or ALYA_POLICY)."


def _write(file: Path, text: str, force: bool) -> None:
    """Write the whole file or nothing of it.

    Raises:
        click.UsageError: it is there already and `force` isn't given, or it can't be written.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(file, text.encode(), new=not force)
    except FileExistsError:
        raise click.UsageError(f"{tilde(file)} is there already; --force replaces it.") from None
    except OSError as error:
        raise click.UsageError(f"{tilde(file)} can't be written: {error.strerror or error}") from None
