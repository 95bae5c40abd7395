"""Severities of pairs against a labelled set: python scripts/eval/drugs.py [FILE] [--speed].

FILE has the columns drug_a, drug_b, accepted (severities joined by |), must_be_severe (0 or 1), note. The set
in data/drug_pairs.csv was written by somebody who hadn't seen the rules. Goals: 97 % within what is accepted,
no pair missed that must be severe, ten drugs in at most 5 ms.
"""

import argparse
import csv
import sys
import time
from collections import Counter
from itertools import combinations
from pathlib import Path

from alya_mcp.tools.health.drug_base import DrugBase
from alya_mcp.tools.health.logic.drug_names import Named, Unresolved
from alya_mcp.tools.health.logic.drug_rules import SEVERITIES, Severity

SET = Path(__file__).with_name("data") / "drug_pairs.csv"
TEN = (
    "warfarin", "aspirin", "sertraline", "tramadol", "simvastatin", "clarithromycin", "digoxin", "amiodarone",
    "lithium", "ibuprofen",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path, nargs="?", default=SET)
    parser.add_argument("--speed", action="store_true", help="also time ten drugs")
    options = parser.parse_args()
    base = DrugBase()
    with options.file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    outcomes: Counter[str] = Counter()
    for row in rows:
        found = [base.names.find(row[name]) for name in ("drug_a", "drug_b")]
        unknown = [each.given for each in found if isinstance(each, Unresolved)]
        if unknown:
            outcomes["unresolved"] += 1
            print(f"  unresolved: {', '.join(unknown)}")
            continue
        severity = _severity(base, found[0], found[1])
        right = severity in row["accepted"].split("|")
        missed = row["must_be_severe"] == "1" and severity != "severe"
        outcomes["within" if right else "outside"] += 1
        outcomes["severe missed"] += missed
        if not right:
            mark = " SEVERE MISSED" if missed else ""
            print(f"  {row['drug_a']} + {row['drug_b']}: {severity}, accepted {row['accepted']}{mark}")
    total = len(rows)
    print(f"{'pairs':24}{total:6}")
    for name in ("within", "outside", "unresolved", "severe missed"):
        print(f"{name:24}{outcomes[name]:6}{100 * outcomes[name] / total:7.1f} %")
    if options.speed:
        print(f"ten drugs, best of 20{_milliseconds(base):9.2f} ms")
    return 0 if outcomes["within"] >= 0.97 * total and not outcomes["severe missed"] else 1


def _severity(base: DrugBase, one: Named | Unresolved, other: Named | Unresolved) -> Severity:
    assert isinstance(one, Named) and isinstance(other, Named)  # noqa: PT018
    worst: Severity = "none-known"
    for a in one.ingredients:
        for b in other.ingredients:
            for each in base.rules.findings(base.ingredients[a], base.ingredients[b]) if a != b else ():
                worst = max(worst, each.severity, key=SEVERITIES.index)
    return worst


def _milliseconds(base: DrugBase) -> float:
    best = 1e9
    for _ in range(20):
        began = time.perf_counter()
        named = [base.names.find(name) for name in TEN]
        known = [base.ingredients[each.ingredients[0]] for each in named if isinstance(each, Named)]
        for one, other in combinations(known, 2):
            base.rules.findings(one, other)
        best = min(best, time.perf_counter() - began)
    return 1000 * best


if __name__ == "__main__":
    sys.exit(main())
