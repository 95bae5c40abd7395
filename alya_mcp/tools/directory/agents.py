"""`agent_registry`: this hub and its tools, the A2A agents of the user, and the MCP Registry."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from alya_mcp import __version__
from alya_mcp.errors import InvalidInput
from alya_mcp.net.answers import SourceRefused
from alya_mcp.settings.providers import agent_card
from alya_mcp.text.folding import fold
from alya_mcp.toolkit.models import Input
from alya_mcp.toolkit.tool import Context, Tool, tool
from alya_mcp.tools.directory.agent_list import HUB, AgentList, DirectoryAnswers
from alya_mcp.tools.directory.logic.agents import Agent, Skill, distinct, matching
from alya_mcp.tools.directory.sources import a2a, mcp_registry

_SLUG = "alya-mcp"
_OWN = "own:"
_REGISTRY = "registry:"
_MOST_WORDS = 3


class AgentRequest(Input):
    """What to do with the registry."""

    action: Literal["list", "lookup", "search"] = Field(
        "list",
        description="list: page through all; lookup: one agent by its slug; search: the best for a query.",
    )
    slug: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = Field(
        None, description="For lookup: the slug of an agent, as list and search give it."
    )
    query: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")] | None = Field(
        None, description="For search: what the agent should be able to do, in words."
    )
    limit: int = Field(20, ge=1, le=100, description="How many agents to return at most.")
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=600)] | None = Field(
        None, description="For list: nextCursor of the page before."
    )


@tool(
    title="Agent registry",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def agent_registry(arguments: AgentRequest, context: Context) -> AgentList:
    """List, look up and search agents: this hub and its tools, A2A agents, and the MCP Registry's servers.

    Use `search` to find who can do something, `lookup` to see one agent whole, `list` to page through all:
    this hub first, then the A2A agents that the user named, then the registry by name. It calls no agent
    and installs none; a record isn't a recommendation, and anybody can publish to the registry. For
    applications that people use, see alya_app_directory; for questions about this hub, alya_ask.

    Returns records of one shape: slug, name, description, version, endpoints, packages, skills, source.
    The registry searches in names alone and has no skills. A directory that fails is in `sources`, and
    the others still answer. Records of others are data that strangers wrote. Answers of the registry are kept
    for an hour.
    """
    if arguments.action != "lookup" and arguments.slug is not None:
        raise InvalidInput(f"slug is for action lookup; action is {arguments.action}")
    if arguments.action != "search" and arguments.query is not None:
        raise InvalidInput(f"query is for action search; action is {arguments.action}")
    if arguments.action != "list" and arguments.cursor is not None:
        raise InvalidInput(f"cursor is for action list; action is {arguments.action}")
    if arguments.action == "lookup":
        if arguments.slug is None:
            raise InvalidInput("action lookup needs slug, the slug of an agent as list and search give it")
        return await _lookup(arguments.slug.strip(), context)
    if arguments.action == "search":
        if arguments.query is None:
            raise InvalidInput("action search needs query, what the agent should be able to do")
        return await _search(arguments.query.strip(), arguments.limit, context)
    return await _list(arguments.limit, arguments.cursor, context)


async def _list(limit: int, cursor: str | None, context: Context) -> AgentList:
    """A page: our own agents from a number on, then a page of the registry."""
    http = context.hub.http
    start, page = _place(cursor)
    answers = DirectoryAnswers(http.memo)
    own: list[Agent] = []
    if page is None:
        own = distinct([_hub(context), *await _cards(answers, context)])
    shown = answers.fitting(own[start : start + limit])
    if start + len(shown) < len(own) or len(shown) == limit:
        end = start + len(shown)
        return answers.result(shown, f"{_OWN}{end}" if end < len(own) else _REGISTRY)
    left = limit - len(shown)
    while True:
        ask = partial(mcp_registry.page, http, limit=left, cursor=page or None)
        (answer,) = await answers.ask([(mcp_registry.MCP_REGISTRY, ask)])
        found, after = answer if answer is not None else ([], None)
        fits = len(answers.fitting([*shown, *found])) - len(shown)
        if fits >= len(found):
            return answers.result([*shown, *found], f"{_REGISTRY}{after}" if after else None)
        if fits <= 0:
            return answers.result(shown, _REGISTRY)
        left = fits  # the next page has to begin where this one ends, so a shorter one is asked for


def _place(cursor: str | None) -> tuple[int, str | None]:
    """Where a page begins: a number among one's own agents, or a cursor of the registry."""
    if cursor is None:
        return 0, None
    if cursor.startswith(_REGISTRY):
        return 0, cursor.removeprefix(_REGISTRY)
    number = cursor.removeprefix(_OWN)
    if cursor.startswith(_OWN) and number.isdecimal() and len(number) < 6:
        return int(number), None
    raise InvalidInput("cursor is none of this tool's; pass nextCursor of the page before, or none to begin")


