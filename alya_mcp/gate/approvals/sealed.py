"""The state that a client returns with its user's answer, sealed against forgery."""

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final, NamedTuple

from alya_mcp.gate.approvals.question import Question

_NONCE: Final = 16
_STAMP: Final = 8
_DIGEST: Final = 32
_SIZE: Final = _NONCE + _STAMP + _DIGEST + _DIGEST
_PURPOSE: Final = b"alya-mcp approval\x00"


class Sealed(NamedTuple):
    """What a state says: once, until when (on the clock that never goes back), to which question."""

    nonce: bytes
    until_ns: int
    binding: bytes

    def binds(self, question: Question) -> bool:
        """Whether it was made for `question`."""
        return hmac.compare_digest(self.binding, bytes.fromhex(question.binding))


class Sealer:
    """Seals states and opens those that it sealed itself: its key ends with it."""

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def seal(self, question: Question, until_ns: int) -> str:
        """A state for `question`, as text that may stand in a URL."""
        stamp = until_ns.to_bytes(_STAMP, "big")
        body = os.urandom(_NONCE) + stamp + bytes.fromhex(question.binding)
        return base64.urlsafe_b64encode(body + self._mac(body)).rstrip(b"=").decode("ascii")

    def open(self, state: str) -> Sealed | None:
        """What was sealed; None for anything that this object didn't seal."""
        if len(state) != -(-_SIZE * 4 // 3) or not state.isascii():
            return None
        try:
            data = base64.b64decode(state + "=" * (-len(state) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        body, mac = data[:-_DIGEST], data[-_DIGEST:]
        if len(data) != _SIZE or not hmac.compare_digest(mac, self._mac(body)):
            return None
        until = int.from_bytes(body[_NONCE : _NONCE + _STAMP], "big")
        return Sealed(body[:_NONCE], until, body[_NONCE + _STAMP :])

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, _PURPOSE + body, hashlib.sha256)
