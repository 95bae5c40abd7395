"""Failures of the Hugging Face hub, the network and the disk, with what the user can do."""

import errno
import importlib
import os
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from alya_mcp.errors import Failure, NotConfigured, NotInstalled, Unavailable

ELSEWHERE: Final = (
    "Or set ALYA_IMAGE_MODEL to a local folder with the model, or to 'sketch' for the small bundled one"
)
TOKENS: Final = "https://huggingface.co/settings/tokens"

_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_UNAUTHORISED, _FORBIDDEN, _TOO_MANY = 401, 403, 429


class Gated(NotConfigured):
    """`repository` requires that its terms were accepted; `why` says what is missing."""

    def __init__(self, repository: str, why: str) -> None:
        self.repository, self.why = repository, why
        super().__init__(
            f"{why} The user can accept its terms at {terms_page(repository)}, create a token at {TOKENS}, "
            f"set HF_TOKEN to it and restart the client, or run: alya-mcp model pull. {ELSEWHERE}"
        )


def terms_page(repository: str) -> str:
    """Where a user accepts the terms of `repository`, whatever mirror serves its files."""
    return f"https://huggingface.co/{repository}"


def explain(error: Exception, repository: str) -> Failure:
    """The failure to report for `error`, which was raised while `repository` was downloaded."""
    if isinstance(error, Failure):
        return error
    errors: Any = importlib.import_module("huggingface_hub.errors")
    status = _status_of(error)
    if isinstance(error, errors.HFValidationError):
        return NotConfigured(
            f"{repository!r:.80} is not the name of a repository; it takes owner/name. {ELSEWHERE}"
        )
    if status == _FORBIDDEN and not _said_by_hub(error):
        return Unavailable(
            f"The download of {repository} was forbidden (status 403), and not in the hub's own words: a "
            f"proxy or firewall on the way may do that. {ELSEWHERE}"
        )
    if isinstance(error, errors.GatedRepoError) or status in {_UNAUTHORISED, _FORBIDDEN}:
        return _refused(error, repository, status)
    if isinstance(error, errors.RepositoryNotFoundError):
        return _unknown(repository)
    if status is not None:
        return _in_trouble(error, repository, status)
    sys.stderr.write(f"download failed: {type(error).__name__}: {error}\n")
    code = error.errno if isinstance(error, OSError) else None
    if code is not None and Path(repository).is_absolute():
        return NotConfigured(f"The folder {repository} can't be read ({os.strerror(code)})")
    if code in _FULL:
        return NotConfigured(
            f"The disk filled up while {repository} was downloaded. Make room, or set HF_HOME to a folder on "
            f"a larger disk, and call again: what is here is kept. {ELSEWHERE}"
        )
    if code is not None:
        return NotConfigured(
            f"The Hugging Face cache can't be written ({os.strerror(code)}). Set HF_HOME to a folder that "
            f"can be written, on a disk that takes files of 10 GB. {ELSEWHERE}"
        )
    way = _through_a_proxy()
    if isinstance(error, ImportError):
        return NotInstalled(f"Downloading a model{way}", "image")
    return Unavailable(
        f"The Hugging Face hub can't be reached{way}, or the download of {repository} broke off "
        f"({type(error).__name__}). Call again when the network is back: what is here is kept, and it goes "
        f"on where it stopped. {ELSEWHERE}"
    )


def _through_a_proxy() -> str:
    """The configured proxy, by variable and kind only, as its address may contain a password."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        if proxy := os.environ.get(name):
            return f" through the {urlsplit(proxy).scheme or 'HTTP'} proxy that {name} names"
    return ""


def require_usable_settings(endpoint: str, token: str | None) -> None:
    """Check that `endpoint` and `token` can be used in a request; the errors quote neither.

    Raises:
        NotConfigured: the HTTP client would reject one of them.
    """
    if not endpoint.startswith(("https://", "http://")):
        raise NotConfigured(
            "HF_ENDPOINT holds no address of a hub: it takes one that begins with https://, such as "
            "https://mirror.example.org"
        )
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        where = _token_source()
        raise NotConfigured(
            f"{where[0].upper()}{where[1:]} has characters that no token has, such as quotation marks or "
            f"spaces. Copy it again from {TOKENS}"
        )


def asked_pause(response: Any) -> float | None:
    """The seconds that `response` asks to wait before the next request, or None."""
    utils: Any = importlib.import_module("huggingface_hub.utils")
    limit = utils.parse_ratelimit_headers(response.headers)
    if limit is not None and limit.remaining == 0 and response.status_code == _TOO_MANY:
        return float(limit.reset_in_seconds)
    said = response.headers.get("Retry-After", "").strip()
    return float(said) if said.isascii() and said.isdigit() else None


def offline(repository: str) -> NotConfigured:
    """The failure to report if `repository` isn't here and the network is disabled."""
    return NotConfigured(
        f"The weights of {repository} are not on this machine in full, and HF_HUB_OFFLINE forbids the "
        f"download. The user can unset it and restart the client. {ELSEWHERE}"
    )


def _refused(error: Exception, repository: str, status: int | None) -> Failure:
    """The failure for a missing token, an invalid one, or one without access to this repository."""
    hub: Any = importlib.import_module("huggingface_hub")
    errors: Any = importlib.import_module("huggingface_hub.errors")
    gated = isinstance(error, errors.GatedRepoError)
    if hub.get_token() is None:
        if isinstance(error, errors.RepositoryNotFoundError) and not gated:
            return _unknown(repository)
        return Gated(repository, f"{repository} is a gated model and HF_TOKEN is not set.")
    token = _token_source()
    if status == _UNAUTHORISED:
        return Gated(repository, f"The hub refused {token} (status 401): it is mistyped, expired or revoked.")
    limited = "fine-grained" in str(getattr(error, "server_message", None) or error)
    reason = (
        "it is fine-grained and lacks 'Read access to contents of all public gated repos you can access'"
        if limited
        else "its account hasn't accepted the terms, or the owner hasn't agreed yet"
    )
    return Gated(
        repository, f"{repository} is a gated model. {token[0].upper()}{token[1:]} has no access: {reason}."
    )


def _token_source() -> str:
    """The source of the token that the library sends."""
    named = (os.environ.get(name, "") for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
    return "the token in HF_TOKEN" if any(map(str.strip, named)) else "the token of `hf auth login`"


def _in_trouble(error: Exception, repository: str, status: int) -> Unavailable:
    """The failure for an error response of the hub."""
    asked = asked_pause(_response_of(error))
    when = f"{asked:,.0f} s" if asked else "some minutes"
    what = "asks for a pause (429)" if status == _TOO_MANY else f"answered with status {status}"
    return Unavailable(f"The Hugging Face hub {what} for {repository}; call again in {when}. {ELSEWHERE}")


def _unknown(repository: str) -> NotConfigured:
    return NotConfigured(
        f"The hub knows no model {repository}, or it is private and HF_TOKEN gives no access to it. "
        f"Check ALYA_IMAGE_MODEL and HF_TOKEN. {ELSEWHERE}"
    )


def _said_by_hub(error: Exception) -> bool:
    """Whether the response is from the hub itself, which gives its reason in a header."""
    headers: Any = _response_of(error).headers
    return "X-Error-Code" in headers or "X-Error-Message" in headers


def _status_of(error: Exception) -> int | None:
    status = getattr(_response_of(error), "status_code", None)
    return status if isinstance(status, int) else None


def _response_of(error: BaseException | None) -> Any:
    """The response that caused `error`, or its cause; None if there is none."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return response
        error = error.__cause__
    return None
