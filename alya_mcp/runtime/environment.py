"""Cleans the environment that clients set: empty variables, unfilled placeholders, stray blanks.

Done once, in place, where a process starts, so that every library below sees the same as our own settings.
Children inherit it.
"""

import re
from collections.abc import Collection, Mapping, MutableMapping
from typing import Final

_OURS: Final = re.compile(
    r"(ALYA|APCA|AWS|BOTO|DIFFUSERS|HF|HUGGINGFACE|HUGGING_FACE|PYTORCH|RAY|REQUESTS|TORCHINDUCTOR|TRANSFORMERS"
    r"|TRITON|XDG)_\w+|(HTTP|HTTPS|ALL|NO)_PROXY|(http|https|all|no)_proxy|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE"
    r"|APPDATA|LOCALAPPDATA|HOME"
)
"""What we and the libraries below read. Not CUDA_VISIBLE_DEVICES: set to nothing, it hides every GPU."""
_PLACEHOLDER: Final = re.compile(r"\$\{[^{}]*\}")
_FIELD_OF_A_BUNDLE: Final = re.compile(r"\$\{user_config\.[^{}]*\}")
_DEFAULT: Final = re.compile(r":?[-=?+].*(?=\})", re.DOTALL)
_UNSEEN: Final = "\ufeff\u200b"


def tidy(environment: MutableMapping[str, str], governing: Collection[str]) -> dict[str, str]:
    """Take out of `environment` what counts as unset, and blanks and line ends around the other values.

    Returns the variables that a client left as a placeholder, such as `${user_config.bucket}`, each with it,
    and that count as unset therefore. Of the `governing` ones, which decide what calls may do, only an empty
    field of a bundle does: without what was meant there, a call might be allowed more. Another placeholder
    stays, for the settings to refuse.
    """
    placeholders: dict[str, str] = {}
    for name, value in list(environment.items()):
        if not _OURS.fullmatch(name):
            continue
        bare = value.strip().strip(_UNSEEN).strip()
        left = placeholder(bare)
        if left is not None and (name not in governing or _FIELD_OF_A_BUNDLE.fullmatch(bare)):
            placeholders[name] = left
            del environment[name]
        elif not bare:
            del environment[name]
        elif bare != value:
            environment[name] = bare
    return placeholders


def placeholder(value: str) -> str | None:
    """The placeholder that `value` is, without the default that it may name; None when it isn't one."""
    return _DEFAULT.sub("", value) if _PLACEHOLDER.fullmatch(value) else None


def holds_placeholder(value: str) -> bool:
    """Whether a placeholder stands somewhere in `value`."""
    return _PLACEHOLDER.search(value) is not None


def unfilled(placeholders: Mapping[str, str]) -> list[str]:
    """A sentence about each variable of `placeholders` that counts as unset."""
    return [
        f"{name} is the placeholder {text}, which the client didn't fill in: it counts as unset"
        for name, text in sorted(placeholders.items())
    ]
