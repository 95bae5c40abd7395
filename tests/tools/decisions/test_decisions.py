"""calibrate_decision, record_outcome, get_domain_accuracy: one ledger per caller, kept, exact and whole."""

import csv
import io
import math
import random
import sqlite3
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moved import Ask

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.gate import InvalidArguments
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.decisions.accuracy import accuracy_of, get_domain_accuracy
from alya_mcp.tools.decisions.calibrate import calibrate_decision
from alya_mcp.tools.decisions.ledger import PredictionLedger, new_call_id
from alya_mcp.tools.decisions.ledger_case import LedgerCase
from alya_mcp.tools.decisions.outcome import record_outcome
from alya_mcp.tools.decisions.spreadsheet import COLUMNS, read_cases, write_cases

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[PredictionLedger]:
    opened = PredictionLedger(tmp_path)
    yield opened
    opened.close()


def case(domain: str = "a", confidence: float = 0.7, **more: Any) -> LedgerCase:
    facts = {"statement": "it rains", "calibrated": confidence, "made_at": NOW, "call_id": new_call_id()}
    if more.get("outcome"):
        facts["resolved_at"] = NOW
    return LedgerCase(**{"domain": domain, "confidence": confidence, **facts, **more})


async def test_a_prediction_is_kept_resolved_and_then_counts(ask: Ask) -> None:
    first = await ask(
        calibrate_decision, domain="Freelance.Design", statement="The client signs", confidence=0.9
    )
    assert (first["basis"], first["n"], first["domain"]) == ("prior", 0, "freelance/design")
    assert 0.8 < first["calibratedConfidence"] < 0.9
    assert first["interval"]["low"] < first["calibratedConfidence"] < first["interval"]["high"]
    assert (first["kellyFraction"], first["counterArgument"], first["similarCases"]) == (None, None, [])
    done = await ask(record_outcome, callId=first["callId"], outcome="loss", note="they wrote no")
    assert done["resolved"]["outcome"] == "loss"
    assert done["resolved"]["note"] == "they wrote no"
    assert (done["accuracy"]["resolved"], done["accuracy"]["losses"], done["accuracy"]["winRate"]) == (
        1,
        1,
        0,
    )
    again = await ask(
        calibrate_decision, domain="freelance", statement="Another client signs", confidence=0.9
    )
    assert (again["basis"], again["n"], again["nDomain"]) == ("ledger", 1, 1)
    assert again["calibratedConfidence"] < first["calibratedConfidence"]
    assert again["similarCases"][0]["callId"] == first["callId"]
    assert "The client signs" in again["counterArgument"]
    accuracy = await ask(get_domain_accuracy, domain="freelance")
    assert (accuracy["open"], accuracy["resolved"]) == (1, 1)
    assert accuracy["brier"] == pytest.approx(0.81)
    assert accuracy["logLoss"] == pytest.approx(-math.log(0.1))
    assert accuracy["lastResolvedAt"] is not None


async def test_an_outcome_is_recorded_once(ask: Ask) -> None:
    kept = await ask(calibrate_decision, domain="a", statement="x", confidence=0.5)
    await ask(record_outcome, callId=kept["callId"], outcome="void")
    with pytest.raises(InvalidInput, match="already recorded as void"):
        await ask(record_outcome, callId=kept["callId"], outcome="win")
    accuracy = await ask(get_domain_accuracy, domain="a")
    assert (accuracy["resolved"], accuracy["void"], accuracy["winRate"], accuracy["brier"]) == (
        1,
        1,
        None,
        None,
    )


async def test_another_callers_prediction_is_as_unknown_as_one_that_never_was(ask_as: Any) -> None:
    kept = await ask_as("one", calibrate_decision, domain="a", statement="x", confidence=0.5)
    refusals = []
    for call_id in (kept["callId"], new_call_id()):
        with pytest.raises(InvalidInput) as refused:
            await ask_as("two", record_outcome, callId=call_id, outcome="win")
        refusals.append(str(refused.value).replace(call_id, "ID"))
    assert refusals[0] == refusals[1]
    assert (await ask_as("two", get_domain_accuracy, domain="a"))["open"] == 0
    assert (await ask_as("one", get_domain_accuracy, domain="a"))["open"] == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"confidence": 1.1},
        {"confidence": -0.1},
        {"confidence": 0.5, "odds": 1},
        {"confidence": 0.5, "statement": "   "},
        {"confidence": 0.5, "statement": "x" * 1001},
        {"confidence": 0.5, "domain": "/ / /"},
        {"confidence": 0.5, "opinion": 0.3},
        {"confidence": 0.5, "opinionSource": "market"},
        {"confidence": 0.5, "stake": 10},
    ],
)
async def test_what_can_not_be_calibrated_is_refused_and_not_kept(ask: Ask, bad: dict[str, Any]) -> None:
    with pytest.raises((InvalidArguments, InvalidInput)):
        await ask(calibrate_decision, **{"domain": "a", "statement": "x", **bad})
    assert (await ask(get_domain_accuracy, domain="a"))["open"] == 0


