"""What a person is told when the Hugging Face hub, the network or the disk says no."""

import errno
import importlib
import os
import sys
from typing import Any, Final

from alya_mcp.failures import Failure, NotConfigured, Unavailable

ELSEWHERE: Final = (
    "Or set ALYA_IMAGE_MODEL to a local folder with the model, or to 'sketch' for the small bundled one"
)
TOKENS: Final = "https://huggingface.co/settings/tokens"

_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})
_UNAUTHORISED, _FORBIDDEN_STATUS, _TOO_MANY = 401, 403, 429


class Gated(NotConfigured):
    """The hub gives `repository` only to who has accepted its terms; `why` says what is missing."""

    def __init__(self, repository: str, why: str) -> None:
        self.repository, self.why = repository, why
        super().__init__(
            f"{why} The person can accept its terms at {terms_page(repository)}, create a token at {TOKENS}, "
            f"set HF_TOKEN to it and restart the client, or run: alya-mcp model pull. {ELSEWHERE}"
        )


def terms_page(repository: str) -> str:
    """Where a person accepts the terms of `repository`, whatever mirror serves its files."""
    return f"https://huggingface.co/{repository}"


def explain(error: Exception, repository: str) -> Failure:
    """The failure to report for `error`, which came up while `repository` was fetched."""
    if isinstance(error, Failure):
        return error
    errors: Any = importlib.import_module("huggingface_hub.errors")
    status = _status_of(error)
    if isinstance(error, errors.HFValidationError):
        return NotConfigured(
            f"{repository!r:.80} is no name of a repository; it takes owner/name. {ELSEWHERE}"
        )
    if isinstance(error, errors.GatedRepoError) or status in {_UNAUTHORISED, _FORBIDDEN_STATUS}:
        return _refused(error, repository, status)
    if isinstance(error, errors.RepositoryNotFoundError):
        return _unknown(repository)
    if status is not None:
        pause = "asks for a pause (429)" if status == _TOO_MANY else f"answered with status {status}"
        return Unavailable(
            f"The Hugging Face hub {pause} for {repository}; call again in some minutes. {ELSEWHERE}"
        )
    sys.stderr.write(f"download failed: {type(error).__name__}: {error}\n")
    code = error.errno if isinstance(error, OSError) else None
    if code in _FULL:
        return NotConfigured(
            f"The disk filled up while {repository} was downloaded. Make room, or set HF_HOME to a folder on "
            f"a larger disk, and call again: what is here is kept. {ELSEWHERE}"
        )
    if code in _FORBIDDEN:
        return NotConfigured(
            f"The Hugging Face cache can't be written ({os.strerror(code)}). Set HF_HOME to a folder that "
            f"can be written. {ELSEWHERE}"
        )
    return Unavailable(
        f"The Hugging Face hub can't be reached, or the download of {repository} broke off "
        f"({type(error).__name__}). Call again when the network is back: what is here is kept, and it goes "
        f"on where it stopped. {ELSEWHERE}"
    )


def offline(repository: str) -> NotConfigured:
    """The failure to report when `repository` isn't here and the network is forbidden."""
    return NotConfigured(
        f"The weights of {repository} are not on this machine in full, and HF_HUB_OFFLINE forbids the "
        f"download. The person can unset it and restart the client. {ELSEWHERE}"
    )


def _refused(error: Exception, repository: str, status: int | None) -> Failure:
    """No token, a token that is none, or one whose account may not read this repository."""
    hub: Any = importlib.import_module("huggingface_hub")
    errors: Any = importlib.import_module("huggingface_hub.errors")
    gated = isinstance(error, errors.GatedRepoError)
    token = _token_source(hub)
    if token is None:
        if isinstance(error, errors.RepositoryNotFoundError) and not gated:
            return _unknown(repository)
        return Gated(repository, f"{repository} is a gated model and HF_TOKEN is not set.")
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


def _token_source(hub: Any) -> str | None:
    """Where the token comes from that the library sends; None when it has none."""
    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return "the token in HF_TOKEN"
    return "the token of `hf auth login`" if hub.get_token() else None


def _unknown(repository: str) -> NotConfigured:
    return NotConfigured(
        f"The hub knows no model {repository}, or it is private and HF_TOKEN gives no access to it. "
        f"Check ALYA_IMAGE_MODEL and HF_TOKEN. {ELSEWHERE}"
    )


def _status_of(error: BaseException | None) -> int | None:
    """The hub's answer behind `error`, which the library may hide behind one of its own; None without any."""
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        error = error.__cause__
    return None
