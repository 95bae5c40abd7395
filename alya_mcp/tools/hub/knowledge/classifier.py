"""A linear classifier that finds the tool for a question; scripts/ask/train.py writes `classifier.bin`.

The file is a line of JSON (`names`, `biases`, `scales`, `questions`, `features`), then, compressed by zlib,
the gaps between the sorted numbers of the features that it knows, two bytes each (little-endian), and for
each of them one signed byte per name, its weight, and one for its rarity. The question's known features, each
times its rarity, are a vector of length 1. The score of a name is its bias plus its scale times the vector's
product with the name's weights; the highest wins (support vector machines, one per name against the rest).
"""

import json
import math
import struct
import zlib
from collections.abc import Mapping
from functools import cache
from itertools import accumulate, islice
from operator import mul
from pathlib import Path
from typing import Final, NamedTuple

from alya_mcp.tools.hub.knowledge.features import features

FILE: Final = Path(__file__).with_name("classifier.bin")
ABOUT_THE_HUB: Final = "alya_ask"
"""The tool that answers from the documentation and the hub's state."""
ELSEWHERE: Final = "elsewhere"
"""Beside the tools: a question that nothing here answers."""


class Classifier(NamedTuple):
    """Names with their weights; `questions` is the digest of what they were learnt from.

    `places` has the row in `weights` of every known feature, by the feature's number.
    """

    names: tuple[str, ...]
    biases: tuple[float, ...]
    scales: tuple[float, ...]
    questions: str
    places: Mapping[int, int]
    weights: memoryview

    def scores(self, question: str) -> dict[str, float]:
        """The names with their scores (margins) for `question`, the highest first."""
        count = len(self.names)
        rows: list[memoryview] = []
        values: list[float] = []
        for number, value in features(question).items():
            place = self.places.get(number)
            if place is not None:
                row = self.weights[place * (count + 1) : (place + 1) * (count + 1)]
                rows.append(row)
                values.append(value * row[count])
        length = math.hypot(*values) or 1.0
        sums = [sum(map(mul, values, column)) for column in islice(zip(*rows, strict=True), count)]
        sums = sums or [0.0] * count
        scored = zip(self.names, self.biases, self.scales, sums, strict=True)
        by_name = {name: bias + scale * total / length for name, bias, scale, total in scored}
        return dict(sorted(by_name.items(), key=lambda each: -each[1]))


@cache
def classifier() -> Classifier:
    """What the package ships."""
    head, _, packed = FILE.read_bytes().partition(b"\n")
    given = json.loads(head)
    names, known = tuple(given["names"]), int(given["features"])
    body = memoryview(zlib.decompress(packed))
    if len(body) != (2 + len(names) + 1) * known:
        raise ValueError(f"{FILE.name} has {len(body)} bytes for {known} features and {len(names)} names")
    gaps = struct.unpack(f"<{known}H", body[: 2 * known])
    return Classifier(
        names,
        tuple(given["biases"]),
        tuple(given["scales"]),
        given["questions"],
        {number: place for place, number in enumerate(accumulate(gaps))},
        body[2 * known :].cast("b"),
    )
