"""Chooses the most informative questions, by expected information gain."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import log2
from typing import Final

from alya_mcp.tools.health.logic.symptoms.inference import OTHER, Network

_CONSIDERED: Final = 25
_LEAST_SHARE: Final = 0.004
_LEAST_BITS: Final = 0.005


@dataclass(frozen=True, slots=True)
class Worth:
    """A finding to ask for and the bits that the answer is expected to bring."""

    finding: str
    bits: float


def worth_asking(
    network: Network, posterior: Mapping[str, float], known: Collection[str], most: int
) -> list[Worth]:
    """At most `most` findings to ask for, the most telling first.

    `known` are findings that were said, follow from what was said, or were asked. The expected information is
    that on which single condition it is.
    """
    top = [
        name for name, share in sorted(posterior.items(), key=lambda each: -each[1]) if share >= _LEAST_SHARE
    ]
    top = top[:_CONSIDERED]
    total = sum(posterior[name] for name in top)
    if not top or not total:
        return []
    shares = {name: posterior[name] / total for name in top}
    before = _entropy(shares.values())
    named = {finding for name in top if name != OTHER for finding in network.conditions[name].findings}
    found: list[Worth] = []
    for finding in named - set(known):
        if not network.findings[finding].asked:
            continue
        column = network.column(finding)
        yes = {name: share * column[name] for name, share in shares.items()}
        chance = sum(yes.values())
        no = [share - yes[name] for name, share in shares.items()]
        after = chance * _entropy([weight / chance for weight in yes.values()])
        after += (1 - chance) * _entropy([weight / (1 - chance) for weight in no])
        found.append(Worth(finding, before - after))
    found.sort(key=lambda each: (-each.bits, each.finding))
    chosen: list[Worth] = []
    for each in found:
        related = {each.finding, *network.ancestors[each.finding]}
        if each.bits >= _LEAST_BITS and all(
            related.isdisjoint({other.finding, *network.ancestors[other.finding]}) for other in chosen
        ):
            chosen.append(each)
        if len(chosen) == most:
            break
    return chosen


def _entropy(shares: Collection[float]) -> float:
    return -sum(share * log2(share) for share in shares if share > 0)
