"""Learn which tool answers a question, and write classifier.bin of alya_mcp/tools/hub/knowledge.

Usage: python scripts/ask/train.py [--check]

Needs numpy and, without --check, SciPy and scikit-learn. Learnt from: the `questions` of every tool in
alya_mcp/tools/*/questions.toml; sections.toml and documentation.txt beside this script, questions that the
documentation or the hub's state answers; elsewhere.txt, questions that nothing here answers, by kind;
asked*.txt and the sets of scripts/eval, questions of all kinds by several authors; alike.txt, questions like
theirs; phrases.toml, each phrase in some of the frames below, and crossed.toml, each frame with some of its
words, so that the words of a frame speak for no tool; and every so manieth of these once more with a story of
stories.txt before it.

A feature that two questions have counts by its rarity (the logarithm of the inverse share of questions that
have it), and a question's features have length 1. One linear support vector machine per name tells its
questions from all others (squared hinge loss, L2). Authors' questions weigh more than others, as they are
what users' questions are like.

Printed: what is found right of the last authors' questions when one's and alike.txt are left out, of each
kind of elsewhere.txt when that kind and all authors' questions are left out, and of the documentation's by
folds. The score of "nothing here" is raised by what is best for the authors left out, on average of the
shares of questions for tools and for nothing here that are found right. --check writes nothing and compares
no weights: it says whether the file was learnt from these questions with these features.
"""

import argparse
import hashlib
import json
import re
import sys
import tomllib
import zlib
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alya_mcp.text.words import guess_language
from alya_mcp.tools.hub.knowledge import classifier, features

ROOT = Path(__file__).resolve().parents[2]
FOLDS = 2
HARDNESS = 0.3
TOLERANCE = 0.01
MOST_STEPS = 60
CONSTANT = 0.3
"""The bias is held back like the other weights, as one of a feature of this value."""
MOST_BYTES = 1_000_000
AUTHORS_WEIGHT = 3.0
ELSEWHERE_WEIGHT = 0.5
"""How much a question of an author, and one of elsewhere.txt, weighs against another."""
RAISES = np.arange(-1.0, 1.001, 0.02)
FEWEST = 2
SAMPLE = 20
"""The digest has the features of every so manieth question: enough to notice that they changed."""
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
FILLED = 5
EVERY = 4
"""Every so manieth question is learnt with a story before it, too."""
BRACES = re.compile(r"\{(\w+)\}")
ASKED = ("asked.txt", *(f"asked_{number}.txt" for number in range(2, 9)), "alike.txt")
LEARNT_SETS = (
    "ask_questions.txt",
    "data/ask_questions_2.txt",
    "data/ask_questions_3.txt",
    "data/ask_questions_4.txt",
)
"""Sets that measured `alya_ask` once and are known since."""
JUDGES = tuple(f"asked_{number}:" for number in range(4, 9))
"""The authors whose questions are left out: the last, as words were chosen with the others in view."""
ALIKE = "alike"
"""The group of alike.txt: left out with every author, as it was written after reading some of them."""
DOCUMENTATION = "documentation"
"""The group of what the documentation answers."""
CROSSED = "crossed"
"""The group of crossed.toml."""
Matrix = Any


class Row(NamedTuple):
    """A question, the name of what answers it, and the author or kind with which it is left out."""

    question: str
    name: str
    group: str = ""


def read() -> list[Row]:
    """Every question."""
    rows: list[Row] = []
    for file in sorted((ROOT / "alya_mcp/tools").glob("*/questions.toml")):
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            rows += [Row(question, name) for question in entry["questions"]]
    sections = classifier.FILE.with_name("sections.toml").read_text(encoding="utf-8")
    for examples in tomllib.loads(sections).values():
        rows += [Row(question, classifier.ABOUT_THE_HUB, DOCUMENTATION) for question in examples]
    here = Path(__file__).parent
    rows += [
        Row(line, classifier.ABOUT_THE_HUB, DOCUMENTATION) for _, line in grouped(here / "documentation.txt")
    ]
    rows += [Row(line, classifier.ELSEWHERE, kind) for kind, line in grouped(here / "elsewhere.txt")]
    for file in (*(here / each for each in ASKED), *(ROOT / "scripts/eval" / each for each in LEARNT_SETS)):
        for author, line in grouped(file):
            question, _, name = line.rpartition("|")
            answer = classifier.ELSEWHERE if name == "-" else name
            group = ALIKE if file.stem == ALIKE else f"{file.stem}: {author}"
            rows.append(Row(question.strip(), answer, group))
    phrases = tomllib.loads((here / "phrases.toml").read_text(encoding="utf-8"))
    for name, entry in phrases.items():
        for language, frames in FRAMES.items():
            answer = classifier.ABOUT_THE_HUB if name == DOCUMENTATION else name
            rows += [Row(question, answer) for question in framed(entry[language], frames)]
    crossed = tomllib.loads((here / "crossed.toml").read_text(encoding="utf-8"))
    for name, frames in crossed["frames"].items():
        answer = classifier.ELSEWHERE if name == "-" else name
        rows += [Row(question, answer, CROSSED) for question in filled(frames, crossed["lists"])]
    stories = list(grouped(here / "stories.txt"))
    return [*rows, *with_stories(rows, stories)]