@pytest.mark.parametrize("confidence", [0, 1])
@pytest.mark.parametrize(
    "statement",
    ["'; DROP TABLE predictions; --", '" OR 1=1 NEAR(', "İstanbul'da yağmur yağar", "東京で地震", "*"],
)
async def test_any_text_and_the_ends_of_the_scale_are_kept_as_they_are(
    ask: Ask, statement: str, confidence: int
) -> None:
    for _ in range(2):
        kept = await ask(calibrate_decision, domain="a", statement=statement, confidence=confidence, odds=2)
        done = await ask(record_outcome, callId=kept["callId"], outcome="win")
    assert done["resolved"]["statement"] == statement
    assert 0 < kept["calibratedConfidence"] < 1
    assert 0 <= kept["cautiousFraction"] <= kept["kellyFraction"] <= 1
    assert math.isfinite(done["accuracy"]["logLoss"])


async def test_a_second_opinion_weighs_nothing_until_it_has_a_record(ask: Ask, hub: Hub) -> None:
    asked = {"domain": "a", "statement": "x", "confidence": 0.3, "opinion": 0.9, "opinionSource": "Market"}
    first = await ask(calibrate_decision, **asked)
    assert first["secondOpinion"] == {"source": "market", "probability": 0.9, "weight": 0, "n": 0}
    rng = random.Random(5)
    ledger = PredictionLedger(hub.settings.home)
    known = [
        case(
            confidence=0.5, opinion=p, opinion_source="market", outcome="win" if rng.random() < p else "loss"
        )
        for p in (rng.random() for _ in range(100))
    ]
    ledger.keep("local", known)
    ledger.close()
    second = await ask(calibrate_decision, **asked)
    assert second["secondOpinion"]["n"] == 100
    assert second["secondOpinion"]["weight"] > 0.5
    assert second["calibratedConfidence"] > 0.6


async def test_the_record_of_such_confidences_is_the_first_counter_argument(ask: Ask, hub: Hub) -> None:
    ledger = PredictionLedger(hub.settings.home)
    ledger.keep("local", [case("a/b", 0.85, outcome="win" if n < 4 else "loss") for n in range(10)])
    ledger.close()
    told = (await ask(calibrate_decision, domain="a/b", statement="x", confidence=0.88))["counterArgument"]
    assert "10 resolved cases in a/b" in told
    assert "40%" in told


domains = st.sampled_from(["a", "a/b", "a/b/c", "b", "b/x"])
outcomes = st.sampled_from(["win", "loss", "void", None])


@given(st.lists(st.tuples(domains, st.floats(0, 1), outcomes), max_size=30), st.booleans())
def test_sums_are_those_of_the_cases(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, float, Any]], later: bool
) -> None:
    """Kept at once or resolved one by one, against sums over all cases."""
    ledger = PredictionLedger(tmp_path_factory.mktemp("ledger"))
    cases = [case(domain, confidence, outcome=outcome) for domain, confidence, outcome in drawn]
    if later:
        ledger.keep("g", [case(each.domain, each.confidence, call_id=each.call_id) for each in cases])
        for each in cases:
            if each.outcome is not None:
                ledger.resolve("g", each.call_id, each.outcome, None, NOW)
    else:
        ledger.keep("g", cases)
    ledger.keep("other", [case("a", 0.5, outcome="win")])
    for prefix in ("", "a", "a/b", "b", "nothing"):
        inside = [c for c in cases if not prefix or c.domain == prefix or c.domain.startswith(prefix + "/")]
        judged = [c for c in inside if c.outcome in ("win", "loss")]
        found = ledger.totals("g", prefix)
        assert found.open == sum(c.outcome is None for c in inside)
        assert found.void == sum(c.outcome == "void" for c in inside)
        assert (found.wins, found.wins + found.losses) == (
            sum(c.outcome == "win" for c in judged),
            len(judged),
        )
        if judged:
            brier = sum((c.confidence - (c.outcome == "win")) ** 2 for c in judged) / len(judged)
            assert found.brier == pytest.approx(brier)
        else:
            assert found.brier is None
        bins = ledger.bins("g", prefix)
        assert sum(each.n for each in bins) == len(judged)
        levels = ledger.levels("g", prefix)
        assert sum(cell.n for cell in levels[-1]) == len(judged)
        everything = sum(c.outcome in ("win", "loss") for c in cases)
        assert sum(cell.n for level in levels for cell in level) == everything
    ledger.close()


