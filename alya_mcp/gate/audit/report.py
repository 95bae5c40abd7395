"""The audit log's figures as one HTML page: nothing is fetched, nothing is run, everything is escaped.

The page reads without scripts, in light and dark, on a phone and on paper. Charts are inline SVG whose bars
tell their figures when pointed at; the same figures stand in tables.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from html import escape
from operator import attrgetter
from typing import Final

from alya_mcp.gate.audit.summary import AuditSession, AuditSummary, AuditTotals, most
from alya_mcp.gate.audit.verification import Verification
from alya_mcp.gate.invisible import visible
from alya_mcp.gate.numbers import usd

_WIDTH: Final = 1000.0
_HEIGHT: Final = 100.0
_MOST_BARS: Final = 92
_MOST_ROWS: Final = 25
_HEADINGS: Final = ("Calls", "Denied", "Asked", "Failed", "Cost", "p50", "p95")

_STYLE: Final = """
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


def render(summary: AuditSummary, verified: Verification | str, made: str) -> str:
    """The page.

    `verified` is what `verify` found, or why the log couldn't be checked. `made` is when, as text.
    """
    total = summary.total
    span = f"{_day(summary.first)} to {_day(summary.last)}" if total.calls else "no calls"
    tiles = (
        ("Calls", _count(total.calls)),
        ("Denied", _count(total.denied)),
        ("Asked a person", _count(total.asked)),
        ("Failed", _count(total.failed)),
        ("Cost", usd(total.usd)),
        ("Time, median", _ms(total.latency.quantile(0.5))),
        ("Time, p95", _ms(total.latency.quantile(0.95))),
        ("Sessions", _count(len(summary.sessions))),
    )
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; ',
            "style-src 'unsafe-inline'\">",
            f"<title>Audit report, {_text(span)}</title><style>{_STYLE}</style></head><body><main>",
            f'<h1>Audit report</h1><p class="soft">{_text(span)} (UTC), made {_text(made)}</p>',
            _state(verified),
            '<section class="tiles">',
            *(
                f'<div class="tile"><span class="soft">{name}</span><b>{value}</b></div>'
                for name, value in tiles
            ),
            "</section>",
            *(_body(summary) if total.calls else ()),
            "</main></body></html>\n",
        ]
    )


def _body(summary: AuditSummary) -> Iterable[str]:
    bars = _bars(summary)
    decisions = (
        ("allow", attrgetter("allowed")),
        ("deny", attrgetter("denied")),
        ("ask", attrgetter("asked")),
    )
    yield _card(
        "Decisions",
        _key(("allow", "allowed"), ("deny", "denied"), ("ask", "asked a person"))
        + _chart("Decisions", bars, decisions, _count, _told),
        _table("Day", [(_text(day), row) for day, row in sorted(summary.days.items(), reverse=True)]),
    )
    yield '<div class="pair">'
    yield _card("Cost", _chart("Cost", bars, (("allow", attrgetter("usd")),), usd, lambda row: usd(row.usd)))
    yield _card(
        "Time that calls took",
        _key(("p50", "median"), ("p95", "95 of 100 took no longer"))
        + _chart("Time", bars, (("p50", _half), ("p95", _rest)), _ms, _times),
    )
    yield "</div>"
    tools = [(_text(tool), row) for tool, row in most(summary.tools)]
    yield _card("Tools", _table("Tool", tools, shares=True))
    yield '<div class="pair">'
    yield _card(
        "Rules that refused or asked most",
        _rules(summary.rules.most_common(), "Calls", "Nothing was refused."),
    )
    yield _card(
        "Rules in shadow mode that would have",
        _rules(summary.shadow_rules.most_common(), "Calls", "No shadowed rule would have refused a call."),
    )
    yield "</div>"
    yield _card("Sessions", _sessions(summary))


