"""A draft as the pipeline keeps it."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from alya_mcp.tools.youtube.logic.states import DraftState

FileKind = Literal["preview", "thumbnail", "captions"]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Narration(_Kept):
    """Whether a voice speaks the script; `reason` says why not, or whose voice it is."""

    spoken: bool = False
    reason: str = ""


class DraftFile(_Kept):
    """A file of a draft: its absolute path, its SHA-256 in hex and its size in bytes.

    `key` is its key in the store of pictures, where there is a link to it.
    """

    path: Path
    sha256: str
    size: int
    key: str | None = None


class DraftContent(_Kept):
    """What a draft says. `script` and `extra` are the generator's own; the pipeline only keeps them."""

    topic: str
    mode: Literal["model", "outline"]
    titles: tuple[str, ...]
    description: str
    tags: tuple[str, ...] = ()
    language: str = "en"
    thumbnail_prompt: str = ""
    estimated_duration_sec: float = 0.0
    script: tuple[Mapping[str, Any], ...] = ()
    narration: Narration = Narration()
    extra: Mapping[str, Any] = {}


class DraftStep(_Kept):
    """A state that a draft came into."""

    state: DraftState
    at: datetime
    reason: str | None = None


class Draft(_Kept):
    """A draft. `reason` is why it is in its state, `video_id` YouTube's id of it once it is uploaded.

    `progress` is what the generator notes on its way.
    """

    id: str
    state: DraftState
    reason: str | None
    created_at: datetime
    content: DraftContent
    files: Mapping[FileKind, DraftFile]
    history: tuple[DraftStep, ...]
    progress: Mapping[str, Any] | None = None
    video_id: str | None = None

    @property
    def title(self) -> str:
        """The title under which it is uploaded: the first one."""
        return self.content.titles[0]
