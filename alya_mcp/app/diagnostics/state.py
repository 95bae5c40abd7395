"""Check of the state file, which holds limits, grants and approvals."""

from collections.abc import Iterator

from alya_mcp.app.diagnostics.check import Check, fail, ok
from alya_mcp.app.diagnostics.words import machine as words
from alya_mcp.gate.paths import is_absent
from alya_mcp.settings import Settings


def state(settings: Settings) -> Iterator[Check]:
    """Whether what is kept for the gate can be read and written; makes nothing."""
    from alya_mcp.gate import SqliteState, StateError

    file = settings.state_file
    if is_absent(file):
        yield ok("state", words.state_absent)
        return
    kept = SqliteState(file)
    try:
        kept.check()
    except StateError as error:
        yield fail("state", words.state_unusable, reason=str(error), remedy=error.remedy)
    else:
        yield ok("state", words.state, file=file, size=file.stat().st_size)
    finally:
        kept.close()