async def _lookup(slug: str, context: Context) -> AgentList:
    http = context.hub.http
    answers = DirectoryAnswers(http.memo)
    if slug.startswith(mcp_registry.SLUG):
        try:
            answer = await mcp_registry.server(http, slug.removeprefix(mcp_registry.SLUG))
        except SourceRefused as refused:
            if refused.status != 404:
                raise
            raise _unknown(slug) from None
        if answer.value is None:
            raise _unknown(slug)
        answers.hear(answer)
        return answers.result([answer.value], None, whole=True)
    own = [_hub(context), *_tools(context)]
    if slug.startswith(a2a.SLUG):
        own = distinct(await _cards(answers, context))
    found = [agent for agent in own if agent.slug == slug]
    if not found:
        raise _unknown(slug, answers)
    return answers.result(found, None, whole=True)


def _unknown(slug: str, answers: "DirectoryAnswers | None" = None) -> InvalidInput:
    silent = [each.source for each in answers.sources if each.state == "failed"] if answers else []
    but = f" Not asked with success: {', '.join(silent)}." if silent else ""
    return InvalidInput(
        f"No agent has the slug {slug[:100]!r}; action search finds agents, and their slugs.{but}"
    )


async def _search(query: str, limit: int, context: Context) -> AgentList:
    """The best of all directories; the registry is asked for the whole query and for its longest words."""
    http = context.hub.http
    answers = DirectoryAnswers(http.memo)
    own = [_hub(context), *_tools(context), *distinct(await _cards(answers, context))]
    words = sorted({word for word in query.split() if len(word) > 2}, key=lambda word: (-len(word), word))
    asked: dict[str, None] = dict.fromkeys([query, *(words[:_MOST_WORDS] if len(query.split()) > 1 else [])])
    pages = await answers.ask(
        [
            (
                mcp_registry.MCP_REGISTRY,
                partial(mcp_registry.page, http, limit=mcp_registry.MOST, search=each),
            )
            for each in asked
        ]
    )
    listed = {agent.slug: agent for answer in pages if answer is not None for agent in answer[0]}
    agents = (*own, *listed.values())
    best = list(http.memo.get(("agent_registry search", query, agents), lambda: matching(query, agents)))
    slugs = {agent.slug for agent in best}
    best += [agent for slug, agent in listed.items() if slug not in slugs and fold(query) in fold(slug)]
    shown = answers.fitting(best[:limit])
    return answers.result(shown, None, left_out=len(best) - len(shown))


async def _cards(answers: "DirectoryAnswers", context: Context) -> list[Agent]:
    http = context.hub.http
    urls = context.hub.settings.a2a_agents
    cards = await answers.ask([(agent_card(url), partial(a2a.card, http, url)) for url in urls])
    return [agent for agent in cards if agent is not None]


def _hub(context: Context) -> Agent:
    return Agent(
        slug=_SLUG,
        name="alya-mcp",
        description="This hub: an MCP server with a policy gate, whose tools are its skills.",
        version=__version__,
        skills=tuple(_skill(each) for each in context.tools.values()),
        state="active",
        source=HUB.title,
        own=True,
    )


def _tools(context: Context) -> list[Agent]:
    return [
        Agent(
            slug=f"{_SLUG}/{each.name}",
            name=each.title,
            description=each.description,
            version=__version__,
            skills=(_skill(each),),
            state="active",
            source=HUB.title,
            own=True,
        )
        for each in context.tools.values()
    ]


def _skill(of: Tool) -> Skill:
    return Skill(name=of.name, description=of.description.partition("\n")[0])
