"""Freshness and retry times of an answer, from its headers (RFC 9111, RFC 9110). Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DIRECTIVE = re.compile(r'([a-z-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,;]+)))?', re.IGNORECASE)


def directives(headers: Mapping[str, str]) -> dict[str, str]:
    """The directives of `Cache-Control`, in lower case, with their values."""
    found = _DIRECTIVE.findall(headers.get("cache-control", ""))
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def may_keep(headers: Mapping[str, str]) -> bool:
    """Whether a private cache may store the answer."""
    return "no-store" not in directives(headers) and headers.get("vary", "").strip() != "*"


def lifetime(headers: Mapping[str, str]) -> float:
    """The remaining freshness lifetime in seconds; 0 if the headers give none.

    `max-age` less the `Age` that it already has, else `Expires` less `Date`.
    """
    said = directives(headers)
    if "no-cache" in said:
        return 0.0
    if "max-age" in said:
        return max(0.0, _number(said["max-age"]) - _number(headers.get("age", "")))
    expires, date = moment(headers.get("expires", "")), moment(headers.get("date", ""))
    if expires is None:
        return 0.0
    return max(0.0, (expires - (date or datetime.now(UTC))).total_seconds())


def wait_asked(headers: Mapping[str, str]) -> float | None:
    """The seconds of `Retry-After`, given as a number or a date; None without one."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    until = moment(text)
    if until is None:
        return None
    return max(0.0, (until - (moment(headers.get("date", "")) or datetime.now(UTC))).total_seconds())


def moment(text: str) -> datetime | None:
    """An HTTP date as a datetime; None if it is invalid (such as `Expires: 0`, which means expired)."""
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,12}", text.strip()) else 0.0