def with_stories(rows: Sequence[Row], stories: Sequence[tuple[str, str]]) -> Iterator[Row]:
    """Every so manieth question with a story of its language before it."""
    told = {language: cycle([each for of, each in stories if of == language]) for language in FRAMES}
    for row in rows[::EVERY]:
        yield row._replace(question=f"{next(told[guess_language(row.question)])} {row.question}")


def grouped(file: Path) -> Iterator[tuple[str, str]]:
    """The lines of a file, each with the last line before it that begins with #."""
    heading = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.removeprefix("# ")
        elif line:
            yield heading, line


def framed(phrases: list[str], frames: Sequence[str]) -> Iterator[str]:
    """Each phrase in FRAMES_A_PHRASE frames; all frames occur equally often."""
    turn = cycle(frames)
    for phrase in phrases:
        for frame in islice(turn, FRAMES_A_PHRASE):
            yield frame.format(phrase)


def filled(frames: Sequence[str], lists: dict[str, list[str]]) -> Iterator[str]:
    """Each frame FILLED times, with the words of the lists in turn."""
    turns = {name: cycle(words) for name, words in lists.items()}
    for frame in frames:
        for _ in range(FILLED):
            yield BRACES.sub(lambda match: next(turns[match[1]]), frame)


def digest(rows: list[Row]) -> str:
    """What tells one set of questions, and one set of features, from another."""
    used = [[row.question, row.name] for row in rows]
    sample = [[*features.features(row.question).items()] for row in rows[::SAMPLE]]
    return hashlib.sha256(json.dumps([used, sample]).encode()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    rows = read()
    if options.check:
        same = classifier.classifier().questions == digest(rows)
        print("up to date" if same else "other questions: run python scripts/ask/train.py")
        return 0 if same else 1
    names = sorted({row.name for row in rows})
    right = np.array([names.index(row.name) for row in rows])
    elsewhere = names.index(classifier.ELSEWHERE)
    groups = np.array([row.group for row in rows])
    kinds = sorted({row.group for row in rows if row.group and row.name == classifier.ELSEWHERE})
    authors = [kind for kind in kinds if ": " in kind]
    kinds = [kind for kind in kinds if kind not in (*authors, ALIKE, CROSSED)]
    numbers, values = sparse(rows)
    importance = np.array([weight(row) for row in rows], np.float32)
    alike = groups == ALIKE

    scores = np.zeros((len(rows), len(names)), np.float32)
    judges = [author for author in authors if author.startswith(JUDGES)]
    for author in judges:
        out = groups == author
        scores[out] = held_out(values, right, importance, kept=~out & ~alike, out=out)
    raised = chosen(scores, right, elsewhere, [groups == author for author in judges])
    print("authors left out, one after the other: tools, nothing here")
    for author in judges:
        of_tools, of_elsewhere = shares(scores, right, elsewhere, groups == author, raised)
        print(f"  {of_tools:6.1%} {of_elsewhere:6.1%}  {author[:60]}")
    print("kinds left out, with all authors: nothing here")
    of_authors = np.isin(groups, authors)
    for fold in range(FOLDS):
        out = np.isin(groups, kinds[fold::FOLDS])
        scores[out] = held_out(values, right, importance, kept=~out & ~of_authors & ~alike, out=out)
    for kind in kinds:
        print(f"  {shares(scores, right, elsewhere, groups == kind, raised)[1]:6.1%}  {kind}")
    documentation = groups == DOCUMENTATION
    folds = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    for fold in range(FOLDS):
        out = documentation & (folds == fold)
        scores[out] = held_out(values, right, importance, kept=~out, out=out)
    of_documentation = shares(scores, right, elsewhere, documentation, raised)[0]
    of_kinds = shares(scores, right, elsewhere, np.isin(groups, kinds), raised)[1]
    of_tools, of_elsewhere = shares(scores, right, elsewhere, np.isin(groups, judges), raised)
    print(
        f"{len(rows)} questions; by authors {of_tools:.1%} for tools, {of_elsewhere:.1%} nothing here; ",
        end="",
    )
    print(f"by kinds {of_kinds:.1%}; documentation {of_documentation:.1%}; raised by {raised:.2f}")

    rarity, weighted = weigh(values, np.ones(len(rows), bool))
    weights, biases = fit(weighted, right, importance)
    biases[elsewhere] += raised
    head = {"names": names, "biases": [round(float(each), 4) for each in biases], "questions": digest(rows)}
    classifier.FILE.write_bytes(packed(head, numbers, np.column_stack([weights, rarity])))
    print(f"{classifier.FILE.relative_to(ROOT)}: {classifier.FILE.stat().st_size:,} bytes")
    return 0


def weight(row: Row) -> float:
    """How much a question counts."""
    if row.group == ALIKE or ": " in row.group:
        return AUTHORS_WEIGHT
    return ELSEWHERE_WEIGHT if row.name == classifier.ELSEWHERE else 1.0


def packed(head: dict[str, Any], numbers: Matrix, body: Matrix) -> bytes:
    """The file, with as many features as fit: those that weigh most."""
    scales = np.abs(body).max(0) / 127
    heaviest = np.argsort(-np.linalg.norm(body[:, :-1], axis=1) * body[:, -1], kind="stable")
    known = int(np.count_nonzero(body[:, -1]))
    while True:
        kept = np.sort(heaviest[:known])
        gaps = np.diff(numbers[kept], prepend=0).astype("<u2")
        rows = np.rint(body[kept] / scales).astype(np.int8)
        given = head | {"scales": [round(float(each), 6) for each in scales[:-1]], "features": known}
        file = json.dumps(given).encode() + b"\n" + zlib.compress(gaps.tobytes() + rows.tobytes(), 9)
        if len(file) <= MOST_BYTES:
            return file
        known = int(known * 0.97)


def sparse(rows: list[Row]) -> tuple[Matrix, Matrix]:
    """The numbers of all features, sorted, and the features of every question, one row each."""
    from scipy.sparse import csr_matrix

    each = [features.features(row.question) for row in rows]
    starts = np.cumsum([0, *map(len, each)])
    found = np.concatenate([np.fromiter(one.keys(), np.int32) for one in each])
    values = np.concatenate([np.fromiter(one.values(), np.float32) for one in each])
    numbers, columns = np.unique(found, return_inverse=True)
    return numbers, csr_matrix((values, columns, starts), shape=(len(rows), len(numbers)))


def weigh(values: Matrix, kept: Matrix) -> tuple[Matrix, Matrix]:
    """The rarity of each feature among the questions `kept`, and all questions times it, of length 1.

    It is 0 for a feature that fewer than FEWEST of them have: unknown later on.
    """
    from scipy.sparse import diags

    having = np.asarray((values[kept] > 0).sum(0)).ravel()
    rarity = np.log((kept.sum() + 1) / (having + 0.5)).astype(np.float32)
    rarity[having < FEWEST] = 0
    weighted = values @ diags(rarity)
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    weighted = (diags(1 / np.maximum(lengths, 1e-9)) @ weighted).tocsr().astype(np.float32)
    weighted.eliminate_zeros()
    return rarity, weighted


def fit(weighted: Matrix, right: Matrix, importance: Matrix) -> tuple[Matrix, Matrix]:
    """The weights, one row per feature and one column per name, and the names' biases."""
    from sklearn.svm import LinearSVC

    learnt = LinearSVC(
        C=HARDNESS, tol=TOLERANCE, max_iter=MOST_STEPS, intercept_scaling=CONSTANT, random_state=0
    )
    learnt.fit(weighted, right, sample_weight=importance)
    return learnt.coef_.T, learnt.intercept_


def held_out(values: Matrix, right: Matrix, importance: Matrix, *, kept: Matrix, out: Matrix) -> Matrix:
    """The scores of the questions `out` after learning from those `kept`."""
    _, weighted = weigh(values, kept)
    weights, biases = fit(weighted[kept], right[kept], importance[kept])
    return weighted[out] @ weights + biases


def shares(
    scores: Matrix, right: Matrix, elsewhere: int, among: Matrix, raised: float
) -> tuple[float, float]:
    """The shares of questions for tools and for nothing here that are found right; 1 of none."""
    met = (scores + raised * np.eye(scores.shape[1])[elsewhere]).argmax(1) == right
    kinds = (met[among & (right != elsewhere)], met[among & (right == elsewhere)])
    of_tools, of_elsewhere = (float(kind.mean()) if kind.size else 1.0 for kind in kinds)
    return of_tools, of_elsewhere


def chosen(scores: Matrix, right: Matrix, elsewhere: int, authors: Sequence[Matrix]) -> float:
    """By how much the score of "nothing here" is raised: what is best for the authors on average."""
    good = [
        sum(sum(shares(scores, right, elsewhere, among, float(each))) for among in authors) for each in RAISES
    ]
    return float(RAISES[int(np.argmax(good))])


if __name__ == "__main__":
    sys.exit(main())
