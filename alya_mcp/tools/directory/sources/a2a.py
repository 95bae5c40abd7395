"""The cards of agents that speak A2A."""

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field

from alya_mcp.net import urls as links
from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.client import Http
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import agent_card
from alya_mcp.tools.directory.logic.agents import Agent, Endpoint, Skill, slug_of

SLUG: Final = "a2a/"
_CARD: Final = "/.well-known/agent-card.json"


class _Interface(Shape):
    url: str
    binding: str | None = Field(None, alias="protocolBinding")
    transport: str | None = None


class _Skill(Shape):
    name: str
    description: str = ""


class _Card(Shape):
    name: str
    description: str
    version: str | None = None
    interfaces: Records[_Interface] = Field(default_factory=list[_Interface], alias="supportedInterfaces")
    url: str | None = None
    preferred: str | None = Field(None, alias="preferredTransport")
    others: Records[_Interface] = Field(default_factory=list[_Interface], alias="additionalInterfaces")
    documentation: str | None = Field(None, alias="documentationUrl")
    skills: Records[_Skill] = Field(default_factory=list[_Skill])


async def card(http: Http, url: str) -> Fetched[Agent]:
    """The agent whose card is at `url`, or at the usual path of the address `url`."""
    source = agent_card(url)
    answer = await http.get(
        source,
        "" if urlsplit(url).path.strip("/") else _CARD,
        read=_agent,
        fresh_for=600,
        stale_for=30 * 86_400.0,
        deadline=8,
    )
    return answer.map(lambda agent: replace(agent, slug=f"{SLUG}{source.title}/{agent.slug}"))


def _agent(body: Body) -> Agent:
    found = body.json(_Card)
    interfaces = [(each.url, each.binding or "") for each in found.interfaces]
    if found.url is not None:
        interfaces.append((found.url, found.preferred or "JSONRPC"))
        interfaces += [(each.url, each.transport or "") for each in found.others]
    return Agent(
        slug=slug_of(found.name),
        name=found.name,
        description=found.description,
        version=found.version,
        endpoints=tuple(
            Endpoint(url=url, protocol=f"A2A, {binding}" if binding else "A2A")
            for url, binding in dict(reversed(interfaces)).items()
            if _may_be_shown(url)
        )[::-1],
        skills=tuple(Skill(name=each.name, description=each.description) for each in found.skills),
        homepage=links.shown(found.documentation or ""),
        source=f"A2A card of {body.source.title}",
    )


def _may_be_shown(url: str) -> bool:
    """Whether it is a web address without a name or password; the user's own agent may have a private one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "@" not in parts.netloc
