"""The words of a video: outlines, what a model writes, times, captions, and YouTube's limits."""

import json
import re
from itertools import pairwise

import pytest

from alya_mcp.tools.youtube.channel import ChannelProfile
from alya_mcp.tools.youtube.logic import captions, limits, metadata, outline, timing, written
from alya_mcp.tools.youtube.logic.script import Scene
from alya_mcp.tools.youtube.video.voices.letter_to_sound import by_letters
from alya_mcp.tools.youtube.video.voices.numbers import spelled
from alya_mcp.tools.youtube.video.voices.phonemes import Phonemes
from alya_mcp.tools.youtube.writing import write

pytestmark = pytest.mark.anyio

STAMP = re.compile(r"^(\d+):(\d\d) \S", re.MULTILINE)


async def told(share: float, message: str) -> None:
    assert 0 <= share <= 1


class Author:
    """A language model that gives prepared answers."""

    name = "author"

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def answer(self, system: str, messages: list) -> str:  # type: ignore[type-arg]
        self.asked.append(messages[0].text)
        return self.answers.pop(0)


def plan(count: int) -> str:
    scenes = [{"heading": f"Part <{n}>", "point": "A line", "picture": "a hill"} for n in range(count)]
    return json.dumps(
        {"titles": ["One", "Two"], "summary": "About it.", "tags": ["a", "b"], "scenes": scenes}
    )


@pytest.mark.parametrize("topic", ["how solar panels work", "Kahve neden acıdır?", "<b>x</b> & \u202ey"])
@pytest.mark.parametrize("seconds", [30, 31.6, 33, 47, 60, 61, 600, 1200])
async def test_an_outline_fits_the_length_and_the_limits_of_youtube(topic: str, seconds: float) -> None:
    script = await write(topic, "My title", seconds, ChannelProfile(), None, told)
    timed = timing.silent(script.scenes, seconds)
    assert timed[-1].end == pytest.approx(seconds, abs=0.04)
    assert all(a.end == b.start for a, b in pairwise(timed))
    text = metadata.description(script.summary, script.chapters_heading, timed)
    stamps = [int(minutes) * 60 + int(second) for minutes, second in STAMP.findall(text)]
    assert stamps[0] == 0
    assert len(stamps) >= 3
    assert all(b - a >= 10 for a, b in zip(stamps, [*stamps[1:], seconds], strict=True))
    titles = metadata.titles(script.titles)
    assert titles[0] == "My title"
    assert len(titles) >= 2
    assert all(1 <= len(title) <= 100 for title in titles)
    assert len(text.encode()) <= 5000
    assert not set("<>") & set(text + "".join(titles) + "".join(metadata.tags(script.tags)))
    assert script.mode == "outline"
    assert "states no facts" in (script.notice or "")


def test_a_word_is_captioned_when_it_is_said() -> None:
    scenes = timing.silent(outline.outline("bees", 60, "en").scenes, 60)
    cues = captions.cues(scenes)
    said = [word for scene in scenes for sentence in scene.sentences for word in sentence.words]
    assert [word for cue in cues for word in cue.words] == said
    assert all(a.end <= b.start for a, b in pairwise(cues))
    assert all(cue.start < cue.end and len(cue.lines) <= 2 for cue in cues)
    assert all(len(line) <= captions.LINE for cue in cues for line in cue.text.split("\n"))
    assert captions.subrip(cues).startswith("1\n00:00:00,800 --> 00:00:")


def test_spoken_sentences_keep_their_length_and_make_a_video_longer_where_they_must() -> None:
    scenes = [Scene(heading="A", narration=("One two.", "Three.")), Scene(heading="B", narration=("Four.",))]
    short = timing.spoken(scenes, [[2.0, 1.0], [1.0]], 30)
    assert short[-1].end == 30
    long = timing.spoken(scenes, [[40.0, 1.0], [1.0]], 30)
    assert long[-1].end > 51
    first, second = long[0].sentences
    assert first.end - first.start == pytest.approx(40, abs=0.04)
    assert second.start >= first.end


async def test_a_model_writes_the_plan_and_then_the_narration_in_parts() -> None:
    parts = written.parts(written.scene_count(600), 600)
    said = [json.dumps({"narration": [f"Text {n}. More."] * len(part)}) for n, part in enumerate(parts)]
    author = Author(f"```json\n{plan(written.scene_count(600))}\n```", *said)
    script = await write(
        "tea", None, 600, ChannelProfile(niche_keywords=("tea",), language="en"), author, told
    )
    assert script.mode == "model"
    assert len(author.asked) == 1 + len(parts)
    assert script.scenes[0].heading == "Part \u20390\u203a"
    assert script.scenes[0].narration == ("Text 0.", "More.")
    assert "nobody has checked" in (script.notice or "")