def _state(verified: Verification | str) -> str:
    """Whether the chain is whole."""
    if isinstance(verified, str):
        return (
            f'<section class="card state open"><strong>Not checked</strong><p>{_text(verified)}</p></section>'
        )
    counted = (
        f"{_many(verified.records, 'record')} in {_many(verified.chains, 'chain')} "
        f"and {_many(verified.files, 'file')} are"
    )
    notes = [
        *([f"{_many(verified.retired, 'older file')} went by retention"] if verified.retired else []),
        *([f"{_many(verified.unsettled, 'call')} without an outcome"] if verified.unsettled else []),
        *(
            [f"{_many(len(verified.torn), 'file')} with a last line cut short by a crash"]
            if verified.torn
            else []
        ),
        *(["nothing vouches for the ends of the chains"] if verified.unproven else []),
    ]
    more = f'<p class="soft">{"; ".join(notes)}</p>' if notes else ""
    if verified.whole:
        return (
            f'<section class="card state"><strong>The log is whole</strong>'
            f"<p>{counted} as they were written.</p>{more}</section>"
        )
    places = [
        f"<li>{_text(each.file)}{'' if each.line is None else f':{each.line}'}: {_text(each.detail)}</li>"
        for each in verified.broken[:_MOST_ROWS]
    ]
    if len(verified.broken) > _MOST_ROWS:
        places.append(f"<li>and {_count(len(verified.broken) - _MOST_ROWS)} more</li>")
    return (
        f'<section class="card state bad">'
        f"<strong>The log was changed in {_many(len(verified.broken), 'place')}</strong>"
        f"<ul>{''.join(places)}</ul>{more}</section>"
    )


def _card(title: str, inside: str, folded: str = "") -> str:
    more = f"<details><summary>All figures</summary>{folded}</details>" if folded else ""
    return f'<section class="card"><h2>{title}</h2>{inside}{more}</section>'


def _key(*names: tuple[str, str]) -> str:
    shown = (f'<span><i class="{kind}"></i>{name}</span>' for kind, name in names)
    return f'<div class="key">{"".join(shown)}</div>'


def _table(first: str, rows: Sequence[tuple[str, AuditTotals]], shares: bool = False) -> str:
    largest = max((row.calls for _, row in rows), default=0)
    heads = "".join(f"<th>{heading}</th>" for heading in (first, *([""] if shares else []), *_HEADINGS))
    lines = [
        f'<tr><td class="name">{name}</td>{_share(row, largest) if shares else ""}'
        + "".join(f"<td>{cell}</td>" for cell in _cells(row))
        + "</tr>"
        for name, row in rows
    ]
    return f'<div class="wide"><table><tr>{heads}</tr>{"".join(lines)}</table></div>'


def _cells(row: AuditTotals) -> tuple[str, ...]:
    half, most_of = row.latency.quantile(0.5), row.latency.quantile(0.95)
    counts = (row.calls, row.denied, row.asked, row.failed)
    return (*map(_count, counts), usd(row.usd), _ms(half), _ms(most_of))


def _share(row: AuditTotals, largest: int) -> str:
    parts = (("allow", row.allowed), ("deny", row.denied), ("ask", row.asked))
    bars = "".join(
        f'<i class={kind} style="width:{100 * part / largest:.2f}%"></i>' for kind, part in parts if part
    )
    return f'<td class="bar"><div class="track">{bars}</div></td>'


def _rules(counts: Sequence[tuple[str, int]], heading: str, none: str) -> str:
    if not counts:
        return f'<p class="soft">{none}</p>'
    lines = [
        f'<tr><td class="name">{_text(rule)}</td><td>{_count(n)}</td></tr>' for rule, n in counts[:_MOST_ROWS]
    ]
    left = counts[_MOST_ROWS:]
    if left:
        others = sum(count for _, count in left)
        lines.append(f"<tr><td>{_many(len(left), 'other rule')}</td><td>{_count(others)}</td></tr>")
    return f'<div class="wide"><table><tr><th>Rule</th><th>{heading}</th></tr>{"".join(lines)}</table></div>'


