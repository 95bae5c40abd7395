"""docs/hosts.md: its table, between two marks, from all that was seen."""

import re
from pathlib import Path
from typing import Any, Final

from catalogue import Host

_BEGIN: Final = "<!-- the table: python scripts/hosts/run.py -->"
_END: Final = "<!-- the end of the table -->"
_BETWEEN: Final = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)
_SEEN: Final = (
    "host", "opens with", "tools", "denial", "approval", "picture, cold", "picture of 75 s", "list",
)  # fmt: skip
_SETTINGS: Final = ("host", "a call may take", "to raise it", "for approvals")
_SAID: Final = re.compile(r"timed out after ([0-9.]+)s")
_KINDS: Final = {"image": "the picture too", "text": "the picture as base64 text", "none": "no picture"}

Result = dict[str, Any]


def write_table(document: Path, results: list[tuple[Host, Result]]) -> None:
    """Replace the tables of `document`; a host that was never run has no row."""
    seen = _table(_SEEN, [_row(host, result) for host, result in results])
    settings = _table(_SETTINGS, [_setting(host, result) for host, result in results])
    text = f"{_BEGIN}\n{seen}\n\n{settings}\n{_END}"
    document.write_text(_BETWEEN.sub(lambda _: text, document.read_text()))


def _row(host: Host, result: Result) -> list[str]:
    usual: Result = result.get("usual") or {}
    wire: Result = usual.get("wire") or {}
    name = f"{host.title} {result['version']} ({result['date']})"
    if not usual.get("over"):
        return [name, ", ".join(wire.get("opens", [])) or "-", f"stopped: {_last_words(usual)}", *["-"] * 5]
    return [
        name,
        "; then ".join(wire["opens"]),
        _tools(usual),
        "in our words" if usual["denied_in_our_words"] else "**not in our words**",
        _approval(usual, wire),
        _picture(usual["picture"], wire["servers"]),
        _picture(_of(result, "slow"), 1),
        f"{usual['tools_bytes'] / 1000:.1f} kB"
        + (" (of the three that it loaded)" if usual["searched"] else ""),
    ]


def _tools(usual: Result) -> str:
    if usual["searched"]:
        return f"by name at once ({usual['wire']['listed']} s), loaded by search"
    there = f"{usual['tools']} at once" if usual["tools_at_once"] else "**not in the first request**"
    return f"{there} ({usual['wire']['listed']} s)"


def _approval(usual: Result, wire: Result) -> str:
    if not usual["command_shown"]:
        return "**none**"
    form = ""
    if wire["forms"]:
        form = f"form ({wire['forms'][0]}), answered by the host with {wire['form_answers'][0]}; "
    return f"{form}command shown, " + ("given, call ran" if usual["approved"] else "**call didn't run**")


def _of(result: Result, story: str) -> Result | None:
    """The picture of a story that was told."""
    told: Result = result.get(story) or {}
    return told.get("picture")


def _picture(picture: Result | None, servers: int) -> str:
    if picture is None:
        return "-"
    calls = f"{picture['calls']} calls" if picture["calls"] > 1 else "1 call"
    if not picture["url"]:
        return f"**none** after {calls}, {picture['seconds']:.0f} s"
    each = ", a server each" if servers > 2 else ""
    broken = "" if picture["opens"] else ", **that doesn't open**"
    size = f" ({picture['size'] / 1000:.0f} kB)" if picture["picture"] == "text" and "size" in picture else ""
    return f"URL{broken} after {calls}{each}, {picture['seconds']:.0f} s; {_KINDS[picture['picture']]}{size}"


def _setting(host: Host, result: Result) -> list[str]:
    picture = _of(result, "limit")
    answers: list[Result] = [] if picture is None else picture["answers"]
    if picture is None or not answers:
        takes = "-"
    elif picture["url"]:
        takes = f"over {min(75, answers[0]['seconds']):.0f} s"
    else:
        said = _SAID.search(" ".join(result["limit"]["wire"]["cancelled"]))
        takes = f"{float(said[1]) if said else answers[0]['seconds']:.0f} s"
    return [host.title, takes, host.limit, host.approvals]


def _last_words(usual: Result) -> str:
    lines = str(usual.get("words") or "it said nothing").strip().splitlines()
    return lines[-1][:120].replace("|", "/")


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
