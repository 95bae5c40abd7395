"""How well calibrate_decision calibrates, on resolved questions and on made-up ledgers.

    python scripts/eval/decisions.py [QUESTIONS.csv] [--speed]

QUESTIONS.csv has the columns source, asked_on, price_when_asked, resolved_on and outcome (1 or 0). The
questions are played in order of time: a question is calibrated by those that were resolved before it was
asked, with its source as its domain. Each distortion stands for somebody who states something else than the
price. `recovered` is the share of the Brier score lost by the distortion that calibration wins back. Of the
expected calibration error (10 bins), `chance` is what probabilities that are exactly right would show on as
many questions.
"""

import argparse
import csv
import math
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from alya_mcp.tools.decisions.ledger import PredictionLedger, new_call_id
from alya_mcp.tools.decisions.ledger_case import LedgerCase
from alya_mcp.tools.decisions.logic.calibration import Cell, calibrated, logit, sigmoid

Distortion = Callable[[float], float]

DISTORTIONS: dict[str, Distortion] = {
    "as stated": lambda x: x,
    "overconfident x2": lambda x: 2 * x,
    "overconfident x3": lambda x: 3 * x,
    "overconfident x4": lambda x: 4 * x,
    "underconfident x0.5": lambda x: 0.5 * x,
    "underconfident x0.3": lambda x: 0.3 * x,
    "optimistic +1": lambda x: x + 1,
    "pessimistic -1": lambda x: x - 1,
    "pessimistic -2": lambda x: x - 2,
}


def distorted(price: float, how: Distortion) -> float:
    held = min(max(price, 1e-6), 1 - 1e-6)
    return sigmoid(how(math.log(held / (1 - held))))


def brier(stated: Sequence[float], outcomes: Sequence[int]) -> float:
    return sum((p - y) ** 2 for p, y in zip(stated, outcomes, strict=True)) / len(outcomes)


def calibration_error(stated: Sequence[float], outcomes: Sequence[int], bins: int = 10) -> float:
    sums: dict[int, float] = defaultdict(float)
    for p, y in zip(stated, outcomes, strict=True):
        sums[min(int(p * bins), bins - 1)] += p - y
    return sum(map(abs, sums.values())) / len(outcomes)


def streaky(rows: Sequence[dict[str, str]], price: Sequence[float], swing: float) -> list[float]:
    """What somebody states whose confidence swings with luck.

    Log odds are multiplied by 1 + swing after three right calls in a row, and divided by it after three of
    which at most one was right; a call is right when the price was on the side that came true.
    """
    ends = sorted(range(len(rows)), key=lambda i: rows[i]["resolved_on"])
    right: list[bool] = []
    stated: list[float] = []
    for row, own in zip(rows, price, strict=True):
        while len(right) < len(ends) and rows[ends[len(right)]]["resolved_on"] <= row["asked_on"]:
            k = ends[len(right)]
            right.append((price[k] > 0.5) == (rows[k]["outcome"] == "1"))
        last = sum(right[-3:]) if len(right) >= 3 else 2
        factor = 1 + swing if last == 3 else 1 / (1 + swing) if last <= 1 else 1.0
        stated.append(distorted(own, lambda x, factor=factor: factor * x))
    return stated


def chance_of_goal(stated: Sequence[float], goal: float = 0.02, rounds: int = 2000) -> float:
    """How often probabilities that are exactly right show at most `goal` of calibration error."""
    rng = random.Random(2)
    errors = (calibration_error(stated, [rng.random() < p for p in stated]) for _ in range(rounds))
    return sum(error <= goal for error in errors) / rounds


def by_chance(stated: Sequence[float], rounds: int = 200) -> float:
    rng = random.Random(1)
    return sum(calibration_error(stated, [rng.random() < p for p in stated]) for _ in range(rounds)) / rounds


def cells(pairs: Sequence[tuple[float, int]]) -> list[Cell]:
    found: dict[int, list[float]] = defaultdict(lambda: [0.0, 0, 0])
    for stated, outcome in pairs:
        cell = found[int(stated * 100)]
        cell[0] += logit(stated)
        cell[1] += 1
        cell[2] += outcome
    return [Cell(x / n, int(n), int(wins)) for x, n, wins in found.values()]