def _sessions(summary: AuditSummary) -> str:
    newest = sorted(summary.sessions.items(), key=lambda each: each[1].last, reverse=True)
    heads = "".join(f"<th>{name}</th>" for name in ("Session", "Grant", "From", "To", *_HEADINGS[:5]))
    lines = [
        f'<tr><td class="name">{_text(name[:36])}</td><td>{_text(_grants(row))}</td>'
        f"<td>{_text(row.first[:16].replace('T', ' '))}</td><td>{_text(row.last[:16].replace('T', ' '))}</td>"
        + "".join(f"<td>{cell}</td>" for cell in _cells(row)[:5])
        + "</tr>"
        for name, row in newest[:_MOST_ROWS]
    ]
    left = len(newest) - _MOST_ROWS
    more = f'<p class="soft">and {_many(left, "older session")}</p>' if left > 0 else ""
    return f'<div class="wide"><table><tr>{heads}</tr>{"".join(lines)}</table></div>{more}'


def _grants(session: AuditSession) -> str:
    return ", ".join(grant or "unknown" for grant in sorted(session.grants))


def _bars(summary: AuditSummary) -> list[tuple[str, AuditTotals]]:
    """A row per day from the first to the last, or per so many days that the bars can be told apart."""
    first, last = (date.fromisoformat(_day(time)) for time in (summary.first, summary.last))
    days = (last - first).days + 1
    width = -(-days // _MOST_BARS)
    bars: list[tuple[str, AuditTotals]] = []
    for number in range(0, days, width):
        row = AuditTotals()
        for each in range(number, min(number + width, days)):
            day = summary.days.get((first + timedelta(days=each)).isoformat())
            if day is not None:
                row.merge(day)
        begin, end = first + timedelta(days=number), first + timedelta(days=min(number + width, days) - 1)
        bars.append((f"{begin}" if begin == end else f"{begin} to {end}", row))
    return bars


def _chart(
    title: str,
    bars: Sequence[tuple[str, AuditTotals]],
    values: Sequence[tuple[str, Callable[[AuditTotals], float]]],
    shown: Callable[[float], str],
    told: Callable[[AuditTotals], str],
) -> str:
    """Stacked bars, the first of `values` (a kind and its measure) at the bottom; `told` when pointed at."""
    top = max((sum(value(row) for _, value in values) for _, row in bars), default=0.0) or 1.0
    step = _WIDTH / len(bars)
    width = min(step * 0.8, _WIDTH / 16)
    groups: list[str] = []
    for number, (name, row) in enumerate(bars):
        x, y = step * number + (step - width) / 2, _HEIGHT
        tip = f"<title>{_text(f'{name}: {told(row)}')}</title>"
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
        f'<div class="below">{"".join(f"<span>{_text(name)}</span>" for name in below)}</div></div>'
    )


def _told(row: AuditTotals) -> str:
    return f"{row.allowed:,} allowed, {row.denied:,} denied, {row.asked:,} asked"


def _times(row: AuditTotals) -> str:
    half, most_of = row.latency.quantile(0.5), row.latency.quantile(0.95)
    return f"median {_ms(half)}, p95 {_ms(most_of)}"


def _half(row: AuditTotals) -> float:
    return row.latency.quantile(0.5) or 0.0


def _rest(row: AuditTotals) -> float:
    return (row.latency.quantile(0.95) or 0.0) - _half(row)


def _day(time: str) -> str:
    return time[:10]


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _count(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.1f}"


def _ms(ms: float | None) -> str:
    """A duration with three digits, in the unit that suits it."""
    if ms is None:
        return "-"
    for unit, size in (("min", 60_000), ("s", 1000)):
        if ms >= size:
            return f"{ms / size:,.3g} {unit}"
    return f"{ms:.3g} ms"


def _text(text: str) -> str:
    """Text from anywhere, as HTML text in which everything is seen."""
    return escape(visible(text))
