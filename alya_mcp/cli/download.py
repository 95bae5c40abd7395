"""Fetches the file that a tool's result links to."""

import hashlib
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, ProxyHandler, build_opener

from mcp_types import CallToolResult

from alya_mcp.runtime.private_files import write_whole

_SECONDS = 60
_LARGEST = 200_000_000


class DownloadError(Exception):
    """The file couldn't be fetched or kept; the text says why, for the user."""


def download(result: CallToolResult, target: Path) -> list[tuple[Path, int]]:
    """Save what `result` links to as `target`, replacing it whole, and return where it is and its size.

    Of several pictures the second is saved as `NAME-2.SUFFIX`, and so on.

    Raises:
        DownloadError: when there is no link, it doesn't open, or its checksum differs from the result's.
    """
    structured: Any = result.structured_content
    answer = cast("dict[str, Any]", structured) if isinstance(structured, dict) else {}
    images = cast("list[dict[str, Any]]", answer.get("images") or [answer])
    targets = [target, *(target.with_stem(f"{target.stem}-{n}") for n in range(2, len(images) + 1))]
    return [(place, _save(each, place)) for each, place in zip(images, targets, strict=True)]


def _save(answer: dict[str, Any], target: Path) -> int:
    url = answer.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
        raise DownloadError("The answer links to no file, so --save has nothing to save.")
    data = _fetch(url)
    if "sha256" in answer and hashlib.sha256(data).hexdigest() != answer["sha256"]:
        raise DownloadError("What the URL opens isn't the file that was made (SHA-256 differs); not saved.")
    _write(target, data)
    return len(data)


def _fetch(url: str) -> bytes:
    try:
        with _opener(url).open(url, timeout=_SECONDS) as response:
            data = cast("bytes", response.read(_LARGEST + 1))
    except HTTPError as error:
        answer = f"{error.code} {error.reason}"
        raise DownloadError(f"The URL answered {answer}; the file stays in the store.") from None
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(f"The URL doesn't open ({reason}); the file stays in the store.") from None
    if len(data) > _LARGEST:
        raise DownloadError(f"The file is over {_LARGEST:,} bytes; --save takes at most that.")
    return data


def _opener(url: str) -> OpenerDirector:
    """What opens `url`: through the environment's proxy, unless it is this machine that answers."""
    here = urlsplit(url).hostname in {"127.0.0.1", "::1", "localhost"}
    return build_opener(ProxyHandler({})) if here else build_opener()


def _write(target: Path, data: bytes) -> None:
    try:
        write_whole(target, data, synced=False)
    except OSError as error:
        raise DownloadError(f"{target} can't be written: {error.strerror}.") from None
