"""Building blocks of the audit report's page: style, cards, charts as inline SVG, numbers as text."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final, TypeVar

from alya_mcp.gate.invisible import visible

Row = TypeVar("Row")

_WIDTH: Final = 1000.0
_HEIGHT: Final = 100.0

STYLE: Final = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5b6675;--line:#e1e5ea;
--allow:#2f7ed8;--deny:#d5502f;--ask:#b98900;--p50:#0f8a7d;--p95:#7a5bd0;--good:#16794a;--bad:#b3261e;
--tint:#eef3fa}
@media (prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b2129;--ink:#e6eaf0;--soft:#9aa6b5;
--line:#2d3641;--allow:#5fa3f2;--deny:#f07f60;--ask:#e0b440;--p50:#45c4b4;--p95:#a98ff0;--good:#5fd39a;
--bad:#ff8a80;--tint:#222b36}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.6rem;margin:0;letter-spacing:-.01em}
h2{font-size:1.05rem;margin:0 0 12px}
p{margin:4px 0}
.soft{color:var(--soft)}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;margin-top:16px}
.state{border-left:5px solid var(--good)}
.state.bad{border-left-color:var(--bad)}
.state.open{border-left-color:var(--ask)}
.state strong{color:var(--good)}
.state.bad strong{color:var(--bad)}
.state.open strong{color:var(--ask)}
.tiles{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:12px;margin-top:16px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.tile b{display:block;font-size:1.45rem;font-weight:650;letter-spacing:-.01em;white-space:nowrap}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px}
.pair{margin-top:16px}
.pair>.card{min-width:0;margin-top:0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500;font-size:.85rem}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child{text-align:left;padding-left:0}
td.name{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.87rem;
white-space:normal;overflow-wrap:anywhere;min-width:9rem}
td.bar{width:26%;min-width:80px}
.track{display:flex;height:9px;border-radius:5px;overflow:hidden;background:var(--tint)}
.track i{display:block}
i.allow{background:var(--allow)}i.deny{background:var(--deny)}i.ask{background:var(--ask)}
i.p50{background:var(--p50)}i.p95{background:var(--p95)}
.key{display:flex;flex-wrap:wrap;gap:4px 16px;color:var(--soft);font-size:.85rem;margin-bottom:14px}
.key i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}
.chart{display:grid;grid-template-columns:auto minmax(0,1fr);gap:4px 8px}
.axis{display:flex;flex-direction:column;justify-content:space-between;text-align:right;font-size:.78rem;
color:var(--soft);margin:-.7em 0}
.below{grid-column:2;display:flex;justify-content:space-between;font-size:.78rem;color:var(--soft)}
.below span:only-child{margin:auto}
svg{display:block;width:100%;height:150px}
svg line{stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke}
svg .all{fill:transparent}svg g:hover .all{fill:var(--tint)}
svg .allow{fill:var(--allow)}svg .deny{fill:var(--deny)}svg .ask{fill:var(--ask)}
svg .p50{fill:var(--p50)}svg .p95{fill:var(--p95)}
details{margin-top:12px}
summary{cursor:pointer;color:var(--soft);font-size:.9rem}
ul{margin:8px 0 0;padding-left:20px;overflow-wrap:anywhere}
@media (max-width:640px){.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}.tile b{font-size:1.2rem}
th,td{padding:6px 8px}}
@media print{body{background:#fff}.card,.tile{break-inside:avoid}}
"""


def card(title: str, inside: str, folded: str = "") -> str:
    """A section with a heading; `folded` is shown on demand."""
    more = f"<details><summary>All figures</summary>{folded}</details>" if folded else ""
    return f'<section class="card"><h2>{title}</h2>{inside}{more}</section>'


def key(*names: tuple[str, str]) -> str:
    """The legend of a chart: pairs of a CSS class and a name."""
    shown = (f'<span><i class="{kind}"></i>{name}</span>' for kind, name in names)
    return f'<div class="key">{"".join(shown)}</div>'


def chart(
    title: str,
    bars: Sequence[tuple[str, Row]],
    values: Sequence[tuple[str, Callable[[Row], float]]],
    shown: Callable[[float], str],
    told: Callable[[Row], str],
) -> str:
    """Stacked bars over time as inline SVG; the first of `values` (CSS class, measure) is at the bottom.

    `shown` formats the axis, `told` the tooltip of a bar.
    """
    top = max((sum(value(row) for _, value in values) for _, row in bars), default=0.0) or 1.0
    step = _WIDTH / len(bars)
    width = min(step * 0.8, _WIDTH / 16)
    groups: list[str] = []
    for number, (name, row) in enumerate(bars):
        x, y = step * number + (step - width) / 2, _HEIGHT
        tip = f"<title>{text(f'{name}: {told(row)}')}</title>"
        rects = [f'<rect class="all" x="{step * number:.1f}" y="0" width="{step:.1f}" height="{_HEIGHT:g}"/>']
        for kind, value in values:
            height = value(row) / top * _HEIGHT
            y -= height
            if height:
                place = f'x="{x:.1f}" y="{y:.2f}" width="{width:.1f}" height="{height:.2f}"'
                rects.append(f'<rect class="{kind}" {place}/>')
        groups.append(f"<g>{tip}{''.join(rects)}</g>")
    lines = "".join(
        f'<line x1="0" x2="{_WIDTH:g}" y1="{y:g}" y2="{y:g}"/>' for y in (0, _HEIGHT / 2, _HEIGHT)
    )
    names = [name[:10] for name, _ in bars]
    below = names if len(names) < 3 else [names[0], names[len(names) // 2], names[-1]]
    axis = "".join(f"<span>{shown(y)}</span>" for y in (top, top / 2, 0))
    return (
        f'<div class="chart"><div class="axis">{axis}</div>'
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{title} over time">{lines}{"".join(groups)}</svg>'
        f'<div class="below">{"".join(f"<span>{text(name)}</span>" for name in below)}</div></div>'
    )


def many(number: int, noun: str) -> str:
    """A number with its noun, in the plural where needed."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def count(number: float) -> str:
    """A count; of small ones a decimal where it isn't whole."""
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def ms(duration: float | None) -> str:
    """A duration in milliseconds, with three digits in a suitable unit; "-" for None."""
    if duration is None:
        return "-"
    for unit, size in (("min", 60_000), ("s", 1000)):
        if duration >= size:
            return f"{duration / size:,.3g} {unit}"
    return f"{duration:.3g} ms"


def text(value: str) -> str:
    """`value` escaped for HTML, with invisible characters made visible."""
    return escape(visible(value))
