"""Fits urgency.csv: the words by which alya_symptom_check notices emergencies that no pattern reads.

    pip install scikit-learn
    python scripts/eval/urgency.py [--write]

It learns from all vignettes and from tests/tools/health/emergencies.txt; questions that aren't about health
are further harmless texts. Without --write it reports what five-fold cross-validation finds.
"""

import argparse
import csv
import random
from collections.abc import Iterator
from pathlib import Path

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from alya_mcp.tools.health.logic.symptoms.urgency import cues_of
from alya_mcp.tools.health.symptoms.knowledge import FOLDER, knowledge

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests/tools/health"
STRENGTH, THRESHOLD, LEAST = 0.5, 0.75, 0.04
WEIGHT = {"vignettes": 1.0, "emergencies": 1.0, "harmless": 2.0, "questions": 0.35}


def texts() -> Iterator[tuple[str, str, bool]]:
    for file in (TESTS / "vignettes.csv", *sorted((HERE / "data").glob("vignettes*.csv"))):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                yield "vignettes", row["complaint"], row["red_flag"].strip() in {"1", "true", "yes"}
    kind = ""
    for line in (TESTS / "emergencies.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kind = "harmless" if line.startswith("[-") else "emergencies"
        elif line:
            yield kind, line[3:], kind == "emergencies"
    for line in (HERE / "ask_questions.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield "questions", line.partition("|")[2], False


def fit(rows: list[tuple[str, set[str], bool]]) -> tuple[CountVectorizer, LogisticRegression]:
    vectors = CountVectorizer(analyzer=lambda cues: cues, binary=True, min_df=2)
    table = vectors.fit_transform([cues for _, cues, _ in rows])
    model = LogisticRegression(C=STRENGTH, max_iter=1000)
    model.fit(table, [red for _, _, red in rows], sample_weight=[WEIGHT[kind] for kind, _, _ in rows])
    return vectors, model


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--write", action="store_true", help="write urgency.csv")
    given = arguments.parse_args()
    known = knowledge()
    rows: list[tuple[str, set[str], bool]] = []
    for kind, text, red in texts():
        language = known.told(text)[1]
        rows.append((kind, cues_of(known.extractors[language].words(text), language), red))
    if given.write:
        vectors, model = fit(rows)
        with (FOLDER / "urgency.csv").open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"cue,weight\nBIAS,{model.intercept_[0]:.3f}\nTHRESHOLD,{THRESHOLD}\n")
            for cue, weight in sorted(zip(vectors.get_feature_names_out(), model.coef_[0], strict=True)):
                if abs(weight) >= LEAST:
                    file.write(f"{cue},{weight:.3f}\n")
        return
    random.Random(1).shuffle(rows)
    counts = {(kind, red): [0, 0] for kind, _, red in rows}
    for fold in range(5):
        vectors, model = fit([row for index, row in enumerate(rows) if index % 5 != fold])
        held = rows[fold::5]
        scores = model.decision_function(vectors.transform([cues for _, cues, _ in held]))
        for (kind, _, red), score in zip(held, scores, strict=True):
            counts[kind, red][0] += 1
            counts[kind, red][1] += score > THRESHOLD
    for (kind, red), (total, raised) in sorted(counts.items()):
        print(f"{kind}, emergency {red}: raised in {raised} of {total}")


if __name__ == "__main__":
    main()
