"""Verifies the audit log in the background, one run at a time."""

import threading
import time

from alya_mcp.app.diagnostics.gate import verify_audit
from alya_mcp.gate import AuditError, Report, StateError
from alya_mcp.settings import Settings


class Verifying:
    """The newest look: when it ended (seconds since 1970), what it found, or why it couldn't look."""

    def __init__(self, settings: Settings) -> None:
        self.at: float | None = None
        self.report: Report | None = None
        self.error: str | None = None
        self.running = False
        self._settings = settings
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Look, unless that is being done."""
        with self._lock:
            if self.running:
                return
            self.running = True
        threading.Thread(target=self._look, name="alya-verify", daemon=True).start()

    def _look(self) -> None:
        try:
            self.report, self.error = verify_audit(self._settings), None
        except (AuditError, StateError) as error:
            self.report, self.error = None, str(error)
        finally:
            self.at, self.running = time.time(), False
