"""The sources' client as tests use it: every source at one loopback server, short waits, a clock to set."""

import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from loopback_source import LoopbackSource

from alya_mcp.net.client import Http
from alya_mcp.net.transport import RetryPolicy
from alya_mcp.settings import Settings
from alya_mcp.settings.providers import SOURCES

Ask = Callable[..., Awaitable[Any]]
"""Calls a tool with arguments by their names on the wire; gives its answer as JSON."""

TLS = ssl.create_default_context()
"""One for all tests; making one takes longer than most of them."""

SECRET = "a-key-that-nobody-may-see"


class Clock:
    """Seconds since 1970, which a test puts forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def settings_here(home: Path, source: LoopbackSource) -> Settings:
    """Settings that put every source of the table at `source`, each with its secrets set."""
    return Settings(
        home=home,
        contact="me@example.org",
        source_urls=dict.fromkeys(SOURCES, source.url),
        source_secrets={variable: SECRET for each in SOURCES.values() for variable in each.keys},
    )


def moved_here(home: Path, source: LoopbackSource, clock: Clock, *, deadline: float = 10.0) -> Http:
    """The client with `settings_here`."""
    patience = RetryPolicy(first=0.001, longest=0.002, deadline=deadline)
    return Http(settings_here(home, source), clock=clock, patience=patience, tls=TLS)
