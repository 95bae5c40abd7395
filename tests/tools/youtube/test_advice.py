"""What a channel is advised to do, and the ways of drafts and uploads that it rests on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.tools.youtube.logic import spans
from alya_mcp.tools.youtube.logic.advice import Situation, advice
from alya_mcp.tools.youtube.logic.pace import Criterion, Pace
from alya_mcp.tools.youtube.logic.states import MAY_FAIL, ORDER, DraftState, allowed

NOW = datetime(2026, 3, 4, 5, tzinfo=UTC)
PACE = Pace(week="2026-W10", begins=NOW, ends=NOW, uploaded=2, per_week=2.0, goal=2.0)
QUIET = Situation(
    configured=True,
    connected=True,
    figures=True,
    counts={},
    pace=PACE,
    criteria=[],
    used={},
    renewed_at=NOW,
    failures=[],
)
FIND, MAKE, UPLOAD = "youtube_find_opportunities", "youtube_generate_video", "youtube_upload_video"
CONFIGURE, LIST = "youtube_configure_channel", "youtube_list_drafts"
BEHIND = replace(PACE, uploaded=0)


@pytest.mark.parametrize(
    ("changed", "tools"),
    [
        ({}, [FIND]),
        ({"configured": False}, [CONFIGURE]),
        ({"pace": replace(PACE, goal=0)}, [CONFIGURE]),
        ({"connected": False, "figures": False}, [None, None]),
        ({"used": {"uploads": 1.0, "search": 0.8, "other": 0.79}}, [None, None]),
        ({"criteria": [Criterion("failures", True, "3 in a row")]}, [None]),
        ({"criteria": [Criterion("quota", True, "used up"), Criterion("silence", False, "")]}, [FIND]),
        ({"pace": BEHIND}, [MAKE]),
        ({"pace": BEHIND, "counts": {"previewed": 1, "queued": 1}}, [UPLOAD, UPLOAD]),
        ({"pace": BEHIND, "counts": {"approved": 1}}, [MAKE, UPLOAD]),
        ({"counts": {"failed": 2}}, [LIST]),
        ({"counts": {"drafted": 2, "uploaded": 1}}, [MAKE]),
    ],
)
def test_the_most_urgent_comes_first_and_something_always(
    changed: Mapping[str, object], tools: list[str | None]
) -> None:
    assert [each.tool for each in advice(replace(QUIET, **changed))] == tools


def test_the_most_frequent_reason_of_failures_is_told() -> None:
    failed = replace(QUIET, counts={"failed": 1}, failures=["no ears", "no eyes"])
    stopped = replace(failed, criteria=[Criterion("failures", True, "3 in a row")])
    for situation in (failed, stopped):
        for each in advice(situation):
            assert "no ears" in each.why
            assert "no eyes" not in each.why


@pytest.mark.parametrize(
    ("history", "next_ones"),
    [
        ([], ("drafted",)),
        (["drafted"], ("previewed", "failed")),
        (["drafted", "previewed", "failed"], ("drafted", "previewed")),
        (["drafted", "failed", "failed"], ("drafted",)),
        (list(ORDER[:5]), ("published",)),
        (list(ORDER), ()),
    ],
)
def test_no_state_is_skipped(history: list[DraftState], next_ones: tuple[str, ...]) -> None:
    assert allowed(history) == next_ones


@given(st.lists(st.integers(0, 6), max_size=12))
def test_any_way_through_the_states_passes_them_in_order(choices: list[int]) -> None:
    history: list[DraftState] = []
    for choice in choices:
        may = allowed(history)
        if not may:
            break
        history.append(may[choice % len(may)])
    reached = [ORDER.index(state) for state in history if state != "failed"]
    assert all(after <= max(reached[: at + 1]) + 1 for at, after in enumerate(reached[1:]))
    before_failing = [before for before, state in pairwise(history) if state == "failed"]
    assert set(before_failing) <= {*MAY_FAIL, "failed"}


@given(st.integers(1, 40 * spans.UNIT))
def test_an_upload_ends_with_a_part_of_its_own(size: int) -> None:
    offset, parts = 0, list[int]()
    while offset < size:
        parts.append(spans.next_part(offset, size))
        offset += parts[-1]
        assert spans.kept(f"bytes=0-{offset - 1}", size + 1) == offset
    assert sum(parts) == size
    assert parts[-1] <= spans.UNIT
    assert all(part % spans.UNIT == 0 and part <= spans.PART for part in parts[:-1])


@pytest.mark.parametrize("header", ["bytes=0-10", "bytes=1-2", "bytes=0-", "", "none"])
def test_a_range_beyond_the_file_is_refused(header: str) -> None:
    assert spans.kept(None, 10) == 0
    with pytest.raises(ValueError, match=r"\b10\b"):
        spans.kept(header, 10)
