"""A request to a source, and the response to it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import httpx2

from alya_mcp.settings.providers import Source

Charge = Callable[[], Awaitable[None]]
"""Charges one request to a quota before it is sent. Raises a `Failure` to refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """A request. `secrets` are headers for the source's own host only; `largest` is in bytes.

    `charge` is awaited each time before the request is sent. `identity` replaces the secrets in `key` where
    they change by themselves.
    """

    source: Source
    method: str
    url: httpx2.URL
    headers: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    content: bytes | None = None
    repeatable: bool = True
    largest: int
    charge: Charge | None = None
    identity: str | None = None

    @property
    def key(self) -> str:
        """Cache key: two requests with the same key are the same request, with the same secrets."""
        who = self.secrets if self.identity is None else {"identity": self.identity}
        lines = [f"{name.lower()}: {value}" for name, value in (self.headers | who).items()]
        return "\n".join([self.source.key, self.method, str(self.url), *sorted(lines)])


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceResponse:
    """A response with its body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The `Content-Type` header; empty if there is none."""
        return self.headers.get("content-type", "")
