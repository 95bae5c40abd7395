"""Learn which tool answers a question, and write classifier.bin of alya_mcp/tools/hub/knowledge.

Usage: python scripts/ask/train.py [--check]

Learnt from: the `questions` of every tool in alya_mcp/tools/*/questions.toml; sections.toml and
documentation.txt beside this script, questions that the documentation or the hub's state answers;
elsewhere.txt, questions that nothing here answers; asked.txt, questions of all kinds; phrases.toml, each
phrase in some of the frames below, so that the words of a frame speak for no tool.

A feature counts by its rarity (the logarithm of the inverse share of questions that have it), and a
question's features have length 1. Multinomial logistic regression with L2 in its dual form, by Nesterov's
accelerated gradient descent from zero, so that the same questions give the same weights up to rounding.

Printed: the share of questions of each kind that are found right in five-fold cross-validation. How much the
score of "nothing here" is raised is chosen there: it makes the mean of the shares of tools and of `elsewhere`
largest. --check writes nothing and compares no weights: it says whether the file was learnt from these
questions with these features.
"""

import argparse
import hashlib
import json
import sys
import tomllib
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from alya_mcp.tools.hub.knowledge import classifier, features

ROOT = Path(__file__).resolve().parents[2]
FOLDS = 5
L2 = 0.03
STEPS = 150
CONSTANT = 0.05
"""Added to every product of two questions: a bias that is held back like the other weights."""
RAISES = np.arange(-2.0, 3.01, 0.1)
WINDOW = 9
"""The best raise is that around which so many are best on average, as the sums are noisy."""
FRAMES = {
    "en": (
        "Which tool can {}?", "How do I {}?", "I want to {}", "can you {} for me", "What should I use to {}?",
        "{}", "I need to {}, what do I call?", "I'd like something that can {}",
    ),
    "tr": (
        "{} için hangi aracı kullanmalıyım?", "{} istiyorum", "Hangi araç {} için?", "{}", "{} mümkün mü?",
        "{} için ne kullanayım",
    ),
}  # fmt: skip
FRAMES_A_PHRASE = 2
Matrix = Any


def read() -> list[tuple[str, str]]:
    """Every question with the name of what answers it."""
    rows: list[tuple[str, str]] = []
    for file in sorted((ROOT / "alya_mcp/tools").glob("*/questions.toml")):
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            rows += [(question, name) for question in entry["questions"]]
    sections = classifier.FILE.with_name("sections.toml").read_text(encoding="utf-8")
    for examples in tomllib.loads(sections).values():
        rows += [(question, classifier.DOCUMENTATION) for question in examples]
    for name in (classifier.DOCUMENTATION, classifier.ELSEWHERE):
        lines = Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8").splitlines()
        rows += [(line, name) for line in lines if line and not line.startswith("#")]
    for line in Path(__file__).with_name("asked.txt").read_text(encoding="utf-8").splitlines():
        question, _, name = line.rpartition("|")
        if not line.startswith("#"):
            rows.append((question, classifier.ELSEWHERE if name == "-" else name))
    phrases = tomllib.loads(Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8"))
    for name, entry in phrases.items():
        for language, frames in FRAMES.items():
            rows += [(question, name) for question in framed(entry[language], frames)]
    return rows


def framed(phrases: list[str], frames: Sequence[str]) -> Iterator[str]:
    """Each phrase in FRAMES_A_PHRASE frames; all frames occur equally often."""
    turn = cycle(frames)
    for phrase in phrases:
        for frame in islice(turn, FRAMES_A_PHRASE):
            yield frame.format(phrase)


def digest(rows: list[tuple[str, str]]) -> str:
    """What tells one set of questions, and one set of features, from another."""
    used = [[*features.features(question).items(), name] for question, name in rows]
    return hashlib.sha256(json.dumps(used).encode()).hexdigest()


def fit(products: Matrix, wanted: Matrix) -> Matrix:
    """The dual weights, one row per question and one column per name."""
    vector = np.ones(len(products), np.float32)
    largest = 1.0
    for _ in range(10):
        vector = products @ vector
        largest = float(np.linalg.norm(vector))
        vector /= largest
    step = 1 / (largest / 2 + L2)
    now = before = np.zeros(wanted.shape, np.float32)
    for number in range(STEPS):
        ahead = now + number / (number + 3) * (now - before)
        before = now
        now = ahead - step * (softmax(products @ ahead) - wanted + L2 * ahead)
    return now


def softmax(scores: Matrix) -> Matrix:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    rows = read()
    if options.check:
        same = classifier.classifier().questions == digest(rows)
        print("up to date" if same else "other questions: run python scripts/ask/train.py")
        return 0 if same else 1
    names = sorted({name for _, name in rows})
    right = np.array([names.index(name) for _, name in rows])
    values = np.zeros((len(rows), features.BUCKETS), np.float32)
    for row, (question, _) in zip(values, rows, strict=True):
        for number, value in features.features(question).items():
            row[number] = value
    rarity = np.log((len(rows) + 1) / ((values > 0).sum(0) + 0.5)).astype(np.float32)
    values *= rarity
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    products = values @ values.T + np.float32(CONSTANT)
    wanted = np.eye(len(names), dtype=np.float32)[right]

    scores = np.zeros(wanted.shape, np.float32)
    folds = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    for fold in range(FOLDS):
        kept, out = folds != fold, folds == fold
        scores[out] = products[np.ix_(out, kept)] @ fit(products[np.ix_(kept, kept)], wanted[kept])
    elsewhere = names.index(classifier.ELSEWHERE)
    documentation = names.index(classifier.DOCUMENTATION)
    tools = (right != elsewhere) & (right != documentation)

    def shares(raised: float) -> tuple[float, float, float]:
        met = (scores + raised * np.eye(len(names))[elsewhere]).argmax(1) == right
        kinds = (tools, right == elsewhere, right == documentation)
        of_tools, of_elsewhere, of_documentation = (float(met[kind].mean()) for kind in kinds)
        return of_tools, of_elsewhere, of_documentation

    sums = np.array([sum(shares(float(each))[:2]) for each in RAISES])
    smooth = np.convolve(sums, np.ones(WINDOW) / WINDOW, "valid")
    raised = float(RAISES[smooth.argmax() + WINDOW // 2])
    of_tools, of_elsewhere, of_documentation = shares(raised)
    print(f"{len(rows)} questions; cross-validated: {of_tools:.1%} of {tools.sum()} for tools, ", end="")
    print(f"{of_elsewhere:.1%} elsewhere, {of_documentation:.1%} documentation; raised by {raised:.1f}")

    dual = fit(products, wanted)
    weights = np.column_stack([values.T @ dual, rarity])
    scales = np.abs(weights).max(0) / 127
    biases = CONSTANT * dual.sum(0)
    biases[elsewhere] += raised
    head = {
        "names": names,
        "biases": [round(float(each), 4) for each in biases],
        "scales": [round(float(each), 6) for each in scales[:-1]],
        "questions": digest(rows),
    }
    body = np.rint(weights / scales).astype(np.int8).tobytes()
    classifier.FILE.write_bytes(json.dumps(head).encode() + b"\n" + body)
    print(f"{classifier.FILE.relative_to(ROOT)}: {classifier.FILE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
