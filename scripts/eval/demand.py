"""Measure alya_demand_signals on sentences that people labelled without seeing the rules or their verdicts.

    python scripts/eval/demand.py LABELLED.jsonl

Each line is `{"topic": "invoicing", "title": "...", "sentence": "...", "demand": true}`: `title` is that of
the post, `demand` the label. Printed per topic and in all: precision among the first ten signals, precision
and recall of all of them. The file is for measuring alone: whoever changes a phrase after looking at it needs
another one.
"""

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alya_mcp.tools.demand.logic.posts import Post
from alya_mcp.tools.demand.logic.signals import find_signals

FIRST = 10
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Rates:
    """Counts of one topic, or of several together."""

    first: int = 0
    first_right: int = 0
    found: int = 0
    right: int = 0
    labelled: int = 0

    def __add__(self, other: "Rates") -> "Rates":
        """Both together."""
        return Rates(*(getattr(self, name) + getattr(other, name) for name in self.__annotations__))

    def __str__(self) -> str:
        """As a line of the report."""
        return (
            f"precision of the first {FIRST}: {_share(self.first_right, self.first)}, "
            f"of all: {_share(self.right, self.found)}, recall: {_share(self.right, self.labelled)}"
        )


def measured(topic: str, rows: list[dict[str, object]]) -> Rates:
    """What the rules find of a topic's sentences, each as a post of its own, against the labels."""
    posts = [
        Post(
            venue="labelled",
            url=f"https://labelled.example/{number}",
            time=NOW,
            title=str(row.get("title", "")),
            text=str(row["sentence"]),
            markup="markdown",
            reactions=0,
            is_reply=True,
        )
        for number, row in enumerate(rows)
    ]
    wanted = {post.url: bool(row["demand"]) for post, row in zip(posts, rows, strict=True)}
    span = timedelta(days=1)
    signals = find_signals(posts, topic, since=NOW - span, until=NOW + span)
    right = [wanted[url] for url in dict.fromkeys(signal.post.url for signal in signals)]
    return Rates(len(right[:FIRST]), sum(right[:FIRST]), len(right), sum(right), sum(wanted.values()))


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"


def main(arguments: list[str]) -> int:
    """Print the report; 2 for a file that can't be read."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    topics: dict[str, list[dict[str, object]]] = defaultdict(list)
    try:
        for line in Path(arguments[0]).read_text(encoding="utf-8").splitlines():
            if line.strip():
                row = json.loads(line)
                topics[str(row["topic"])].append(row | {"sentence": row["sentence"], "demand": row["demand"]})
    except (OSError, ValueError, KeyError) as error:
        print(f"{arguments[0]} can't be read: {error!r}", file=sys.stderr)
        return 2
    total = Rates()
    for topic, rows in topics.items():
        rates = measured(topic, rows)
        total += rates
        print(f"{topic}: {rates}")
    print(f"all: {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
