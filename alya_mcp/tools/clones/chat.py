"""`alya_clone_chat`: a conversation with a simulation of a figure, by the configured language model."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final, Literal

import anyio
from pydantic import Field, StringConstraints

from alya_mcp.errors import InvalidInput, NotConfigured, Unavailable
from alya_mcp.gate import outside
from alya_mcp.llm import Message, open_model
from alya_mcp.text.citations import without_addresses
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.clones.catalogue import FigureSource, shown
from alya_mcp.tools.clones.conversations import KEPT, Conversations, new_session_id
from alya_mcp.tools.clones.logic.figures import Figure, named, near
from alya_mcp.tools.clones.logic.persona import instructions, texts
from alya_mcp.tools.clones.logic.quotations import unverified
from alya_mcp.tools.clones.people import figures, people

_REMEMBERED: Final = 12
"""Messages that the model is shown again."""
_LONGEST_MEMORY: Final = 12_000
"""Characters of those."""


class ChatRequest(Input):
    """What to say to whom."""

    clone: Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"\w")] = Field(
        description="Name or slug of a figure of alya_iconic_clones with chat true: marie-curie."
    )
    message: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"\S")] = Field(
        description="What to say, in any language."
    )
    session_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, description="sessionId of the answer before, to go on; absent to begin."
    )


class ChatReply(Output):
    """What the simulation says."""

    reply: str = Field(description="The words of a language model that plays the figure; data, no facts.")
    session_id: str = Field(description="Pass it to go on with this conversation; kept for 30 days.")
    mode: Literal["model"] = Field(description="model: worded by the configured language model.")
    simulation: Literal[True] = Field(True, description="Always true: the figure said none of this.")
    clone: str = Field(description="The figure that is played.")
    model: str = Field(description="Which language model.")
    turns: int = Field(description="Replies in this conversation so far, of those that are kept.")
    unverified_quotations: list[str] = Field(
        description="What the reply quotes and no source here has; take none of it for the figure's words."
    )
    removed: int = Field(description="Links taken out of the reply.")
    sources: list[FigureSource] = Field(description="What the facts given to the model rest on.")
    notice: str = Field(description="What to know about the reply.")


@tool(
    title="Talk to a figure",
    category="Read",
    risk="Low",
    read_only=False,
    destructive=False,
    idempotent=False,
    open_world=True,
)
async def alya_clone_chat(arguments: ChatRequest, context: Context) -> ChatReply:
    """Talk to a simulation of a figure of history, played by the configured language model (ALYA_LLM_MODEL).

    Use alya_iconic_clones to choose a figure and for its facts and sources; use web_search for facts about
    the world. The conversation is kept on this machine for 30 days and goes on by sessionId.

    Returns the reply, sessionId, `simulation: true`, the sources that the persona rests on, and
    unverifiedQuotations: what the reply quotes though no source has it. A model may still invent: the reply
    isn't evidence of what the figure thought.
    """
    hub, now = context.hub, datetime.now(UTC)
    figure = await anyio.to_thread.run_sync(partial(_figure, arguments.clone))
    model = open_model(hub.settings, hub.http)
    if model is None:
        raise NotConfigured(
            "No language model is configured, and alya_clone_chat has no words of its own. The user can name "
            "one in ALYA_LLM_MODEL (docs/tools/web.md has how); alya_iconic_clones works without."
        )
    kept = hub.kept(Conversations, lambda: Conversations(hub.settings.home))
    session_id, before = arguments.session_id, list[Message]()
    if session_id is not None:
        before = await anyio.to_thread.run_sync(
            partial(_before, kept, context.grant, session_id, figure, now)
        )
    said = Message("user", arguments.message)
    answer = await model.answer(instructions(figure), [*_memory(before), said])
    text, removed = without_addresses(str(outside(answer, model.name)["text"]))
    text = text.strip()
    if not text:
        raise Unavailable(f"{model.name} said nothing that can be shown; call again with other words")
    session_id = session_id or new_session_id()
    added = [said, Message("assistant", text)]
    await anyio.to_thread.run_sync(
        partial(kept.add, context.grant, session_id, figure.slug, added, datetime.now(UTC))
    )
    return ChatReply(
        reply=text,
        session_id=session_id,
        mode="model",
        simulation=True,
        clone=figure.name,
        model=model.name,
        turns=1 + sum(message.role == "assistant" for message in before),
        unverified_quotations=unverified(text, texts(figure)),
        removed=removed,
        sources=[shown(each) for each in figure.sources],
        notice=f"A language model plays {figure.name} from a few facts. {figure.name} said none of this.",
    )


def _figure(name: str) -> Figure:
    """The figure of a name.

    Raises:
        InvalidInput: there is none, or too little is known of it.
    """
    found = named(figures(), name)
    if found is not None:
        return found
    short = name.strip()[:60]
    if (known := named(people(), name)) is not None:
        raise InvalidInput(
            f"Of {known.name} only name, dates, place and occupation are known here, which is too little for "
            "a simulation. alya_iconic_clones lists the figures with chat true."
        )
    close = near(figures(), name)
    hint = f" Near in spelling: {', '.join(close)}." if close else ""
    raise InvalidInput(f"There is no figure {short!r}; alya_iconic_clones lists those that are.{hint}")


def _before(
    kept: Conversations, grant: str, session_id: str, figure: Figure, now: datetime
) -> Sequence[Message]:
    """The messages of a conversation so far.

    Raises:
        InvalidInput: this caller has no such conversation, or it is with somebody else.
    """
    found = kept.find(grant, session_id, now)
    if found is None:
        raise InvalidInput(
            f"There is no conversation {session_id[:64]!r} of yours; leave sessionId out to begin one. "
            f"Conversations are kept for {KEPT.days} days."
        )
    slug, messages = found
    if slug != figure.slug:
        raise InvalidInput(
            f"That conversation is with {slug}, not with {figure.slug}; leave sessionId out to begin another"
        )
    return messages


def _memory(messages: Sequence[Message]) -> list[Message]:
    """The newest messages that fit, from a user's on."""
    held: list[Message] = []
    size = 0
    for message in reversed(messages[-_REMEMBERED:]):
        size += len(message.text)
        if size > _LONGEST_MEMORY:
            break
        held.insert(0, message)
    while held and held[0].role != "user":
        held.pop(0)
    return held