def played(rows: Sequence[dict[str, str]], stated: Sequence[float]) -> list[float]:
    """The calibrated confidences, each by what was resolved when it was asked."""
    ends = sorted(range(len(rows)), key=lambda i: rows[i]["resolved_on"])
    known: list[int] = []
    found: list[float] = []
    levels: dict[str, list[list[Cell]]] = {}
    for i, row in enumerate(rows):
        while len(known) < len(ends) and rows[ends[len(known)]]["resolved_on"] <= row["asked_on"]:
            known.append(ends[len(known)])
            levels = {}
        source = row["source"]
        if source not in levels:
            inside: list[tuple[float, int]] = []
            outside: list[tuple[float, int]] = []
            for k in known:
                here = inside if rows[k]["source"] == source else outside
                here.append((stated[k], int(rows[k]["outcome"])))
            levels[source] = [cells(outside), cells(inside)]
        found.append(calibrated(levels[source], stated[i]).probability)
    return found


def questions(path: Path) -> None:
    with path.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["asked_on"], row["resolved_on"]))
    price = [float(row["price_when_asked"]) for row in rows]
    outcomes = [int(row["outcome"]) for row in rows]
    best = brier(price, outcomes)
    print(f"{len(rows)} questions, Brier score of the price {best:.4f}")
    print("stated                   Brier  calibr. recovered    ECE  calibr.  chance")
    told = {name: [distorted(p, how) for p in price] for name, how in DISTORTIONS.items()}
    told |= {f"lucky streak {swing:g}": streaky(rows, price, swing) for swing in (1, 2, 3)}
    for name, stated in told.items():
        found = played(rows, stated)
        before, after = brier(stated, outcomes), brier(found, outcomes)
        lost = before - best
        won = f"{(before - after) / lost:9.2f}" if lost > 0.002 else f"{'-':>9s}"
        errors = calibration_error(stated, outcomes), calibration_error(found, outcomes), by_chance(found)
        print(
            f"{name:22s} {before:7.4f} {after:8.4f} {won} {errors[0]:6.3f} {errors[1]:8.3f} {errors[2]:7.3f}"
        )
    for several in (1, 4, 16):
        share = chance_of_goal(price * several)
        count = len(price) * several
        print(f"exactly right probabilities of {count:,} questions show at most 0.02 in {share:.1%} of draws")


def made_up(cases: int = 600, ledgers: int = 20) -> None:
    """Ledgers whose truth is known: the share that calibration improves, and by how much."""
    print(f"\n{ledgers} made-up ledgers of {cases} cases each")
    print("stated                  improved  mean gain")
    for name, how in DISTORTIONS.items():
        gains: list[float] = []
        for seed in range(ledgers):
            rng = random.Random(f"{name} {seed}")
            pairs: list[tuple[float, int]] = []
            gain = 0.0
            for _ in range(cases):
                truth = sigmoid(rng.gauss(0, 1.5))
                stated = distorted(truth, how)
                won = int(rng.random() < truth)
                found = calibrated([cells(pairs)], stated).probability
                gain += (stated - won) ** 2 - (found - won) ** 2
                pairs.append((stated, won))
            gains.append(gain / cases)
        improved = sum(gain > 0 for gain in gains) / ledgers
        print(f"{name:22s} {improved:9.0%} {sum(gains) / ledgers:10.4f}")


def speed(cases: int = 100_000) -> None:
    """Milliseconds to calibrate one statement in a large ledger."""
    rng = random.Random(2)
    words = [f"word{number}" for number in range(5000)]
    with tempfile.TemporaryDirectory() as folder:
        ledger = PredictionLedger(Path(folder))
        now = datetime.now(UTC)
        ledger.keep(
            "local",
            (
                LedgerCase(
                    call_id=new_call_id(), domain=f"area{n % 7}/kind{n % 91}", confidence=rng.random(),
                    statement=" ".join(rng.choices(words, k=12)), calibrated=0.5, made_at=now,
                    outcome=rng.choice(("win", "loss")), resolved_at=now,
                )
                for n in range(cases)
            ),
        )  # fmt: skip
        taken: dict[str, list[float]] = defaultdict(list)
        for _ in range(50):
            begun = time.perf_counter()
            calibrated(ledger.levels("local", "area3/kind3"), rng.random())
            taken["calibrate"].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            ledger.similar("local", " ".join(rng.choices(words, k=12)))
            taken["similar cases"].append(time.perf_counter() - begun)
        ledger.close()
    print(
        f"\n{cases:,} cases: "
        + ", ".join(f"{k} {sorted(v)[25] * 1000:.1f} ms (median)" for k, v in taken.items())
    )


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("questions", nargs="?", type=Path, metavar="QUESTIONS.csv")
    words.add_argument("--speed", action="store_true", help="also time a ledger of 100,000 cases")
    given = words.parse_args()
    if given.questions is not None:
        questions(given.questions)
    made_up()
    if given.speed:
        speed()


if __name__ == "__main__":
    main()
