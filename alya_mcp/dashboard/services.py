"""The services that the pages share: settings, state, audit index, policy in force."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

from alya_mcp.app.policy import open_policy
from alya_mcp.dashboard.drawing import DrawingRuns
from alya_mcp.dashboard.looking import Looking
from alya_mcp.dashboard.verifying import Verifying
from alya_mcp.gate import AuditError, Policy, PolicyError, SqliteState
from alya_mcp.gate.audit.index import AuditIndex
from alya_mcp.settings import Settings
from alya_mcp.toolkit.caller import LOCAL
from alya_mcp.tools.images.repeat_index import RepeatIndex

if TYPE_CHECKING:
    from alya_mcp.gate.grants import Grant
    from alya_mcp.tools import Catalogue

_EVERY_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Services:
    """Made once per dashboard; may be used from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.state = SqliteState(settings.state_file)
        self.index = AuditIndex(settings.audit_folder, settings.home / "dashboard" / "audit-index.sqlite")
        self.verifying = Verifying(settings)
        self.health = Looking()
        self.drawing = DrawingRuns(settings)
        self.repeats = RepeatIndex(settings.home)
        self._policies = open_policy(settings)
        self._policy_lock = threading.Lock()
        self.stopping = threading.Event()
        self.index_trouble: str | None = None
        self._indexing: threading.Thread | None = None

    @cached_property
    def catalogue(self) -> "Catalogue":
        """Every tool."""
        from alya_mcp.tools import load_catalogue

        return load_catalogue()

    @property
    def policy(self) -> Policy:
        """The policy in force for a caller without a grant of their own."""
        with self._policy_lock:
            return self._policies.current()

    @property
    def policy_error(self) -> PolicyError | None:
        """Why the newest policy isn't the one in force; None when it is."""
        return self._policies.error

    def callers(self) -> "Iterator[tuple[str, Grant | None]]":
        """The callers there are: `local`, and each grant that isn't revoked. `StateError`."""
        yield LOCAL, None
        for grant in self.state.grants.all():
            if grant.revoked_ns is None:
                yield grant.label, grant

    def start(self) -> None:
        """Follow the audit log from now on."""
        self._indexing = threading.Thread(target=self._follow, name="alya-index", daemon=True)
        self._indexing.start()

    def close(self) -> None:
        """Let go of everything."""
        self.stopping.set()
        if self._indexing is not None:
            self._indexing.join()
        self.drawing.close()
        self.repeats.close()
        self.index.close()
        self.state.close()

    def _follow(self) -> None:
        while not self.stopping.is_set():
            try:
                self.index.refresh(self.stopping.is_set)
                self.index_trouble = None
            except (AuditError, OSError, sqlite3.Error) as error:
                if str(error) != self.index_trouble:
                    _log.warning("the audit log can't be indexed: %s", error)
                self.index_trouble = str(error)
            self.stopping.wait(_EVERY_SECONDS)
