"""The interface of a notification channel."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from alya_mcp.gate.approvals import Way
from alya_mcp.notify.notice import Notice

Redeem = Callable[[str], Awaitable[str | None]]
"""Gives the answer that a token stands for; what to tell the user, or None for a token that is not good."""


class CantNotify(Exception):
    """A question couldn't be sent, or answers couldn't be read. The text is for the user, without secrets."""


class NotifyWay(Protocol):
    """A notification channel."""

    name: Way

    async def send(self, notice: Notice) -> None:
        """Send a question.

        Raises:
            CantNotify, Failure: it didn't arrive, or that isn't known.
        """
        ...

    async def listen(self, redeem: Redeem) -> None:
        """Poll for answers once, waiting some seconds if the service can, and `redeem` each.

        Raises:
            CantNotify, Failure: they can't be read.
        """
        ...

    async def settled(self, notice: Notice, words: str) -> None:
        """The question no longer waits, as `words` say: remove its buttons if possible."""
        ...
