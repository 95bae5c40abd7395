"""Signed, expiring links to local pictures: signing and verifying them.

A link has the shape of a presigned S3 URL. Its signature covers every character before it, so that there is
exactly one way to write a valid link and nothing to normalise.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from alya_mcp.storage.store import KEY, MAX_EXPIRY, MIN_EXPIRY, safe_filename

HOST: Final = "127.0.0.1"
"""Local links point at this machine and open nowhere else."""

_PATH = re.compile(rf"/images/{KEY}")
_TARGET = re.compile(
    rf"(?P<signed>/images/(?P<key>{KEY})"
    r"\?X-Alya-Date=(?P<date>[0-9]{8}T[0-9]{6}Z)"
    r"&X-Alya-Expires=(?P<expires>[0-9]{1,6})"
    r"&X-Alya-Filename=(?P<filename>[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}))"
    r"&X-Alya-Signature=(?P<signature>[0-9a-f]{64})",
)
_DATE = "%Y%m%dT%H%M%SZ"


class LinkRefused(Exception):
    """A link doesn't open; `status` is the HTTP status, the text is for the user who opened it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLink:
    """The parts of a link. `signed_at` is in whole seconds since 1970, `expires_in` in seconds."""

    key: str
    signed_at: int
    expires_in: int
    filename: str

    @property
    def expires_at(self) -> int:
        """The first second, since 1970, in which the link no longer opens."""
        return self.signed_at + self.expires_in


def sign(secret: bytes, link: SignedLink) -> str:
    """The path and query of `link`, to follow `http://host:port`."""
    date = datetime.fromtimestamp(link.signed_at, UTC).strftime(_DATE)
    signed = (
        f"/images/{link.key}?X-Alya-Date={date}&X-Alya-Expires={link.expires_in}"
        f"&X-Alya-Filename={safe_filename(link.filename)}"
    )
    return f"{signed}&X-Alya-Signature={_signature(secret, signed)}"


def judge(secret: bytes, target: str, now: float) -> SignedLink:
    """The link in a request's `target`, if it is signed with `secret` and open at `now` (seconds since 1970).

    Raises:
        LinkRefused: 404 for what isn't an image's path, 403 for a wrong signature or an expired link.
    """
    match = _TARGET.fullmatch(target)
    if match is None:
        if _PATH.fullmatch(target.partition("?")[0]):
            raise LinkRefused(403, "This link carries no valid signature. Use it exactly as it was given.")
        raise LinkRefused(404, "There is nothing here.")
    if not hmac.compare_digest(_signature(secret, match["signed"]), match["signature"]):
        raise LinkRefused(403, "This link was changed. Use it exactly as it was given.")
    try:
        signed_at = int(datetime.strptime(match["date"], _DATE).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise LinkRefused(403, "The date of this link doesn't exist.") from None
    link = SignedLink(
        key=match["key"], signed_at=signed_at, expires_in=int(match["expires"]), filename=match["filename"]
    )
    if not MIN_EXPIRY <= link.expires_in <= MAX_EXPIRY:
        raise LinkRefused(403, f"A link lives {MIN_EXPIRY} to {MAX_EXPIRY} seconds.")
    if now >= link.expires_at:
        ended = datetime.fromtimestamp(link.expires_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        raise LinkRefused(403, f"This link expired at {ended} UTC.")
    return link


def _signature(secret: bytes, signed: str) -> str:
    return hmac.new(secret, f"alya-link-1\nGET\n{signed}".encode(), hashlib.sha256).hexdigest()
