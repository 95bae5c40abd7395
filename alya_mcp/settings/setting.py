"""A row of the table of settings, and one of the variables of others that alya-mcp knows of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from alya_mcp.settings.parsers import plain

Child = Literal["image worker", "fetcher", "notifier"]
"""A process that gets only the settings and the credentials that it reads; the fetcher brings models."""


@dataclass(frozen=True, slots=True)
class Offer:
    """How the variable is offered where clients install the server.

    `title` heads its field in the form of the bundle (None: only the registry lists it), `text` explains it
    there.
    """

    text: str
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The metadata of a setting; its field in `Settings` has name, type and default.

    `meaning` and `page` (a page of docs/) describe it in docs/configuration.md, in Markdown; `unset` says
    there what holds without it, where its default doesn't. `parse` reads it. Of a `secret` one nothing is
    shown; one that `governs` decides which policy a call is judged by; one that is `shown_by_links` stands in
    every link to a picture. The server reads all; `read_by` are the others that do.
    """

    meaning: str
    parse: Callable[[str], object] = plain
    page: str | None = None
    unset: str | None = None
    secret: bool = False
    governs: bool = False
    shown_by_links: bool = False
    read_by: tuple[Child, ...] = ()
    offer: Offer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A variable that a library below reads; see `Setting`.

    A `sensitive` one is a part of credentials that may have to be shown, such as in a link.
    """

    variable: str
    secret: bool = False
    sensitive: bool = False
    shown_by_links: bool = False
    read_by: tuple[Child, ...] = ()
    offer: Offer | None = None


def variable_of(name: str) -> str:
    """The environment variable of the setting `name`."""
    return f"ALYA_{name.upper()}"
