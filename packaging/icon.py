"""Draw icon.png: python packaging/icon.py. A star behind the bars of a gate, 512x512."""

import math
from pathlib import Path

from PIL import Image, ImageDraw

SIZE, SCALE = 512, 4
NIGHT, BARS, STAR = (22, 32, 66, 255), (120, 146, 214, 255), (255, 209, 92, 255)


def star(side: int, outer: float, inner: float) -> list[tuple[float, float]]:
    """The corners of a star of four points in the middle; its radii are parts of the side."""
    radii = [side * (outer if n % 2 == 0 else inner) for n in range(8)]
    return [
        (side / 2 + radius * math.sin(n * math.pi / 4), side / 2 - radius * math.cos(n * math.pi / 4))
        for n, radius in enumerate(radii)
    ]


def main() -> None:
    side = SIZE * SCALE
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, side - 1, side - 1), radius=side // 5, fill=NIGHT)
    for n in range(5):
        left = side * (0.16 + 0.155 * n)
        draw.rounded_rectangle((left, side * 0.16, left + side * 0.06, side * 0.84), side // 40, fill=BARS)
    draw.polygon(star(side, 0.37, 0.15), fill=NIGHT)
    draw.polygon(star(side, 0.31, 0.11), fill=STAR)
    small = picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    small.save(Path(__file__).with_name("icon.png"), optimize=True)


if __name__ == "__main__":
    main()
