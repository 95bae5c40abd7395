"""What the table of settings says of an environment: secrets, unknown variables, what a process needs."""

import os
from collections.abc import Iterator, Mapping
from typing import Final

from alya_mcp.settings.foreign import FOREIGN
from alya_mcp.settings.notifiers import NOTIFIERS
from alya_mcp.settings.reading import KEYS, SERVICES, URLS
from alya_mcp.settings.setting import Child, Foreign, Setting, variable_of
from alya_mcp.settings.table import SETTINGS

ROWS: Final[Mapping[str, Setting | Foreign]] = {
    **{variable_of(name): setting for name, setting in SETTINGS.items()},
    **{each.variable: each for each in FOREIGN},
}
"""Every variable that is known but those of services."""
GOVERNING: Final = frozenset(variable_of(name) for name, setting in SETTINGS.items() if setting.governs)
"""The variables that decide which policy a call is judged by."""

_SECRETS: Final = (*(name for name, row in ROWS.items() if row.secret), *KEYS)
_SHOWN_BY_LINKS: Final = tuple(name for name, row in ROWS.items() if row.shown_by_links)
_SHORTEST_SECRET: Final = 8
_IN_EVERY_LINK: Final = (
    "amazonaws.com X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential= aws4_request X-Amz-Date= "
    "X-Amz-Expires= X-Amz-SignedHeaders=host X-Amz-Security-Token= X-Amz-Signature="
)


def secret_words(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The secrets that `environment` (the process's own when None) holds and nothing may show.

    One of fewer than 8 characters is left out: to hide it would garble ordinary text. So is one that stands
    in every link to a picture (see `secrets_in_links`): to hide it would break the link.
    """
    source = os.environ if environment is None else environment
    in_links = secrets_in_links(source)
    held = (source.get(name, "").strip() for name in _SECRETS if name not in in_links)
    return tuple(secret for secret in held if len(secret) >= _SHORTEST_SECRET)


def secrets_in_links(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variables whose secret also stands in what every S3 link shows, such as the access key id."""
    if not environment.get("ALYA_S3_BUCKET", "").strip():
        return ()
    shown = "\n".join((_IN_EVERY_LINK, *(environment.get(name, "") for name in _SHOWN_BY_LINKS)))
    held = ((name, environment.get(name, "").strip()) for name in _SECRETS)
    return tuple(name for name, secret in held if secret and secret in shown)


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str | None]:
    """The `ALYA_*` variables that nothing reads, each with the nearest known name or None."""
    import difflib

    known = {*ROWS, *URLS, *KEYS}
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1)), None)
        for name in sorted(environment)
        if name.startswith("ALYA_") and name not in known
    }


def environment_of(child: Child, environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without the settings and the credentials that `child` doesn't read."""
    withheld = frozenset(_withheld(child))
    return {name: value for name, value in environment.items() if name not in withheld}


def _withheld(child: Child) -> Iterator[str]:
    for name, row in ROWS.items():
        kept = isinstance(row, Foreign) and not (row.secret or row.sensitive)
        if not kept and child not in row.read_by:
            yield name
    for key, service in SERVICES.items():
        if child != "notifier" or key not in NOTIFIERS:
            yield from (service.variable, *service.keys)
