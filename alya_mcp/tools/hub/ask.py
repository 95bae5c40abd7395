"""`alya_ask`: answers questions about this hub from what it knows of itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.gate import LimitRow, StateError, outside
from alya_mcp.llm import LanguageModel, Message, a2a, open_model
from alya_mcp.text.citations import check, instructions, prompt
from alya_mcp.text.extracts import extract
from alya_mcp.text.words import Language, guess_language
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, Tool, tool
from alya_mcp.tools.hub.knowledge import facts
from alya_mcp.tools.hub.knowledge.classifier import ABOUT_THE_HUB
from alya_mcp.tools.hub.knowledge.glossary import search_terms
from alya_mcp.tools.hub.knowledge.library import Alya
from alya_mcp.tools.hub.knowledge.passages import BETWEEN, Passage, statements
from alya_mcp.tools.hub.knowledge.questions import Lead, asks_for_tool, identifiers

_PASSAGES = 5
_LOOSE_PASSAGES = 2
"""Of those that hold few of a question's words, where the question is about the hub all the same."""
_STATEMENTS = 4
_OF_THE_HUB = frozenset({ABOUT_THE_HUB, "alya_status", "alya_usage"})
"""Tools that a question about the hub's state is led to."""
_CAN = {
    "tr": "Bununla ilgili bir şey bulamadım. Şunları yanıtlayabilirim: araçlar ve ücretleri, politika ve "
    "sınırlar, son çağrının neden reddedildiği, ne kadar kullanıldığı, kurulum ve ayarlar.",
    "en": "I found nothing about that. I can answer about: the tools and what they cost, the policy and its "
    "limits, why the last call was refused, what was used, installation and settings.",
}


