"""The pipeline: drafts go their way and skip nothing, each caller sees its own, and it is on disk."""

import sqlite3
import stat
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.tools.youtube.channel import ChannelProfile
from alya_mcp.tools.youtube.database import YoutubeDatabase
from alya_mcp.tools.youtube.drafts import DraftContent, DraftFile
from alya_mcp.tools.youtube.logic.states import ORDER, STATES, allowed
from alya_mcp.tools.youtube.pipeline import Pipeline, WrongMove

CONTENT = DraftContent(topic="tea", mode="outline", titles=("Tea", "More tea"), description="About tea.")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[YoutubeDatabase]:
    opened = YoutubeDatabase(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def pipeline(database: YoutubeDatabase) -> Pipeline:
    return Pipeline(database, "local")


def test_a_draft_goes_its_way_and_another_process_reads_it(pipeline: Pipeline, tmp_path: Path) -> None:
    draft = pipeline.create(CONTENT)
    file = DraftFile(path=pipeline.folder(draft) / "preview.mp4", sha256="0" * 64, size=3)
    pipeline.keep_files(draft, {"preview": file})
    for state in ORDER[1:]:
        pipeline.move(draft, state, video_id="abc" if state == "uploaded" else None)
    other = YoutubeDatabase(tmp_path)
    found = Pipeline(other, "local").get(draft)
    other.close()
    assert (found.state, found.video_id, found.content, found.files) == (
        "published", "abc", CONTENT, {"preview": file},
    )  # fmt: skip
    assert [step.state for step in found.history] == list(ORDER)
    assert all(one.at <= next_.at for one, next_ in pairwise(found.history))
    assert stat.S_IMODE((tmp_path / "youtube" / "pipeline.sqlite").stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_what_is_approved_is_not_changed_any_more(pipeline: Pipeline) -> None:
    draft = pipeline.create(CONTENT)
    pipeline.move(draft, "previewed")
    pipeline.keep_content(draft, CONTENT.model_copy(update={"titles": ("Better tea",)}))
    pipeline.move(draft, "approved")
    with pytest.raises(WrongMove):
        pipeline.keep_content(draft, CONTENT)
    assert pipeline.get(draft).title == "Better tea"


@given(st.lists(st.sampled_from(STATES), max_size=12))
def test_nothing_is_skipped_whatever_is_tried(moves: list[str]) -> None:
    history = ["drafted"]
    for state in moves:
        if state in allowed(history):  # type: ignore[arg-type]
            history.append(state)
    reached = 0
    for before, state in pairwise(history):
        if state == "failed":
            assert before in ORDER[:4]
        elif before == "failed":
            assert state in ORDER[: min(reached, 3) + 1]
        else:
            assert ORDER.index(state) == ORDER.index(before) + 1
        if state != "failed":
            reached = max(reached, ORDER.index(state))


def test_a_wrong_move_says_what_may_come_and_changes_nothing(pipeline: Pipeline) -> None:
    draft = pipeline.create(CONTENT)
    with pytest.raises(WrongMove, match="previewed or failed"):
        pipeline.move(draft, "queued")
    pipeline.move(draft, "failed", "no disk")
    assert (pipeline.get(draft).state, pipeline.get(draft).reason) == ("failed", "no disk")
    assert pipeline.move(draft, "drafted").reason is None


def test_each_caller_has_its_own_drafts_and_channel(database: YoutubeDatabase) -> None:
    one, two = Pipeline(database, "one"), Pipeline(database, "two")
    draft = one.create(CONTENT)
    one.change_channel({"niche_keywords": ("tea",), "colours": ("#ffffff",)})
    refusals = []
    for unknown in (draft, "never-was"):
        with pytest.raises(InvalidInput) as refused:
            two.move(unknown, "previewed")
        refusals.append(str(refused.value).replace(unknown, "ID"))
    assert refusals[0] == refusals[1]
    assert (two.counts(), two.channel()) == ({}, ChannelProfile())
    assert (one.counts(), one.channel().niche_keywords) == ({"drafted": 1}, ("tea",))


def test_drafts_are_listed_newest_first_page_by_page_while_more_come(pipeline: Pipeline) -> None:
    drafts = [pipeline.create(CONTENT) for _ in range(5)]
    pipeline.move(drafts[1], "previewed")
    first = pipeline.list(limit=2)
    pipeline.create(CONTENT)
    second = pipeline.list(limit=2, cursor=first.next_cursor)
    third = pipeline.list(limit=2, cursor=second.next_cursor)
    seen = [draft.id for page in (first, second, third) for draft in page.drafts]
    assert (seen, third.next_cursor) == (drafts[::-1], None)
    assert [draft.id for draft in pipeline.list("previewed").drafts] == [drafts[1]]
    with pytest.raises(InvalidInput, match="nextCursor"):
        pipeline.list(cursor="x")


@pytest.mark.parametrize("content", ["not a database" * 100, "other", "newer"])
def test_a_file_that_is_not_ours_is_an_error_and_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / "youtube" / "pipeline.sqlite"
    path.parent.mkdir()
    if content in ("other", "newer"):
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE x (y)")
            db.execute(f"PRAGMA application_id = {0x616C7979 if content == 'newer' else 7}")
            db.execute("PRAGMA user_version = 99")
        db.close()
    else:
        path.write_text(content)
    before = path.read_bytes()
    database = YoutubeDatabase(tmp_path)
    with pytest.raises(Unavailable, match=r"pipeline\.sqlite"):
        Pipeline(database, "local").create(CONTENT)
    database.close()
    assert path.read_bytes() == before