def test_a_ledger_outlives_its_process_and_is_the_users_alone(
    tmp_path: Path, ledger: PredictionLedger
) -> None:
    ledger.keep("g", [case(outcome="win")])
    ledger.close()
    file = tmp_path / "decisions" / "ledger.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    again = PredictionLedger(tmp_path)
    assert again.totals("g", "a").wins == 1
    again.close()


def test_processes_and_threads_record_one_outcome_once(tmp_path: Path, ledger: PredictionLedger) -> None:
    kept = case()
    ledger.keep("g", [kept])
    results: list[str] = []

    def record() -> None:
        own = PredictionLedger(tmp_path)
        try:
            own.resolve("g", kept.call_id, "win", None, NOW)
            results.append("recorded")
        except InvalidInput:
            results.append("refused")
        own.close()

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["recorded"] + ["refused"] * 7
    assert ledger.totals("g", "a").wins == 1


@pytest.mark.parametrize("damage", ["no database", "another program's", "a newer version's", "a folder"])
def test_a_ledger_that_can_not_be_used_says_so_and_stays_as_it_is(
    tmp_path: Path, ledger: PredictionLedger, damage: str
) -> None:
    file = tmp_path / "decisions" / "ledger.sqlite"
    file.parent.mkdir()
    if damage == "no database":
        file.write_bytes(b"not a database" * 100)
    elif damage == "a folder":
        file.mkdir()
    else:
        db = sqlite3.connect(file)
        db.execute("CREATE TABLE t (x)")
        if damage == "a newer version's":
            db.execute(f"PRAGMA application_id = {0x616C7964}")
            db.execute("PRAGMA user_version = 99")
        db.commit()
        db.close()
    before = None if damage == "a folder" else file.read_bytes()
    for work in (lambda: ledger.keep("g", [case()]), lambda: ledger.totals("g", "")):
        with pytest.raises(Unavailable) as failed:
            work()
        assert str(tmp_path) not in str(failed.value)
    if before is not None:
        assert file.read_bytes() == before


cell_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(str.strip)


@given(st.lists(st.tuples(cell_text, st.floats(0, 1), outcomes, st.none() | cell_text), max_size=8))
def test_an_exported_ledger_reads_back_as_it_was(drawn: list[tuple[str, float, Any, str | None]]) -> None:
    cases = [
        case(statement=text.strip(), confidence=p, outcome=outcome, note=note and note.strip())
        for text, p, outcome, note in drawn
    ]
    text = io.StringIO(newline="")
    assert write_cases(cases, text) == len(cases)
    text.seek(0)
    assert [found for _, found in read_cases(text)] == cases
    text.seek(0)
    for row in csv.reader(text):
        assert not any(cell.startswith(("=", "+", "@")) for cell in row)


@pytest.mark.parametrize("text", ["=1", "\uff1d1", "\u200b=1", "\u2800@A1", "'+1"])
def test_no_cell_of_an_exported_ledger_is_a_formula(text: str) -> None:
    file = io.StringIO(newline="")
    write_cases([case(statement=text)], file)
    file.seek(0)
    assert next(csv.DictReader(file))["statement"] == f"'{text}"
    file.seek(0)
    assert [found.statement for _, found in read_cases(file) if not isinstance(found, str)] == [text]


def test_figures_are_the_same_through_every_door(ledger: PredictionLedger) -> None:
    ledger.keep("g", [case(confidence=0.65, outcome="win"), case(confidence=0.15, outcome="loss")])
    told = accuracy_of(ledger, "g", "a", "svg")
    assert [(each.low, each.n) for each in told.calibration] == [(0.1, 1), (0.6, 1)]
    assert told.diagram is not None
    assert told.diagram.startswith("<svg ")
    assert len(told.diagram) < 1500
    assert set(COLUMNS) >= {"domain", "statement", "confidence"}
