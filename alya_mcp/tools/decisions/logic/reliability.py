"""Reliability: stated confidences against outcomes, in bins, as a text table and a small SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BINS: Final = 10
_SIZE: Final = 160
_BAR: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Resolved cases stated at `low` to `high`: their mean stated confidence and the share that came true."""

    low: float
    high: float
    n: int
    stated: float
    came_true: float


def as_text(bins: Sequence[Bin]) -> str:
    """One line per bin: mean stated confidence, share that came true, number of cases."""
    return "\n".join(
        f"{round(each.low * 100):3d}-{round(each.high * 100):3d} % stated  "
        f"{'#' * round(each.came_true * _BAR):{_BAR}s} {each.came_true:4.0%} true, {each.n} cases"
        for each in bins
    )


def as_svg(bins: Sequence[Bin]) -> str:
    """The reliability diagram as SVG: stated confidence on the x axis, share that came true on the y axis."""
    most = max((each.n for each in bins), default=1)
    dots = "".join(
        f'<circle cx="{each.stated * _SIZE:.0f}" cy="{(1 - each.came_true) * _SIZE:.0f}" '
        f'r="{2 + 5 * (each.n / most) ** 0.5:.1f}"/>'
        for each in bins
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -8 {_SIZE + 16} {_SIZE + 16}" role="img" '
        f'aria-label="Stated confidence and share that came true">'
        f'<path d="M0 {_SIZE}L{_SIZE} 0M0 0V{_SIZE}H{_SIZE}" fill="none" stroke="#888"/>'
        f'<g fill="#36c">{dots}</g></svg>'
    )
