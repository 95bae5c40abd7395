"""An answer with attachments: small images and links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from alya_mcp.toolkit.models import Output

OutputT_co = TypeVar("OutputT_co", bound=Output, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A small image shown with the answer."""

    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Link:
    """A URL and the title that it is shown with."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[OutputT_co]):
    """An answer with attachments.

    `origin` is what the audit log keeps of what the answer was made from, as JSON.
    `links` point to URLs in `data`; the text shows each once, as a Markdown link on its own line.
    """

    data: OutputT_co
    attachments: Sequence[Image] = ()
    links: Sequence[Link] = ()
    origin: Mapping[str, Any] = field(default_factory=dict[str, Any])
