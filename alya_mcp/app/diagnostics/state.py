"""The file that limits, grants and approvals are kept in."""

from collections.abc import Iterator

from alya_mcp.app.diagnostics.check import Check, fail, ok
from alya_mcp.gate.paths import is_absent
from alya_mcp.runtime.paths import tilde
from alya_mcp.settings import Settings


def state(settings: Settings) -> Iterator[Check]:
    """Whether what is kept for the gate can be read and written; makes nothing."""
    from alya_mcp.gate import SqliteState, StateError

    file = settings.state_file
    if is_absent(file):
        yield ok("state", "nothing is kept yet")
        return
    kept = SqliteState(file)
    try:
        kept.check()
    except StateError as error:
        yield fail("state", str(error), error.remedy)
    else:
        yield ok("state", f"whole, {file.stat().st_size / 1e6:.1f} MB in {tilde(file)}")
    finally:
        kept.close()