class AskInput(Input):
    """What to ask Alya."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")] = Field(
        description="A question about this hub, in Turkish or English: its tools, policy, limits, refusals, "
        "usage, settings."
    )


class AskSource(Output):
    """What an answer rests on."""

    number: int = Field(description="The number by which the answer cites it.")
    title: str = Field(description="Its title.")
    source: str = Field(description="Where it stands: a page, a tool, the policy, this session.")
    text: str = Field(description="Its text.")


class AskAnswer(Output, title="Answer"):
    """What Alya answers."""

    answer: str = Field(description="The answer, with [n] for source n.")
    answered: bool = Field(description="False when nothing was found that answers; answer then says so.")
    tool: str | None = Field(
        description="The tool that the question is for, alya_ask if this answers it; null if none is found."
    )
    mode: Literal["model", "retrieval"] = Field(
        description="model: worded by a model or an agent; retrieval: what the sources say, word for word."
    )
    model: str | None = Field(description="Which model or agent; null for retrieval.")
    untrusted: bool = Field(description="True for an agent's words, which others wrote: data to read.")
    language: Literal["tr", "en"] = Field(description="Language of the question, as it was understood.")
    removed: int = Field(description="Passages of a model's answer taken out because no source carries them.")
    notice: str | None = Field(description="What to know about the answer, such as who didn't answer.")
    fetched_at: AwareDatetime | None = Field(
        description="When an agent gave its answer (UTC); null for what rests on this hub's own sources."
    )
    sources: list[AskSource] = Field(description="What the answer rests on.")


@tool(
    title="Ask Alya",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def alya_ask(arguments: AskInput, context: Context) -> AskAnswer:
    """Ask Alya, the operator of this hub, about the hub: tools, policy, refusals, usage, settings.

    Use it to learn which tool fits, what a tool costs and what the policy says of it, why the last call was
    refused, what is left, or how something is set up; in Turkish or English. Use alya_status and alya_usage
    for the plain figures, web_search for the world outside. It changes nothing and can't grant or approve.

    The first of these that is set up and answers does: the configured A2A agent, the configured language
    model, a model of this machine; the models answer from passages of the documentation and of the hub's
    state, and what these don't carry is taken out. Else the passages themselves are the answer (`mode` is
    `retrieval`). It never invents: where nothing is found it says so.
    """
    hub, question = context.hub, arguments.question.strip()
    language = guess_language(question)
    said: list[str] = []
    if a2a.A2A.key in hub.settings.source_urls:
        try:
            told = await a2a.ask(hub.http, question, key=hub.settings.source_secrets.get("ALYA_A2A_KEY"))
        except Unavailable as failure:
            said.append(str(failure))
        else:
            text = str(outside(told.value, told.source.title)["text"])
            return _answer(text, language, [], model=told.source.title, fetched_at=told.fetched_at)
    tools = context.tools
    lead = (await _knowledge(context).guide(tools.values())).lead(question)
    named = facts.mentioned(question, tools.values()) if lead.pages or lead.tool else []
    own, more = _own(question, language, lead, named, context)
    pages: list[Passage] = []
    if more:
        pages = await _pages(question, lead, named, context)
    if not own and not pages and lead.tool == ABOUT_THE_HUB:
        own = _of_tools([tools[ABOUT_THE_HUB]], language, context)
    sources = [*own, *pages]
    if not sources:
        return _answer(_CAN[language], language, [], said=said, answered=False)
    led_to = lead.tool or (named[0].name if named else ABOUT_THE_HUB)
    for model in _models(context):
        try:
            text = await model.answer(
                instructions(language),
                [Message("user", prompt(question, [each.title for each in sources], _texts(sources)))],
            )
        except Failure as failure:
            said.append(str(failure))
            continue
        checked = check(text, _texts(sources))
        if checked.text:
            plain = str(outside(checked.text, model.name)["text"])
            return _answer(
                plain, language, sources, tool=led_to, model=model.name, said=said, removed=checked.removed
            )
        said.append(f"{model.name} said nothing that the sources carry")
    led = lead.section is not None
    key = ("alya_ask", question, led, *sources)
    text = hub.http.memo.get(key, lambda: _retrieved(question, language, own, pages, section=led))
    return _answer(text, language, sources, tool=led_to, said=said)


async def _pages(question: str, lead: Lead, named: Sequence[Tool], context: Context) -> list[Passage]:
    """Passages of the section that the question is led to, else those that hold its words."""
    index, hidden = await _knowledge(context).index(context.catalogue.values()), _hidden(context)
    if lead.section is not None:
        return index.section(lead.section, without=hidden)[:_PASSAGES]
    if asks_for_tool(question) or not (lead.pages or named):
        return []
    found = index.find(question, _PASSAGES, without=hidden)
    if not found and lead.tool == ABOUT_THE_HUB:
        return index.find(question, _LOOSE_PASSAGES, without=hidden, covered=0)
    return found


def _own(
    question: str, language: Language, lead: Lead, named: Sequence[Tool], context: Context
) -> tuple[list[Passage], bool]:
    """What the hub itself knows that the question is about, and whether the documentation may know more."""
    gate = context.hub.gate
    tools = list(context.tools.values())
    of_the_hub = named or lead.tool in _OF_THE_HUB or lead.pages
    topics = facts.about(question) if of_the_hub else frozenset[str]()
    found: list[Passage] = []
    if "refusal" in topics:
        found.append(facts.of_refusal(gate.last_refusal(context.session), language))
    told = bool(topics - {"tools"}) and not asks_for_tool(question)
    itself = lead.tool == ABOUT_THE_HUB and ("tools" in topics or not asks_for_tool(question))
    asked = named or [each for each in tools if each.name == lead.tool and not told and not itself]
    if "usage" in topics:
        limits = _limits(tools, context)
        try:
            used = gate.usage(context.grant, session=context.session)
        except StateError as error:
            raise Unavailable(
                "what was used can't be read now; alya-mcp doctor tells the user why"
            ) from error
        found.append(facts.of_usage(used, limits, language))
    if "policy" in topics:
        found.append(facts.of_policy(gate.policy, gate.policy_error is not None, language))
    if "tools" in topics and not asked:
        found.append(facts.of_tools(tools, language))
    found += _of_tools(asked, language, context)
    more = not topics and (lead.section is not None or facts.is_about_more(question, named))
    return found, more and (not asked or bool(named) or lead.pages)


def _of_tools(tools: Sequence[Tool], language: Language, context: Context) -> list[Passage]:
    policy, limits = context.hub.gate.policy, _limits(list(context.tools.values()), context) if tools else ()
    return [facts.of_tool(each, policy, limits, language) for each in tools]


def _hidden(context: Context) -> list[str]:
    tools = context.tools
    return [name for name in context.catalogue if name not in tools]


def _limits(tools: Sequence[Tool], context: Context) -> Sequence[LimitRow]:
    try:
        return context.hub.gate.limits(
            context.session, context.grant, [(each.name, each.category) for each in tools]
        )
    except StateError as error:
        raise Unavailable("the limits can't be read now; alya-mcp doctor tells the user why") from error


def _models(context: Context) -> list[LanguageModel]:
    hub = context.hub
    return [
        model
        for model in (open_model(hub.settings, hub.http), _knowledge(context).model)
        if model is not None
    ]


def _knowledge(context: Context) -> Alya:
    return context.hub.kept(Alya, lambda: Alya(context.hub.settings))


def _texts(sources: Sequence[Passage]) -> list[str]:
    return [each.text for each in sources]


def _retrieved(
    question: str, language: Language, own: Sequence[Passage], pages: Sequence[Passage], *, section: bool
) -> str:
    """The hub's own facts, then whole sentences of the pages: the first of a section, else those that fit."""
    said = [f"{each.text} [{number}]" for number, each in enumerate(own, 1)]
    whole = [statements(text, identifiers(question)) for text in _texts(pages)]
    numbered = [f"{each} [{number}]" for number, part in enumerate(whole, len(own) + 1) for each in part]
    if section:
        said += numbered[:_STATEMENTS]
    else:
        asked = " ".join(word for meanings in search_terms(question) for word in meanings)
        said.append(extract(asked, [*[""] * len(own), *map("\n".join, whole)], "en"))
    text = " ".join(filter(None, said))
    if text or not pages:
        return text
    page, heading = pages[0].source, pages[0].title.rpartition(BETWEEN)[2]
    if language == "tr":
        return f"Bunu {page} sayfasının \u201c{heading}\u201d bölümü anlatır. [1]"
    return f"{page} says it under \u201c{heading}\u201d. [1]"


def _answer(
    text: str,
    language: Language,
    sources: Sequence[Passage],
    *,
    tool: str | None = None,
    model: str | None = None,
    fetched_at: datetime | None = None,
    said: Sequence[str] = (),
    removed: int = 0,
    answered: bool = True,
) -> AskAnswer:
    notices = [f"Not answered by a model before this: {'; '.join(said)}."] if said else []
    if fetched_at is not None:
        notices.append("These are another agent's words; nothing of them was checked here.")
    return AskAnswer(
        answer=text,
        answered=answered,
        tool=tool,
        mode="retrieval" if model is None else "model",
        model=model,
        untrusted=fetched_at is not None,
        language=language,
        removed=removed,
        notice=" ".join(notices) or None,
        fetched_at=fetched_at,
        sources=[
            AskSource(number=number, title=each.title, source=each.source, text=each.text)
            for number, each in enumerate(sources, 1)
        ],
    )
