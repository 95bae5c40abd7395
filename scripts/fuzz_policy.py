"""Throws mutated policy documents at the loader; only a policy or a `PolicyError` may come out.

    python scripts/fuzz_policy.py [SECONDS] [SEED]

The corpus is policy.json and the examples of docs/policy.md. A document that breaks the loader, or that takes
longer than two seconds of processor time, is printed with the seed that made it, and the exit status is 1.
"""

import json
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

from alya_mcp.gate import Policy, PolicyError

ROOT = Path(__file__).parents[1]
TOO_LONG = 2.0
PIECES = (
    *'{}[]",:\\#&*!|>-?%@`~\t\n\r \x00\x85\ufeff\u2028',
    *(
        "null",
        "true",
        "NaN",
        "1e999",
        "-0",
        "9" * 401,
        '""',
        "\\ud800",
        "&a ",
        "*a",
        "!!str ",
        "<<: ",
        "---",
        "[" * 70,
    ),
    *('"mode":"shadow",', '"$ref":1,', "state.t.c", "args.", "(a+)+$", "(?=a)", "/minute", "0/day"),
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    1e10,
    10**400,
    "",
    "*",
    "args.a.b",
    "minute",
    "(",
    [],
    [None],
    {},
    {"": 1},
)


def corpus() -> list[tuple[str, str]]:
    """Name and text of every document to start from."""
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    found = [(f"p.{kind}", text) for kind, text in re.findall(r"```(json|yaml)\n(.*?)```", page, re.DOTALL)]
    return [("p.json", (ROOT / "policy.json").read_text(encoding="utf-8")), *found]


def mutated_text(rng: random.Random, text: str) -> bytes:
    """A text with a few pieces put in, left out, doubled or moved; sometimes with bytes that are no UTF-8."""
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, size = rng.randrange(len(text) + 1), rng.choice((0, 1, 1, 3, 20))
        match rng.randrange(4):
            case 0:
                text = text[:at] + rng.choice(PIECES) + text[at + size :]
            case 1:
                text = text[:at] + text[at + size :]
            case 2:
                text = text[: at + size] + text[at:]
            case _:
                to = rng.randrange(len(text) + 1)
                text = text[:to] + text[at : at + size] + text[to:]
    data = text.encode("utf-8", "surrogatepass")
    if not rng.randrange(20):
        at = rng.randrange(len(data) + 1)
        data = data[:at] + rng.randbytes(2) + data[at:]
    return data


def mutated_value(rng: random.Random, value: Any, depth: int = 0) -> Any:
    """A document with some values put in the place of others, and some keys renamed."""
    if not rng.randrange(12) and depth:
        return rng.choice(VALUES)
    if isinstance(value, dict):
        keys = list(value)
        return {
            (
                key if rng.randrange(25) else rng.choice((*keys, key + "s", "max", "rules", "*"))
            ): mutated_value(rng, value[key], depth + 1)
            for key in keys
        }
    if isinstance(value, list):
        return [
            mutated_value(rng, item, depth + 1) for item in value for _ in range(rng.choice((1, 1, 1, 0, 2)))
        ]
    return value


def check(rng: random.Random, name: str, data: bytes) -> str:
    """Load a document and use what comes out; what became of it."""
    try:
        policy = Policy.loads(data, name)
    except PolicyError as refusal:
        if not all(problem.message and problem.line for problem in refusal.problems):
            raise AssertionError("a problem without a text or a place") from refusal
        if not str(refusal).replace("\n", "").isprintable():
            raise AssertionError("a text that can't be printed") from refusal
        return "refused"
    text = json.dumps(policy.document)
    assert Policy.loads(text).digest == policy.digest == Policy.parse(policy.document).digest
    policy.warnings(["image_gen"])
    arguments = {
        "amount": rng.choice(VALUES),
        "a": {"b": 1},
        "reason": "x\ud800",
        "customer": {"country": "DE"},
    }
    for tool in (*policy.compiled, "unlisted"):
        for test in policy.rules(tool, "Read").tests:
            assert all(condition.holds(arguments) in {True, False} for condition in test.conditions)
        assert all(limit.max > 0 and limit.window_ns >= 0 for limit in policy.rules(tool, "Read").limits)
    return "loaded"


def fuzz(seconds: float, seed: int) -> dict[str, int]:
    """Mutate and load for a time; how many documents were loaded and how many refused.

    Raises:
        SystemExit: naming the document that broke the loader.
    """
    rng = random.Random(seed)
    documents = corpus()
    counts = {"loaded": 0, "refused": 0}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        name, text = rng.choice(documents)
        if rng.randrange(2):
            data = mutated_text(rng, text)
        else:
            data = json.dumps(mutated_value(rng, Policy.loads(text, name).document)).encode()
        begun = time.process_time()
        try:
            counts[check(rng, name, data)] += 1
            broke = "" if time.process_time() - begun < TOO_LONG else f"took over {TOO_LONG:g} s"
        except Exception as error:  # noqa: BLE001 - whatever comes out breaks the loader
            broke = repr(error)
        if broke:
            raise SystemExit(f"seed {seed}: {name} {broke}\n{data!r}")
    return counts


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    chosen = int(given[1]) if len(given) > 1 else random.randrange(2**32)
    done = fuzz(given[0] if given else 60, chosen)
    print(f"seed {chosen}: {done['loaded']} loaded, {done['refused']} refused, nothing broke")
