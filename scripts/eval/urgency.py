"""Fits urgency.csv: the words by which alya_symptom_check notices emergencies that no pattern reads.

    pip install scikit-learn
    python scripts/eval/urgency.py [--write]

It learns from all vignettes and from tests/tools/health/emergencies.txt; questions that aren't about health
are further harmless texts. Without --write it reports what a model flags that never saw the set.
"""

import argparse
import csv
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import wording
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from symptoms import case_of

from alya_mcp.tools.health.logic.symptoms.flags import raised
from alya_mcp.tools.health.logic.symptoms.urgency import UrgencyModel, cues_of
from alya_mcp.tools.health.logic.symptoms.wording import WordingModel
from alya_mcp.tools.health.symptoms.knowledge import FOLDER, Knowledge, knowledge

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests/tools/health"
STRENGTH, LEAST = 0.5, 0.04
THRESHOLD, EMERGENCY, URGENT = 1.25, 3.0, 0.9
WEIGHT = {"vignettes": 1.0, "emergencies": 1.0, "harmless": 2.0, "questions": 0.35}


@dataclass(frozen=True)
class Told:
    """A text of a set (`source`), its cues and whether it is an emergency."""

    kind: str
    source: str
    row: dict[str, str]
    cues: frozenset[str]
    red: bool


def texts() -> Iterator[tuple[str, str, dict[str, str], bool]]:
    for file in (TESTS / "vignettes.csv", *sorted((HERE / "data").glob("vignettes*.csv"))):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                yield "vignettes", str(file), row, row["red_flag"].strip() in {"1", "true", "yes"}
    kind = ""
    for line in (TESTS / "emergencies.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kind = "harmless" if line.startswith("[-") else "emergencies"
        elif line:
            yield kind, "", {"complaint": line[3:]}, kind == "emergencies"
    for line in (HERE / "ask_questions.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield "questions", "", {"complaint": line.partition("|")[2]}, False


def told(known: Knowledge) -> Iterator[Told]:
    for kind, source, row, red in texts():
        yield Told(kind, source, row, frozenset(cues_of(known.told(row["complaint"])[0].sentences)), red)


def fit(rows: Sequence[Told]) -> tuple[CountVectorizer, LogisticRegression]:
    vectors = CountVectorizer(analyzer=lambda cues: cues, binary=True, min_df=2)
    table = vectors.fit_transform([row.cues for row in rows])
    model = LogisticRegression(C=STRENGTH, max_iter=1000)
    model.fit(table, [row.red for row in rows], sample_weight=[WEIGHT[row.kind] for row in rows])
    return vectors, model


def urgency(rows: Sequence[Told]) -> UrgencyModel:
    vectors, model = fit(rows)
    weights = zip(vectors.get_feature_names_out(), map(float, model.coef_[0]), strict=True)
    kept = {cue: round(weight, 3) for cue, weight in weights if abs(weight) >= LEAST}
    return UrgencyModel(round(float(model.intercept_[0]), 3), THRESHOLD, EMERGENCY, URGENT, kept)


def report(known: Knowledge, rows: Sequence[Told]) -> None:
    """Each set by models that never saw it; the other texts in fifths."""
    groups = {row.source: [each for each in rows if each.source == row.source] for row in rows if row.source}
    others = [row for row in rows if not row.source]
    random.Random(1).shuffle(others)
    groups |= {f"other {fifth}": others[fifth::5] for fifth in range(5)}
    learnt = list(wording.texts(known))
    counts: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    for source, held in groups.items():
        inside = set(map(id, held))
        blind = replace(
            known,
            urgency=urgency([row for row in rows if id(row) not in inside]),
            wording=WordingModel(wording.fit(text for text in learnt if text.source != source)),
        )
        for told in held:
            case = case_of(blind, told.row["complaint"], told.row.get("age", ""), told.row.get("sex", ""))
            rules = raised(blind.flags, case.present(blind.network), case.patient)
            counts["/".join(Path(source).parts[-2:]) if told.source else told.kind, told.red].update(
                n=1, rules=bool(rules), either=bool(blind.signs(case))
            )
    print("| texts | emergency | n | flagged by rules | flagged |\n|---|---|---|---|---|")
    for (kind, red), count in counts.items():
        print(f"| {kind} | {red} | {count['n']} | {count['rules']} | {count['either']} |")


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--write", action="store_true", help="write urgency.csv")
    given = arguments.parse_args()
    known = knowledge()
    rows = list(told(known))
    if not given.write:
        report(known, rows)
        return
    model = urgency(rows)
    with (FOLDER / "urgency.csv").open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"cue,weight\nBIAS,{model.bias:.3f}\nTHRESHOLD,{THRESHOLD}\n")
        file.write(f"EMERGENCY,{EMERGENCY}\nURGENT,{URGENT}\n")
        for cue, weight in sorted(model.weights.items()):
            file.write(f"{cue},{weight:.3f}\n")


if __name__ == "__main__":
    main()
