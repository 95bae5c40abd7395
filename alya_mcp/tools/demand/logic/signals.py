"""From posts to demand signals: sentences quoted exactly, scored, without duplicates. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from alya_mcp.tools.demand.logic.plain import plain
from alya_mcp.tools.demand.logic.posts import DemandSentence, Post
from alya_mcp.tools.demand.logic.sentences import sentences
from alya_mcp.tools.demand.logic.strength import LEAST, claim, strength
from alya_mcp.tools.demand.logic.words import fold, likeness, share, shingles, topic_stems

SAME: Final = 0.6
"""Sentences whose runs of three words have this Jaccard index, or more, say the same."""

_ON_TOPIC: Final = 0.5
_LEAST_WORDS: Final = 3
_NOT_DEMAND: Final = ("who is hiring", "who wants to be hired", "freelancer? seeking freelancer")


def find_signals(
    posts: Iterable[Post], topic: str, *, since: datetime, until: datetime
) -> list[DemandSentence]:
    """What people want of `topic` in the posts from `since` to `until`, the strongest first.

    Sentences that, like their post's title, have less than half of the topic's words are left out, and so are
    those under three words, those weaker than `LEAST`, and all but the strongest of several that say nearly
    the same.
    """
    stems = topic_stems(topic)
    found: list[DemandSentence] = []
    for post in {post.url: post for post in posts}.values():
        if since <= post.time <= until:
            freshness = (post.time - since) / (until - since)
            found += _signals(post, stems, freshness)
    found.sort(
        key=lambda signal: (-signal.strength, -signal.post.time.timestamp(), signal.post.url, signal.quote)
    )
    return _once(found)


def _signals(post: Post, stems: frozenset[str], freshness: float) -> Iterable[DemandSentence]:
    text, folded_title = plain(post.text, post.markup), fold(post.title)
    if any(heading in folded_title for heading in _NOT_DEMAND):
        return
    if share(stems, f"{folded_title} {fold(text)}") < _ON_TOPIC:
        return
    own = sentences(text) if post.is_reply else (*sentences(post.title), *sentences(text))
    about = share(stems, folded_title) >= _ON_TOPIC
    for sentence in dict.fromkeys(own):
        relevance = share(stems, fold(sentence))
        if not (about or relevance >= _ON_TOPIC):
            continue
        said = claim(sentence) if len(sentence.split()) >= _LEAST_WORDS else None
        if said is None:
            continue
        strong = strength(said, reactions=post.reactions, freshness=freshness, relevance=relevance)
        if strong >= LEAST:
            yield DemandSentence(
                quote=sentence, kind=said.kind, amount=said.amount, strength=strong, post=post
            )


def _once(signals: Sequence[DemandSentence]) -> list[DemandSentence]:
    """The first of each group of near-duplicates, with how many there were beside it."""
    kept: list[tuple[DemandSentence, frozenset[tuple[str, ...]]]] = []
    having: dict[tuple[str, ...], list[int]] = {}
    repeats: dict[int, int] = {}
    for signal in signals:
        mine = shingles(fold(signal.quote))
        rivals = {number for shingle in mine for number in having.get(shingle, ())}
        same = next((number for number in sorted(rivals) if likeness(kept[number][1], mine) >= SAME), None)
        if same is not None:
            repeats[same] = repeats.get(same, 0) + 1
            continue
        for shingle in mine:
            having.setdefault(shingle, []).append(len(kept))
        kept.append((signal, mine))
    return [replace(signal, repeats=repeats.get(number, 0)) for number, (signal, _) in enumerate(kept)]
