"""The frame of a video: its size in pixels and the distances that follow from it."""

from dataclasses import dataclass
from typing import Final, Literal

Shape = Literal["landscape", "vertical"]


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A video's picture of `width` times `height` pixels."""

    width: int
    height: int

    @property
    def vertical(self) -> bool:
        """Whether it is higher than wide."""
        return self.height > self.width

    @property
    def unit(self) -> float:
        """The pixels of one unit: 1 for 1280x720, 1.5 for 1080x1920."""
        return min(self.width, self.height) / 720

    def px(self, units: float) -> int:
        """`units` in whole pixels."""
        return round(units * self.unit)


FRAMES: Final[dict[Shape, VideoFrame]] = {
    "landscape": VideoFrame(1280, 720),
    "vertical": VideoFrame(1080, 1920),
}
