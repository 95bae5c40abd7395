"""The audit log's figures as one HTML page: nothing is fetched, nothing is run, everything is escaped.

The page reads without scripts, in light and dark, on a phone and on paper. Charts are inline SVG whose bars
tell their figures when pointed at; the same figures stand in tables.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import Final

from alya_mcp.gate.audit.report_html import STYLE, card, chart, count, key, many, ms, text
from alya_mcp.gate.audit.summary import AuditSession, AuditSummary, AuditTotals, most
from alya_mcp.gate.audit.verification import Report
from alya_mcp.gate.numbers import usd

_MOST_BARS: Final = 92
_MOST_ROWS: Final = 25
_HEADINGS: Final = ("Calls", "Denied", "Asked", "Failed", "Cost", "p50", "p95")


def render(summary: AuditSummary, verified: Report | str, made: str) -> str:
    """The page.

    `verified` is what `verify` found, or why the log couldn't be checked. `made` is when, as text.
    """
    total = summary.total
    span = f"{_day(summary.first)} to {_day(summary.last)}" if total.calls else "no calls"
    tiles = (
        ("Calls", count(total.calls)),
        ("Denied", count(total.denied)),
        ("Asked a person", count(total.asked)),
        ("Failed", count(total.failed)),
        ("Cost", usd(total.usd)),
        ("Time, median", ms(total.latency.quantile(0.5))),
        ("Time, p95", ms(total.latency.quantile(0.95))),
        ("Sessions", count(len(summary.sessions))),
    )
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; ',
            "style-src 'unsafe-inline'\">",
            f"<title>Audit report, {text(span)}</title><style>{STYLE}</style></head><body><main>",
            f'<h1>Audit report</h1><p class="soft">{text(span)} (UTC), made {text(made)}</p>',
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
    yield card(
        "Decisions",
        key(("allow", "allowed"), ("deny", "denied"), ("ask", "asked a person"))
        + chart("Decisions", bars, decisions, count, _told),
        _table("Day", [(text(day), row) for day, row in sorted(summary.days.items(), reverse=True)]),
    )
    yield '<div class="pair">'
    yield card("Cost", chart("Cost", bars, (("allow", attrgetter("usd")),), usd, lambda row: usd(row.usd)))
    yield card(
        "Time that calls took",
        key(("p50", "median"), ("p95", "95 of 100 took no longer"))
        + chart("Time", bars, (("p50", _half), ("p95", _rest)), ms, _times),
    )
    yield "</div>"
    tools = [(text(tool), row) for tool, row in most(summary.tools)]
    yield card("Tools", _table("Tool", tools, shares=True))
    yield '<div class="pair">'
    yield card(
        "Rules that refused or asked most",
        _rules(summary.rules.most_common(), "Calls", "Nothing was refused."),
    )
    yield card(
        "Rules in shadow mode that would have",
        _rules(summary.shadow_rules.most_common(), "Calls", "No shadowed rule would have refused a call."),
    )
    yield "</div>"
    yield card("Sessions", _sessions(summary))


def _state(verified: Report | str) -> str:
    """Whether the chain is whole."""
    if isinstance(verified, str):
        return (
            f'<section class="card state open"><strong>Not checked</strong><p>{text(verified)}</p></section>'
        )
    counted = (
        f"{many(verified.records, 'record')} in {many(verified.chains, 'chain')} "
        f"and {many(verified.files, 'file')} are"
    )
    notes = [
        *([f"{many(verified.retired, 'older file')} went by retention"] if verified.retired else []),
        *([f"{many(verified.unsettled, 'call')} without an outcome"] if verified.unsettled else []),
        *(
            [f"{many(len(verified.torn), 'file')} with a last line cut short by a crash"]
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
        f"<li>{text(each.file)}{'' if each.line is None else f':{each.line}'}: {text(each.detail)}</li>"
        for each in verified.broken[:_MOST_ROWS]
    ]
    if len(verified.broken) > _MOST_ROWS:
        places.append(f"<li>and {count(len(verified.broken) - _MOST_ROWS)} more</li>")
    return (
        f'<section class="card state bad">'
        f"<strong>The log was changed in {many(len(verified.broken), 'place')}</strong>"
        f"<ul>{''.join(places)}</ul>{more}</section>"
    )


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
    return (*map(count, counts), usd(row.usd), ms(half), ms(most_of))


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
        f'<tr><td class="name">{text(rule)}</td><td>{count(n)}</td></tr>' for rule, n in counts[:_MOST_ROWS]
    ]
    left = counts[_MOST_ROWS:]
    if left:
        others = sum(count for _, count in left)
        lines.append(f"<tr><td>{many(len(left), 'other rule')}</td><td>{count(others)}</td></tr>")
    return f'<div class="wide"><table><tr><th>Rule</th><th>{heading}</th></tr>{"".join(lines)}</table></div>'


def _sessions(summary: AuditSummary) -> str:
    newest = sorted(summary.sessions.items(), key=lambda each: each[1].last, reverse=True)
    heads = "".join(f"<th>{name}</th>" for name in ("Session", "Grant", "From", "To", *_HEADINGS[:5]))
    lines = [
        f'<tr><td class="name">{text(name[:36])}</td><td>{text(_grants(row))}</td>'
        f"<td>{text(row.first[:16].replace('T', ' '))}</td><td>{text(row.last[:16].replace('T', ' '))}</td>"
        + "".join(f"<td>{cell}</td>" for cell in _cells(row)[:5])
        + "</tr>"
        for name, row in newest[:_MOST_ROWS]
    ]
    left = len(newest) - _MOST_ROWS
    more = f'<p class="soft">and {many(left, "older session")}</p>' if left > 0 else ""
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


def _told(row: AuditTotals) -> str:
    return f"{row.allowed:,} allowed, {row.denied:,} denied, {row.asked:,} asked"


def _times(row: AuditTotals) -> str:
    half, most_of = row.latency.quantile(0.5), row.latency.quantile(0.95)
    return f"median {ms(half)}, p95 {ms(most_of)}"


def _half(row: AuditTotals) -> float:
    return row.latency.quantile(0.5) or 0.0


def _rest(row: AuditTotals) -> float:
    return (row.latency.quantile(0.95) or 0.0) - _half(row)


def _day(time: str) -> str:
    return time[:10]
