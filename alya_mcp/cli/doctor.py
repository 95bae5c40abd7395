"""`alya-mcp doctor`: checks every part of an installation and says how to fix it."""

from collections.abc import Mapping

import click

from alya_mcp.app.diagnostics.check import Check
from alya_mcp.cli.output import OutputFormat, output_option, say, show_json, show_row
from alya_mcp.settings import Settings, SettingsError
from alya_mcp.text.plurals import counted

_STATE, _PART = 4, 14


@click.command(short_help="Look at every part and say what to do.")
@output_option
@click.pass_obj
def doctor(placeholders: Mapping[str, str], output: OutputFormat) -> int:
    """Look at Python, settings, policy, audit log, GPU, model, worker, store and clients.

    Each is ok, warn (works, but perhaps not as you expect) or fail, with what to do. Starts nothing and
    changes nothing.

    Exit codes: 0 nothing fails, 1 something does.
    """
    from alya_mcp.app.diagnostics.diagnosis import diagnose

    checks: list[Check] = []
    for check in diagnose(placeholders):
        checks.append(check)
        if output == "text":
            _show(check)
    failed = sum(check.state == "fail" for check in checks)
    if output == "json":
        show_json(
            {"ok": failed == 0, "settings": _settings(), "checks": [check.as_json() for check in checks]}
        )
    else:
        warned = sum(check.state == "warn" for check in checks)
        say(f"{counted(len(checks), 'check')}: {counted(warned, 'warning')}, {counted(failed, 'failure')}.")
    return 1 if failed else 0


def _settings() -> dict[str, str | None]:
    try:
        return Settings.from_environment().describe()
    except SettingsError:
        return {}


def _show(check: Check) -> None:
    detail, remedy = check.words
    show_row((check.state, check.part, detail), (_STATE, _PART))
    if remedy:
        show_row(("", "", f"-> {remedy}"), (_STATE, _PART))
