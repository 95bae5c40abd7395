"""Charts as SVG without scripts and style attributes; the same figures stand in a table beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

_WIDTH: Final = 720.0
_HEIGHT: Final = 160.0
_FOOT: Final = 18.0
_GAP: Final = 0.22
_LABELS: Final = 6
_RECT: Final = Markup(
    '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1.5"><title>{}</title></rect>'
)
_TEXT: Final = Markup('<text x="{}" y="{}">{}</text>')


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, below it where there is room, and the parts it is stacked of, from the bottom up.

    Each part is a class of the style sheet, an amount, and what it says when pointed at.
    """

    name: str
    parts: Sequence[tuple[str, float, str]]


def bars(title: str, series: Sequence[Bar]) -> Markup:
    """Stacked bars from the first on the left to the last on the right."""
    top = max((sum(amount for _, amount, _ in bar.parts) for bar in series), default=0.0)
    room = _HEIGHT - _FOOT
    step = _WIDTH / max(len(series), 1)
    every = max(1, -(-len(series) // _LABELS))
    pieces = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            f"{_WIDTH:g}", f"{_HEIGHT:g}", title
        ),
        Markup('<line class="axis" x1="0" y1="{0}" x2="{1}" y2="{0}"/>').format(f"{room:g}", f"{_WIDTH:g}"),
    ]
    for number, bar in enumerate(series):
        left = number * step + step * _GAP / 2
        bottom = room
        for kind, amount, says in bar.parts:
            height = room * amount / top * 0.96 if top else 0.0
            if height <= 0:
                continue
            bottom -= height
            shape = (f"{left:.2f}", f"{bottom:.2f}", f"{step * (1 - _GAP):.2f}", f"{height:.2f}")
            pieces.append(_RECT.format(kind, *shape, says))
        if number % every == 0:
            pieces.append(_TEXT.format(f"{left:.2f}", f"{_HEIGHT - 4:g}", bar.name))
    pieces.append(Markup("</svg>"))
    return Markup("").join(pieces)


def gauge(share: float, kind: str) -> Markup:
    """A thin bar that is filled to `share`, from 0 to 1; its figure stands beside it in words."""
    filled = f"{100 * min(max(share, 0.0), 1.0):.2f}"
    return Markup(
        '<svg class="gauge" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="4"/><rect class="{}" width="{}" height="4"/></svg>'
    ).format(kind, filled)