async def test_a_model_that_suggests_no_titles_still_leaves_two() -> None:
    bare = json.dumps({"scenes": json.loads(plan(4))["scenes"]})
    said = json.dumps({"narration": ["Text."] * 4})
    script = await write("tea", None, 60, ChannelProfile(), Author(bare, said), told)
    assert metadata.titles(script.titles)[:2] == ("Tea", "Tea: Part \u20390\u203a")


@pytest.mark.parametrize(
    "answers",
    [["no JSON", "none"], [plan(1), plan(2)], [plan(4), "{}", '{"narration": ["", "", "", ""]}']],
)
async def test_a_model_without_a_script_leaves_an_outline_that_says_so(answers: list[str]) -> None:
    script = await write("tea", None, 60, ChannelProfile(), Author(*answers), told)
    assert script.mode == "outline"
    assert "author didn't write it" in (script.notice or "")


@pytest.mark.parametrize(
    "answer",
    [
        '{"scenes": 3}',
        '{"scenes": ["one"]}',
        '{"scenes": [{"heading": " "}]}',
        '{"scenes": [{"heading": "A"}]}',
        "[]",
        "{]}",
    ],
)
def test_a_plan_without_scenes_is_not_a_script(answer: str) -> None:
    with pytest.raises(written.NotAScript):
        written.read_plan(answer, 60)


def test_a_narration_that_is_much_too_long_is_cut_after_a_sentence() -> None:
    sentence = f"A{' word' * 40}."
    answer = json.dumps({"narration": [f"{sentence} {sentence} {sentence}"]})
    ((kept, *more),) = written.read_narration(answer, range(1), 20, 1)
    assert (kept, more) == (sentence, [])


@pytest.mark.parametrize(
    ("description", "tags", "count"),
    [
        ("x" * 5001, [], 1),
        ("", ["a b"] * 120, 1),
        ("a > b", [], 1),
        ("<" * 5001, ["t" * 501], 3),
        ("x", ["a"], 0),
    ],
)
def test_what_youtube_would_not_take_is_listed(description: str, tags: list[str], count: int) -> None:
    assert len(list(limits.problems(["A title"], description, tags))) == count


def test_tags_keep_within_the_limit_of_all_together() -> None:
    kept = metadata.tags([*(f"word number {n}" for n in range(100)), "WORD NUMBER 1", "x" * 61, " "])
    assert sum(len(tag) + 2 for tag in kept) + len(kept) - 1 <= 500
    assert len({tag.casefold() for tag in kept}) == len(kept) > 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,200", "one thousand two hundred"),
        ("3.5%", "three point five percent"),
        ("in 1998", "in nineteen ninety eight"),
        ("2005", "two thousand five"),
        ("the 22nd", "the twenty second"),
        ("the 1990s", "the nineteen nineties"),
        ("$40", "forty dollars"),
        ("007", "zero zero seven"),
        ("1900", "nineteen hundred"),
        ("2000", "two thousand"),
        ("1906", "nineteen oh six"),
        ("340", "three hundred forty"),
        ("the 20th and the 8th", "the twentieth and the eighth"),
        ("the 90s", "the nineties"),
        ("5,000,000,000", "five billion"),
    ],
)
def test_numbers_are_read_as_people_say_them(text: str, said: str) -> None:
    assert " ".join(spelled(text).split()) == said


def test_words_are_found_with_their_endings_and_read_by_letters_otherwise() -> None:
    known = Phonemes(
        {
            "hope": "h\u02c8Op",
            "box": "b\u02c8\u0251ks",
            "plan": "pl\u02c8æn",
            "read": {"DEFAULT": "\u0279\u02c8id"},
            "egg": "\u02c8\u025b\u0261",
        }
    )
    assert (
        known.of("hopes, boxes planned hoping.")
        == "h\u02c8Ops, b\u02c8\u0251ks\u1d7bz pl\u02c8ænd h\u02c8Op\u026aŋ."
    )
    assert known.of("the egg; the plan") == "ði \u02c8\u025b\u0261; ð\u0259 pl\u02c8æn"
    assert known.of("read's reads, egg's") == "\u0279\u02c8idz \u0279\u02c8idz, \u02c8\u025b\u0261z"
    assert known.of("an egg and a plan") == "\u0259n \u02c8\u025b\u0261 \u00e6nd \u0250 pl\u02c8æn"
    assert known.word("O'FLUX") == known.word("O") + by_letters("FLUX")
    assert known.word("FLUX") == "\u02cc\u025bf\u02cc\u025bl\u02ccju\u02c8\u025bks"
    assert by_letters("grommit") == "\u0261\u0279\u02c8\u0251m\u026at"
    assert by_letters("Yıldız") == "j\u02c8\u026ald\u026az"
