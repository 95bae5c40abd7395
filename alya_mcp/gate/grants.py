"""Grants: who may call. A label, a token of which only the hash is kept, and perhaps a policy of its own."""

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

TOKEN_PREFIX: Final = "alya_"  # noqa: S105 - what every token begins with, so that scanners know one
_TOKEN_BYTES: Final = 32
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_ID: Final = re.compile(r"g-[a-z2-7]{8}")
_OWN: Final = "local"


class GrantError(Exception):
    """What was asked of a grant can't be done. The text is for the user."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A caller's identity. Calls are counted and logged under its label.

    `policy` is the absolute path of its own policy file, None when it obeys the common one. Times are in
    nanoseconds since 1970.
    """

    id: str
    label: str
    policy: str | None
    created_ns: int
    rotated_ns: int | None = None
    revoked_ns: int | None = None


class GrantStore(Protocol):
    """Where grants are kept, shared by all processes; every method `StateError`."""

    def add(self, grant: str, label: str, policy: str | None, digest: str) -> Grant:
        """Keep a new grant under the id `grant`; `GrantError` when its label was ever given before."""
        ...

    def replace(self, reference: str, digest: str) -> Grant:
        """Give the grant with that id or label another token; `GrantError` when it is unknown or revoked."""
        ...

    def revoke(self, reference: str) -> Grant:
        """End a grant for good; `GrantError` when it is unknown."""
        ...

    def holder(self, digest: str) -> Grant | None:
        """The grant whose token has that hash, unless it is revoked."""
        ...

    def all(self) -> Sequence[Grant]:
        """Every grant, the oldest first."""
        ...


class Grants:
    """Issues, rotates, revokes and recognises grants.

    A token is 256 random bits and is found by its SHA-256, so that what is kept opens nothing and the time a
    look-up takes says nothing. Every method raises `StateError` when the store can't be used.
    """

    def __init__(self, store: GrantStore) -> None:
        self._store = store

    def create(self, label: str, policy: str | None = None) -> tuple[Grant, str]:
        """A new grant and its token, which can't be looked up later.

        Raises:
            GrantError: the label can't be used or is taken.
        """
        if not _LABEL.fullmatch(label) or _ID.fullmatch(label):
            raise GrantError(
                f"the label {label!r} can't be used; it takes 1 to 64 letters, digits and . _ @ -, begins "
                "with a letter or digit, and doesn't look like the id of a grant"
            )
        if label.lower() == _OWN:
            raise GrantError(f"the label {label!r} is what a caller without a grant is called; take another")
        token = _new_token()
        return self._store.add(_new_id(), label, policy, _digest(token)), token

    def rotate(self, reference: str) -> tuple[Grant, str]:
        """The grant with that id or label and its new token; the old one is refused from now on.

        Raises:
            GrantError: it is unknown or revoked.
        """
        token = _new_token()
        return self._store.replace(reference, _digest(token)), token

    def revoke(self, reference: str) -> Grant:
        """End the grant with that id or label for good: its next call is denied.

        Raises:
            GrantError: it is unknown.
        """
        return self._store.revoke(reference)

    def caller(self, token: str) -> Grant | None:
        """Whose token that is; None for a wrong one and for a revoked grant's."""
        return self._store.holder(_digest(token))

    def all(self) -> Sequence[Grant]:
        """Every grant, revoked ones too, the oldest first."""
        return self._store.all()


def _new_token() -> str:
    return TOKEN_PREFIX + base64.urlsafe_b64encode(os.urandom(_TOKEN_BYTES)).rstrip(b"=").decode("ascii")


def _new_id() -> str:
    return "g-" + base64.b32encode(os.urandom(5)).decode("ascii").lower()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
