"""The audit log for other programs: JSON lines, a table, OCSF events, and a page for people."""

import csv
import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from audit_support import Home
from gate_support import a_call, echo, log_files, outcome_of, policy, records, refusal_of

from alya_mcp.gate import Call, Decision, Gate, Report, ToolError
from alya_mcp.gate.audit.export import COLUMNS, Form, exported
from alya_mcp.gate.audit.reading import AuditFilter, read_calls, read_entries
from alya_mcp.gate.audit.report import render
from alya_mcp.gate.audit.summary import Latency, summarise

pytestmark = pytest.mark.anyio

SCHEMA = json.loads(Path(__file__).with_name("ocsf_api_activity_1_5_0.json").read_text())
DAY = 86_400
ALL = AuditFilter()


async def fails(_: object) -> None:
    raise ToolError("the source is down")


def asked(home: Home, call: Call, decision: str = "ask", **words: Any) -> int:
    """A decision that needs no rule of the policy."""
    told = Decision(
        decision,
        words.pop("rule", f"/tools/{call.tool}/action"),
        "a person is asked",
        None,
        "d" * 64,
        **words,
    )  # pyright: ignore[reportArgumentType]
    return home.audit.decided(call, told, home.audit.arguments(call.arguments))


async def fill(home: Home) -> None:
    """Every kind of call: answered, failed, denied, asked, unknown, shadowed, without an outcome."""
    priced = a_call(arguments={"prompt": "x", "seed": 1}, request=1, grant="kim", price=0.25)
    await home.gate.call(priced, echo)
    home.clock.forward(1)
    with pytest.raises(ToolError):
        await home.gate.call(a_call(request=2), fails)
    home.clock.forward(DAY)
    await refusal_of(home.gate, a_call("wipe", request="three", session="s2"))
    await refusal_of(home.gate, a_call("no_such", known=False, session="s2", grant=None))
    asked(home, a_call("draw", session="s2"))
    shadow = Decision("deny", "/tools/draw/max_repeats", "", None, "d" * 64, "shadow")
    asked(home, a_call("draw", session="s2"), "allow", rule="", shadow=(shadow,))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    anyio.run(fill, home)
    return home


def lines(home: Home, form: Form, **wanted: str) -> list[str]:
    return list(exported(home.folder, form, AuditFilter(**wanted)))


def events(home: Home, **wanted: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(home, "ocsf", **wanted)]


def rows(home: Home, **wanted: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(lines(home, "csv", **wanted)), newline="")))


def test_json_lines_are_the_records_as_they_stand(home: Home) -> None:
    assert "".join(lines(home, "jsonl")) == "".join(path.read_text() for path in log_files(home.folder))


def test_a_table_has_every_call_once_with_its_outcome(home: Home) -> None:
    told = rows(home)
    assert list(told[0]) == list(COLUMNS)
    seen = [(row["tool"], row["decision"], row["outcome"], row["usd"], row["seq"]) for row in told]
    assert seen == [
        ("draw", "allow", "ok", "0.25", "1"),
        ("draw", "allow", "error", "0.0", "3"),
        ("wipe", "deny", "", "", "5"),
        ("no_such", "deny", "", "", "6"),
        ("draw", "ask", "", "", "7"),
        ("draw", "allow", "", "", "8"),
    ]
    assert (told[0]["keys"], told[0]["grant"], told[0]["chain"]) == ("prompt seed", "kim", home.audit.chain)
    assert told[5]["shadow"] == "deny /tools/draw/max_repeats"
    assert told[0]["time"] == records(home.folder)[0]["time"]


@pytest.mark.parametrize(
    ("wanted", "seqs"),
    [
        ({"tool": "wipe"}, "5"),
        ({"grant": "kim"}, "1"),
        ({"session": "s2"}, "5678"),
        ({"session": "s"}, "135678"),
        ({"decision": "deny"}, "56"),
        ({"decision": "ask"}, "7"),
        ({"decision": "allow"}, "138"),
        ({"since": "2027-01-15T08:16:41.000000Z"}, "35678"),
        ({"until": "2027-01-15T08:16:41.000000Z"}, "1"),
        ({"since": "2027-01-16", "decision": "allow"}, "8"),
        ({"since": "2028"}, ""),
    ],
)
def test_only_what_is_asked_for_is_exported(home: Home, wanted: dict[str, str], seqs: str) -> None:
    assert "".join(row["seq"] for row in rows(home, **wanted)) == seqs
    assert "".join(str(event["metadata"]["sequence"]) for event in events(home, **wanted)) == seqs
    decided = [json.loads(line) for line in lines(home, "jsonl", **wanted)]
    assert "".join(str(each["seq"]) for each in decided if "decided" not in each) == seqs


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "\u200b=1", "\x00\u2800 +1"]
)
def test_no_cell_is_a_formula_to_a_spreadsheet(tmp_path: Path, name: str) -> None:
    """OWASP, "CSV Injection": names from outside begin cells of the table."""
    home = Home(tmp_path)
    call = a_call(name, {name: 1, f'{name}"\n,x': 2}, session=name, request=name, grant=name, known=False)
    anyio.run(outcome_of, home.gate, call)
    (row,) = rows(home)
    for column in ("tool", "session", "request", "grant", "keys"):
        assert row[column].startswith(f"'{name[:1]}")
    assert row["seq"] == "1"


