"""Fits wording.csv: which conditions the words of a complaint speak of.

    python scripts/eval/wording.py [--write]

It learns from all vignettes with their accepted conditions, from the conditions' names and from
data/wordings.txt. Without --write it reports how each set is ranked by a model that never saw that set.
"""

import argparse
import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from symptoms import accepted, case_of, names_of, place_of

from alya_mcp.text.folding import fold
from alya_mcp.tools.health.logic.symptoms.extraction import ReadSentence
from alya_mcp.tools.health.logic.symptoms.wording import WordingModel, stems_of
from alya_mcp.tools.health.symptoms.knowledge import FOLDER, Knowledge, knowledge

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests/tools/health"
PSEUDO, LEAST = 1.0, 1.0


@dataclass(frozen=True)
class Text:
    """The beginnings of a text's words and the conditions it is about; `source` is the set it is from."""

    source: str
    stems: frozenset[str]
    about: frozenset[str]


def vignette_files() -> list[Path]:
    return [TESTS / "vignettes.csv", *sorted((HERE / "data").glob("vignettes*.csv"))]


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        found = list(csv.DictReader(lines))
    column = next(name for name in found[0] if name.startswith("accepted"))
    return [row | {"accepted": row[column]} for row in found]


def texts(known: Knowledge) -> Iterable[Text]:
    names = names_of(known)
    for file in vignette_files():
        for row in rows(file):
            about = accepted(names, row["accepted"])
            stems = stems_of(known.told(row["complaint"])[0].sentences)
            if about:
                yield Text(str(file), frozenset(stems), frozenset(about))
    for name, each in known.network.conditions.items():
        yield Text("names", plain(" ".join((each.en, each.tr, *each.also))), frozenset({name}))
    for line in (HERE / "data/wordings.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, *said = line.split(" | ")
            for words in said:
                yield Text("wordings", plain(words), frozenset({name}))


def plain(text: str) -> frozenset[str]:
    words = tuple(word for word in fold(text).split() if word.isalpha())
    return frozenset(stems_of([ReadSentence(words, (-1,) * len(words), frozenset())]))


def fit(known: Iterable[Text]) -> dict[str, dict[str, float]]:
    """Log likelihood ratios of each stem for each condition, against any text."""
    all_texts = list(known)
    share = Counter(stem for text in all_texts for stem in text.stems)
    by_condition: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    count: dict[str, float] = defaultdict(float)
    for text in all_texts:
        weight = 1 / math.sqrt(len(text.about) or 1)
        for name in text.about:
            count[name] += weight
            for stem in text.stems:
                by_condition[name][stem] += weight
    weights: dict[str, dict[str, float]] = defaultdict(dict)
    for name, stems in by_condition.items():
        for stem, seen in stems.items():
            usual = (share[stem] + 0.5) / (len(all_texts) + 1)
            weight = math.log((seen + PSEUDO * usual) / (count[name] + PSEUDO) / usual)
            if weight >= LEAST:
                weights[stem][name] = round(weight, 1)
    return weights


def write(weights: Mapping[str, Mapping[str, float]]) -> None:
    with (FOLDER / "wording.csv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("stem,leans\n")
        for stem, leans in sorted(weights.items()):
            file.write(f"{stem},{' '.join(f'{name}:{weight:g}' for name, weight in sorted(leans.items()))}\n")


def report(known: Knowledge, learnt: list[Text]) -> None:
    names = names_of(known)
    print("| set, not learnt from | n | first | first three | first five |\n|---|---|---|---|---|")
    for file in vignette_files():
        model = WordingModel(fit(text for text in learnt if text.source != str(file)))
        blind = replace(known, wording=model)
        places: dict[str, list[int]] = defaultdict(list)
        for row in rows(file):
            if row["accepted"].strip():
                case = case_of(blind, row["complaint"], row["age"], row["sex"])
                place = place_of(blind, case, accepted(names, row["accepted"]))
                places["all"].append(place)
                places[row["language"]].append(place)
        for key, found in places.items():
            shares = " | ".join(f"{sum(p < top for p in found) / len(found):.1%}" for top in (1, 3, 5))
            print(f"| {file.stem} {key} | {len(found)} | {shares} |")


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--write", action="store_true", help="write wording.csv")
    given = arguments.parse_args()
    known = knowledge()
    learnt = list(texts(known))
    if given.write:
        write(fit(learnt))
    else:
        report(known, learnt)


if __name__ == "__main__":
    main()
