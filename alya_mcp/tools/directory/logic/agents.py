"""Agents, servers and tools as records of one shape."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alya_mcp.text.bm25 import bm25
from alya_mcp.text.folding import fold
from alya_mcp.text.words import guess_language, terms

_TITLE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an agent answers, and in which protocol."""

    url: str
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """One thing that an agent can do."""

    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent. `packages` are what to install to run it; `state` is None where its directory has none."""

    slug: str
    name: str
    description: str
    version: str | None = None
    endpoints: tuple[Endpoint, ...] = ()
    packages: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()
    homepage: str | None = None
    state: Literal["active", "deprecated"] | None = None
    source: str
    own: bool = False


def slug_of(name: str) -> str:
    """A name in lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:80] or "agent"


def matching(query: str, agents: Sequence[Agent]) -> list[Agent]:
    """The agents that share a word with the query, the best first (BM25, the name counted three times)."""
    language = guess_language(query)
    documents = [terms(_text(agent), language) for agent in agents]
    scores = bm25(terms(query, language), documents)
    order = sorted(range(len(agents)), key=lambda index: (-scores[index], index))
    return [agents[index] for index in order if scores[index] > 0]


def distinct(agents: Sequence[Agent]) -> list[Agent]:
    """The agents with unique slugs: a repeated slug gets a number."""
    found: dict[str, Agent] = {}
    for agent in agents:
        slug, number = agent.slug, 2
        while slug in found:
            slug, number = f"{agent.slug}-{number}", number + 1
        found[slug] = replace(agent, slug=slug)
    return list(found.values())


def _text(agent: Agent) -> str:
    name = f"{agent.name} {re.sub(r'[^A-Za-z0-9]+', ' ', agent.slug)} "
    skills = " ".join(f"{skill.name} {skill.description}" for skill in agent.skills)
    return f"{name * _TITLE} {agent.description} {skills}".replace("_", " ")