def test_every_call_is_an_ocsf_event_of_the_published_schema(home: Home) -> None:
    told = events(home)
    for event in told:
        jsonschema.Draft202012Validator(SCHEMA).validate(event)
    assert len(told) == 6
    ok, error, denied, unknown, ask, running = told
    assert (ok["class_uid"], ok["type_uid"], ok["metadata"]["version"]) == (6003, 600399, "1.5.0")
    assert [(e["status"], e["action"], e["disposition"], e["severity"], e["status_code"]) for e in told] == [
        ("Success", "Allowed", "Allowed", "Informational", "ok"),
        ("Failure", "Allowed", "Allowed", "Low", "error"),
        ("Failure", "Denied", "Blocked", "Medium", "deny"),
        ("Failure", "Denied", "Blocked", "Medium", "deny"),
        ("Failure", "Denied", "Approval needed", "Low", "ask"),
        ("Unknown", "Allowed", "Allowed", "Informational", "allow"),
    ]
    assert ok["actor"] == {"session": {"uid": "s1"}, "user": {"name": "kim"}}
    assert "user" not in unknown["actor"]
    assert (ok["api"]["operation"], denied["api"]["request"]["uid"]) == ("draw", "three")
    assert (ok["time"], denied["firewall_rule"]["uid"]) == (1_800_001_000_000, "/tools/wipe/action")
    assert ok["unmapped"]["usd"] == 0.25
    assert error["end_time"] - error["start_time"] == error["duration"]
    assert running["unmapped"]["shadow"] == [{"decision": "deny", "rule": "/tools/draw/max_repeats"}]
    assert ask["unmapped"]["rule"] == "/tools/draw/action"


async def test_the_records_of_all_chains_come_in_order_of_time(tmp_path: Path) -> None:
    one, other, late = Home(tmp_path), Home(tmp_path), Home(tmp_path)
    for number in range(30):
        for home in (one, other) if number < 20 else (one, other, late):
            for each in (one, other, late):
                each.clock.now = one.clock.now + 250_000_000
            await home.calls(1)
        for each in (one, other, late):
            each.clock.forward(3600)
    times = [entry.record["time"] for entry in read_entries(tmp_path / "audit")]
    assert times == sorted(times)
    assert len(times) == 2 * (30 + 30 + 10)
    assert sum(1 for call in read_calls(tmp_path / "audit", ALL) if call.settled) == 70


async def test_what_is_no_record_is_left_out_and_never_ends_the_reading(home: Home) -> None:
    whole = "".join(lines(home, "csv"))
    path = log_files(home.folder)[-1]
    first = path.read_bytes().splitlines()[0]
    wrong = [b"\xff", b"{}", b"[1]", b'{"seq":1', first.replace(b'"seq":5', b'"seq":"5"')]
    wrong += [first.replace(b'"rule":"', b'"rule":7,"x":"'), first.replace(b'"time":"2', b'"time":"x')]
    wrong.append(b'{"seq":9,"time":"2027-01-16T08:16:41.000000Z","tool":"a","session":"b","hash":"c",'
                 b'"decided":1,"outcome":"ok","ms":NaN,"usd":1e999}')  # fmt: skip
    with path.open("ab") as file:
        file.write(b"\n".join(wrong) + b"\n" + first[:50])
    assert "".join(lines(home, "csv")) == whole
    assert summarise(home.folder, ALL).total.calls == 6


