"""The caller: the grant whose token the environment holds, or the user of this machine."""

from collections.abc import Generator
from contextlib import contextmanager

from alya_mcp.gate import SqliteState
from alya_mcp.gate.grants import Grant, Grants
from alya_mcp.settings import Settings

LOCAL = "local"
"""The label of calls that come without a grant."""


class Caller:
    """Looks the caller of this process up for every call, so that a revoked grant is refused at once."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.grant
        self._state = SqliteState(settings.state_file)

    def label(self) -> str | None:
        """The grant's label, `LOCAL` without a token, None when it is wrong or revoked.

        Raises:
            StateError: the grants can't be read.
        """
        if self._token is None:
            return LOCAL
        grant = self.grant()
        return None if grant is None else grant.label

    def grant(self) -> Grant | None:
        """The grant; None without a token, and for a wrong or revoked one.

        Raises:
            StateError: the grants can't be read.
        """
        return None if self._token is None else Grants(self._state.grants).caller(self._token)

    def close(self) -> None:
        """Close the state's file; the next look-up opens it again."""
        self._state.close()


@contextmanager
def open_grants(settings: Settings) -> Generator[Grants]:
    """The grants of the state that `settings` name; reading them creates no file."""
    state = SqliteState(settings.state_file)
    try:
        yield Grants(state.grants)
    finally:
        state.close()


def calling_grant(settings: Settings) -> Grant | None:
    """The grant whose token `settings` hold; None without a token, and for a wrong or revoked one.

    Raises:
        StateError: the grants can't be read.
    """
    caller = Caller(settings)
    try:
        return caller.grant()
    finally:
        caller.close()
