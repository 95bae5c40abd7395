"""Tells answers of an S3 store from those of a web page, a proxy or a redirect."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from alya_mcp.errors import NotConfigured

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PASSING: Final = frozenset({408, 429})
"""Statuses of somebody on the way who asks for another try."""
_KNOWS_REGION: Final = (b"<Region>", b"AuthorizationHeaderMalformed")
_PROXY_WANTS_PASSWORD: Final = 407
_TROUBLE: Final = 500


def require_s3(status: int, headers: Mapping[str, str], body: bytes, host: str) -> None:
    """Check that an answer of `host` is one of an S3 store.

    boto3 follows a redirect that names no region without end, and takes any page for a store in trouble.

    Raises:
        NotConfigured: it isn't S3 that answers, or only an address that redirects.
    """
    told = {name.lower(): value for name, value in headers.items()}
    if status in _REDIRECTS:
        if "x-amz-bucket-region" not in told and not any(sign in body for sign in _KNOWS_REGION):
            raise redirected(host, status, told.get("location", ""))
    elif status == _PROXY_WANTS_PASSWORD:
        raise NotConfigured(
            f"A proxy on the way to {host} wants a user name and a password (HTTP 407). The user can set "
            "them in HTTPS_PROXY or HTTP_PROXY, or name the store in NO_PROXY."
        )
    elif status < _TROUBLE and status not in _PASSING and _is_foreign(body):
        raise no_store(host, f"HTTP {status}")


def redirected(host: str, status: int, location: str = "") -> NotConfigured:
    """The failure for an address that only redirects, to `location` where that is known."""
    return NotConfigured(
        f"{host} redirects{_destination(location)} (HTTP {status}) instead of answering as an S3 store. The "
        "user can set ALYA_S3_ENDPOINT_URL to the store's own address, with https:// if that is where it "
        "redirects."
    )


def no_store(host: str, what: str) -> NotConfigured:
    """The failure for a server that isn't an S3 store."""
    return NotConfigured(
        f"What answers at {host} isn't an S3 store ({what}): perhaps its console, a web page or a gateway. "
        "The user can check ALYA_S3_ENDPOINT_URL, which takes the address and port of the S3 API, and the "
        "proxy."
    )


def _is_foreign(body: bytes) -> bool:
    """Whether a body is neither empty nor XML. OpenStack Swift calls an empty one text/html."""
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return bool(start) and (not start.startswith(b"<") or start.startswith((b"<!doctype html", b"<html")))


def _destination(location: str) -> str:
    try:
        parts = urlsplit(location)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f" to {parts.scheme}://{parts.hostname}{port}" if parts.scheme and parts.hostname else ""