def test_reading_holds_little_of_a_log(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for _ in range(800):
        home.audit.settled(a_call(), asked(home, a_call(), "allow", rule=""), "ok", 1.0, 0.0)
    size = sum(path.stat().st_size for path in log_files(home.folder))
    tracemalloc.start()
    try:
        assert sum(1 for _ in exported(home.folder, "csv", ALL)) == 801
        assert tracemalloc.get_traced_memory()[1] < size / 3
    finally:
        tracemalloc.stop()


def test_the_figures_are_those_of_the_calls(home: Home) -> None:
    told = summarise(home.folder, ALL).figures()
    names = ("calls", "allowed", "denied", "asked", "failed", "open", "shadowed", "usd")
    assert [told[name] for name in names] == [6, 3, 2, 1, 1, 1, 1, 0.25]
    assert [(day["day"], day["calls"]) for day in told["days"]] == [("2027-01-15", 2), ("2027-01-16", 4)]
    assert [(tool["tool"], tool["calls"]) for tool in told["tools"]] == [
        ("draw", 4), ("(unknown tool)", 1), ("wipe", 1)
    ]  # fmt: skip
    assert {each["rule"]: each["calls"] for each in told["rules"]} == {
        "/tools/wipe/action": 1, "(unknown tool)": 1, "/tools/draw/action": 1
    }  # fmt: skip
    assert told["shadow_rules"] == [{"rule": "/tools/draw/max_repeats", "calls": 1}]
    assert [(each["session"], each["calls"]) for each in told["sessions"]] == [("s1", 2), ("s2", 4)]


def test_a_quantile_is_right_within_1_percent() -> None:
    latency = Latency()
    assert latency.quantile(0.5) is None
    for ms in range(1, 10_001):
        latency.add(ms)
    for part in (0.5, 0.95, 0.99, 1.0):
        assert latency.quantile(part) == pytest.approx(10_000 * part, rel=0.011)
    latency.add(0.0)
    assert latency.quantile(0.00001) == pytest.approx(0.001, rel=0.02)


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in {"src", "href", "action", "data"}]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in {"meta", "line", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page_of(home: Home, verified: Report | str | None = None) -> tuple[str, Page]:
    page = render(summarise(home.folder, ALL), home.verify() if verified is None else verified, "2027-01-17")
    return page, Page(page)


def test_the_page_stands_alone_and_shows_the_figures(home: Home) -> None:
    text, page = page_of(home)
    assert page.links == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme:dark" in text
    assert page.tags.count("svg") == 3
    words = " ".join(page.words)
    for expected in (
        "The log is whole",
        "8 records in 1 chain and 2 files",
        "0.25 USD",
        "/tools/wipe/action",
        "kim",
    ):
        assert expected in words
    assert "2027-01-16: 1 allowed, 2 denied, 1 asked" in words


def test_the_page_says_what_is_not_as_it_was_written(home: Home) -> None:
    path = log_files(home.folder)[0]
    path.write_bytes(path.read_bytes().replace(b'"outcome":"ok"', b'"outcome":"OK"'))
    text, page = page_of(home)
    words = " ".join(page.words)
    assert "The log was changed in 1 place" in words
    assert f"{path.name}:2: record 2 isn't as it was written" in "".join(page.words)
    text, _ = page_of(home, "the audit key <lost> can't be read")
    assert "Not checked" in text
    assert "the audit key &lt;lost&gt; can't be read".replace("'", "&#x27;") in text


def test_names_from_outside_stay_text_on_the_page(tmp_path: Path) -> None:
    home = Home(tmp_path)
    evil = "</title><script>alert(1)</script>\"'\u202e&"
    gate = Gate(policy({}, default="allow"), home.state, home.audit, home.clock)
    anyio.run(outcome_of, gate, a_call(evil, session=evil, grant=evil))
    asked(home, a_call(evil), rule=evil)
    text, page = page_of(home)
    assert "script" not in page.tags
    assert "<script" not in text
    assert "\u202e" not in text
    assert "</title><script>alert(1)</script>\"'\\u202e&" in "".join(page.words)


def test_an_empty_log_has_a_page_too(tmp_path: Path) -> None:
    _, page = page_of(Home(tmp_path))
    assert "no calls" in " ".join(page.words)
    assert "svg" not in page.tags


def test_many_days_are_drawn_in_few_bars(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for _ in range(400):
        asked(home, a_call())
        home.clock.forward(DAY)
    home.audit.close()
    text, page = page_of(home)
    assert page.tags.count("g") <= 3 * 92
    assert sum(int(n) for n in re.findall(r"0 denied, (\d+) asked", text)) == 400


def values(folder: Path) -> Iterator[str]:
    for path in log_files(folder):
        yield path.read_text()


async def test_what_a_policy_redacts_is_in_no_export(tmp_path: Path) -> None:
    home = Home(tmp_path)
    rules = {"draw": {"redact": {"arguments": ["password"], "results": ["token"]}}}
    gate = Gate(policy(rules), home.state, home.audit, home.clock)

    async def handler(_: object) -> dict[str, str]:
        return {"token": "RESULTSECRET"}

    await gate.call(a_call(arguments={"user": "kim", "password": "ARGSECRET"}), handler)
    await gate.call(a_call(arguments={"user": "kim", "password": "OTHER"}), handler)
    first, _, second, _ = records(home.folder)
    assert first["keys"] == ["(redacted)", "user"]
    assert first["arguments"] == second["arguments"]
    told = [*values(home.folder), *(line for form in ("csv", "ocsf") for line in lines(home, form))]
    assert not re.search("password|token|SECRET", "".join(told))
