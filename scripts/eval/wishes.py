"""Fits wishes.csv: the words by which alya_demand_signals notices wishes that hold none of its phrases.

    pip install scikit-learn
    python scripts/eval/wishes.py [--write]

It learns from tests/support/labelled.py and every set of scripts/eval/data/demand*.jsonl. Without --write it
reports what is found of each author's sentences when they are left out, by the phrases alone and together.
"""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from alya_mcp.tools.demand.logic.phrases import IDLE
from alya_mcp.tools.demand.logic.strength import UNLIKELY, said_by_phrase
from alya_mcp.tools.demand.logic.wishes import WEIGHTS, cues
from alya_mcp.tools.demand.logic.words import fold

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests/support"))
STRENGTH, LEAST = 0.3, 0.04
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
Labelled = Sequence[tuple[str, bool]]


def sets() -> dict[str, Labelled]:
    """Every author's sentences by the name of their file, each with whether it is a wish."""
    import labelled  # pyright: ignore[reportMissingImports]

    found: dict[str, Labelled] = {
        "labelled.py": [(text, kind is not None) for text, kind in (*labelled.SEEN, *labelled.HELD_OUT)]
    }
    for file in sorted((HERE / "data").glob("demand*.jsonl")):
        rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        found[file.name] = [(row["sentence"], row["demand"]) for row in rows]
    return found


def fit(rows: Labelled) -> tuple[CountVectorizer, LogisticRegression]:
    vectors = CountVectorizer(analyzer=lambda text: cues(fold(text)), binary=True)
    model = LogisticRegression(C=STRENGTH, max_iter=2000)
    model.fit(vectors.fit_transform([text for text, _ in rows]), [wish for _, wish in rows])
    return vectors, model


def write(rows: Labelled) -> None:
    vectors, model = fit(rows)
    with WEIGHTS.open("w", encoding="utf-8", newline="\n") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("BIAS", f"{model.intercept_[0]:.2f}"))
        for cue, weight in sorted(zip(vectors.get_feature_names_out(), model.coef_[0], strict=True)):
            if abs(weight) >= LEAST:
                out.writerow((cue, f"{weight:.2f}"))


def shown(found: Sequence[bool], wishes: Sequence[bool]) -> str:
    right = sum(f and w for f, w in zip(found, wishes, strict=True))
    return f"{right / max(1, sum(found)):.0%} {right / max(1, sum(wishes)):.0%}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--write", action="store_true", help="write wishes.csv")
    every = sets()
    if arguments.parse_args().write:
        write([row for rows in every.values() for row in rows])
        return
    print("precision and recall of each set, left out: the phrases alone; or by words above", *THRESHOLDS)
    for name, rows in every.items():
        texts, wishes = [text for text, _ in rows], [wish for _, wish in rows]
        vectors, model = fit([row for other, rest in every.items() if other != name for row in rest])
        likely = model.predict_proba(vectors.transform(texts))[:, 1]
        idle = [IDLE.search(fold(text)) is not None for text in texts]
        said = [said_by_phrase(fold(text)) is not None for text in texts]
        phrased = [s and not i for s, i in zip(said, idle, strict=True)]
        print(f"{name}: {shown(phrased, wishes)};", end=" ")
        for least in THRESHOLDS:
            both = [
                not i and p >= (UNLIKELY if s else least) for s, i, p in zip(said, idle, likely, strict=True)
            ]
            print(shown(both, wishes), end=", ")
        print()


if __name__ == "__main__":
    main()
