"""Writes the script of a video: by the configured language model, else an outline that states no facts."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from alya_mcp.errors import Failure
from alya_mcp.llm import LanguageModel, Message
from alya_mcp.text.words import Language, guess_language, terms
from alya_mcp.tools.youtube.channel import ChannelProfile
from alya_mcp.tools.youtube.logic import metadata, outline, written
from alya_mcp.tools.youtube.logic.script import Scene, plain

T = TypeVar("T")
_TRIES = 2
_FEWEST_TITLES = 2
_LONG = 30.0
"""Seconds for which a scene of an outline stays before the answer says so."""
Report = Callable[[float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A script and the words around it; `titles` and `tags` are candidates still."""

    mode: Literal["model", "outline"]
    language: str
    scenes: Sequence[Scene]
    titles: Sequence[str]
    summary: str
    chapters_heading: str
    tags: Sequence[str]
    thumbnail_prompt: str
    notice: str | None


async def write(
    topic: str,
    hint: str | None,
    seconds: float,
    channel: ChannelProfile,
    model: LanguageModel | None,
    report: Report,
) -> Written:
    """The script of a video about `topic`."""
    spoken, asked = _languages(topic, channel)
    why = "no language model is configured (ALYA_LLM_MODEL)"
    if model is not None:
        try:
            return await _by_model(topic, hint, seconds, channel, model, asked, spoken, report)
        except (Failure, written.NotAScript) as failure:
            why = f"{model.name} didn't write it: {failure}"
    made = outline.outline(topic, seconds, spoken)
    stays = seconds / len(made.scenes)
    if stays > _LONG:
        why += f". Each scene stays for about {stays:.0f} s, since an outline has no more to say"
    elsewhere = "" if asked.partition("-")[0].lower() == spoken else f", in English and not in {asked!r}"
    return Written(
        mode="outline",
        language=spoken,
        scenes=made.scenes,
        titles=[*([hint] if hint else []), *made.titles],
        summary=made.summary,
        chapters_heading=made.chapters_heading,
        tags=_tags(topic, (), channel, spoken),
        thumbnail_prompt=f"{plain(topic)}, bold simple composition, strong contrast, no text",
        notice=f"The script is an outline of questions and states no facts{elsewhere}: {why}",
    )


async def _by_model(
    topic: str, hint: str | None, seconds: float, channel: ChannelProfile, model: LanguageModel,
    language: str, spoken: Language, report: Report,
) -> Written:  # fmt: skip
    await report(0, f"{model.name} is planning the script")
    ask = written.plan_prompt(plain(topic), seconds, language, channel.brand_voice, channel.niche_keywords)
    plan = await _asked(model, ask, lambda answer: written.read_plan(answer, seconds))
    scenes: list[Scene] = []
    for part in written.parts(len(plan.scenes), seconds):
        await report(len(scenes) / len(plan.scenes), f"{model.name} is writing scene {part[0] + 1}")
        ask = written.narration_prompt(plain(topic), plan, part, seconds, language, channel.brand_voice)
        said = await _asked(
            model, ask, lambda answer, p=part: written.read_narration(answer, p, seconds, len(plan.scenes))
        )
        scenes += [
            replace(plan.scenes[index], narration=text) for index, text in zip(part, said, strict=True)
        ]
    name = plain(topic)[:1].upper() + plain(topic)[1:]
    titles = [*([hint] if hint else []), *plan.titles, name]
    if len(metadata.titles(titles)) < _FEWEST_TITLES:
        titles += [f"{name}: {scene.heading}" for scene in scenes]
    return Written(
        mode="model",
        language=language,
        scenes=scenes,
        titles=titles,
        summary=plan.summary or plain(topic),
        chapters_heading=outline.chapters_heading(spoken),
        tags=_tags(topic, plan.tags, channel, spoken),
        thumbnail_prompt=plan.thumbnail or f"{plain(topic)}, bold simple composition, no text",
        notice=f"{model.name} wrote the script; nobody has checked its facts",
    )


async def _asked(model: LanguageModel, question: str, read: Callable[[str], T]) -> T:
    """What `read` makes of the model's answer; an answer that can't be used is asked for once more."""
    for left in reversed(range(_TRIES)):
        try:
            return read(await model.answer(written.SYSTEM, [Message("user", question)]))
        except written.NotAScript:
            if not left:
                raise
    raise AssertionError


def _languages(topic: str, channel: ChannelProfile) -> tuple[Language, str]:
    """The language of an outline, and the BCP-47 tag of the language that is wanted."""
    if channel.configured:
        known = channel.language.partition("-")[0].lower()
        return ("tr" if known == "tr" else "en"), channel.language
    guessed = guess_language(topic)
    return guessed, guessed


def _tags(topic: str, given: Sequence[str], channel: ChannelProfile, language: Language) -> list[str]:
    """The model's tags, the channel's keywords, the topic and its telling words."""
    telling = [word for word in plain(topic).lower().split() if len(word) > 2 and terms(word, language)]
    words = [word.strip(".,;:!?()\"'\u2019\u201c\u201d") for word in telling]
    return [*given, *channel.niche_keywords, plain(topic).lower().rstrip("?!."), *words]
