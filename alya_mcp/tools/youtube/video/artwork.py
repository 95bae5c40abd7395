"""Draws the files of a video into its work folder: backgrounds, words, captions, the bar."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alya_mcp.tools.youtube.logic.captions import Cue
from alya_mcp.tools.youtube.logic.timing import FPS, TimedScene
from alya_mcp.tools.youtube.video import backgrounds, slides
from alya_mcp.tools.youtube.video.caption_strip import CaptionRenderer, states
from alya_mcp.tools.youtube.video.fonts import Fonts
from alya_mcp.tools.youtube.video.frame import VideoFrame
from alya_mcp.tools.youtube.video.graph import SceneParts
from alya_mcp.tools.youtube.video.palette import Palette

if TYPE_CHECKING:
    from PIL.Image import Image

CAPTIONS_LIST: Final = "captions.ffconcat"
"""The file that lists the captions' pictures."""
_BAR_HEIGHT: Final = 6
_COMPRESSION: Final = 1
"""zlib's level: the files live for a minute."""


class Artwork:
    """The drawn files of one video in `folder`. Its methods block; each takes well under a second."""

    def __init__(self, folder: Path, frame: VideoFrame, palette: Palette, fonts: Fonts) -> None:
        self._folder = folder
        self._frame = frame
        self._palette = palette
        self._fonts = fonts

    def scene(self, index: int, scene: TimedScene, picture: "Image | None") -> SceneParts:
        """Draw a scene's background, from `picture` where there is one, and its words."""
        frame = self._frame
        if picture is None:
            background = backgrounds.designed(frame, self._palette, index)
        else:
            background = backgrounds.pictured(picture, frame, self._palette)
        layer = slides.words_of(scene.scene, frame, self._palette, self._fonts, opening=index == 0)
        return SceneParts(
            background=self._save(background, f"b{index}.png"),
            words=self._save(layer.image, f"w{index}.png"),
            x=layer.x,
            y=layer.y,
            frames=scene.frames,
        )

    def captions(self, cues: Sequence[Cue], frames: int) -> "list[Callable[[], None]]":
        """The steps that draw the captions, and `captions.ffconcat`, which lists them with their times."""
        renderer = CaptionRenderer(self._frame, self._palette, self._fonts)
        shown = states(cues, frames)
        names = ["c.png" if state.cue is None else f"c{state.frame}.png" for state in shown]

        def paint(first: int) -> None:
            for state, name in zip(shown[first : first + 20], names[first : first + 20], strict=True):
                if state.cue is not None or state.frame == 0:
                    self._save(renderer.paint(state), name)

        def write() -> None:
            ends = [state.frame for state in shown[1:]] + [frames]
            lines = ["ffconcat version 1.0"]
            for state, name, end in zip(shown, names, ends, strict=True):
                lines += [f"file {name}", f"duration {(end - state.frame) / FPS:.2f}"]
            lines.append(f"file {names[-1]}")  # the demuxer drops the last one's duration
            (self._folder / CAPTIONS_LIST).write_text("\n".join(lines) + "\n", encoding="ascii")

        return [lambda first=first: paint(first) for first in range(0, len(shown), 20)] + [write]

    def bar(self) -> str:
        """Draw the bar that shows how far the video is."""
        from PIL import Image

        size = (self._frame.width, max(2, self._frame.px(_BAR_HEIGHT) // 2 * 2))
        return self._save(Image.new("RGB", size, self._palette.accent), "bar.png")

    def _save(self, image: "Image", name: str) -> str:
        image.save(self._folder / name, compress_level=_COMPRESSION)
        return name
