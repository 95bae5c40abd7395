"""How well alya_symptom_check ranks and flags, on vignettes and on simulated patients.

    python scripts/eval/symptoms.py VIGNETTES.csv [--misses] [--speed]
    python scripts/eval/symptoms.py --simulate 4000 [--fit]

VIGNETTES.csv has the columns id, language, age, sex, complaint, accepted (names joined by |), red_flag (1 or
0). Rows with nothing accepted count only for the flags. A name is matched with the names and synonyms of the
data, without case, marks, brackets and word order.

Simulated patients are drawn from a network whose probabilities differ from ours at random (log odds with a
standard deviation of 0.7, log priors of 0.5). They tell 30 to 80 % of their findings, 15 % of which are lost;
every second one has a finding wrongly read; and some have a condition that is taken out of the network.
`--fit` chooses the figures of calibration.toml with the least calibration error on one half and reports the
other.
"""

import argparse
import csv
import math
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from alya_mcp.text.folding import fold
from alya_mcp.tools.health.logic.symptoms.asking import worth_asking
from alya_mcp.tools.health.logic.symptoms.inference import OTHER, Calibration, Network, SymptomEvidence
from alya_mcp.tools.health.logic.symptoms.model import DURATIONS, Condition, Patient
from alya_mcp.tools.health.logic.symptoms.reading import PatientCase
from alya_mcp.tools.health.symptoms.knowledge import Knowledge, knowledge

LEFT_OUT = 0.08
FAR = 999
AGES = ((0.2, 5), (5, 15), (15, 30), (30, 50), (50, 70), (70, 90))
FILLER = frozenset(
    [
        "acute",
        "chronic",
        "disease",
        "syndrome",
        "the",
        "of",
        "a",
        "an",
        "and",
        "or",
        "with",
        "in",
        "hastaligi",
        "sendromu",
        "akut",
        "kronik",
    ]
)


def names_of(known: Knowledge) -> dict[frozenset[str], set[str]]:
    """Conditions by the words of their names and synonyms."""
    found: dict[frozenset[str], set[str]] = defaultdict(set)
    for name, each in known.network.conditions.items():
        for text in (each.en, each.tr, *each.also, name.replace("_", " ")):
            inside = re.findall(r"\(([^)]*)\)", text)
            outside = re.sub(r"\([^)]*\)", " ", text)
            for part in (text, outside, *inside, *re.split(r"\bor\b|\bveya\b|,", outside)):
                for key in (words(part), words(part) - FILLER):
                    if key:
                        found[key].add(name)
    return found


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", fold(text.replace("'", "").replace("\u2019", ""))))


def accepted(names: dict[frozenset[str], set[str]], wanted: str) -> set[str]:
    found: set[str] = set()
    for text in wanted.split("|"):
        for part in (text, re.sub(r"\([^)]*\)", " ", text), *re.findall(r"\(([^)]*)\)", text)):
            key = words(part)
            found |= names.get(key, set()) or names.get(key - FILLER, set())
    return found


def case_of(known: Knowledge, text: str, age: str = "", sex: str = "") -> PatientCase:
    told, language = known.told(text)
    case = PatientCase(language=language)
    case.hear(text, told, known.network.findings)
    case.age = float(age) if age else case.age
    case.sex = {"f": "female", "m": "male"}.get(sex[:1].lower(), case.sex)
    return case


def place_of(known: Knowledge, case: PatientCase, good: set[str]) -> int:
    """The place, from 0, of the best accepted condition; far behind when a complaint is refused."""
    posterior = known.network.posterior(case.evidence, case.patient)
    ranked = sorted((name for name in posterior if name != OTHER), key=lambda name: -posterior[name])
    place = next((index for index, name in enumerate(ranked) if name in good), FAR)
    return place if case.tells_enough(known.network) else FAR


def vignettes(known: Knowledge, file: Path, *, misses: bool) -> None:
    names = names_of(known)
    top: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    flags = [[0, 0], [0, 0]]
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            column = next(name for name in row if name.startswith("accepted"))
            case = case_of(known, row["complaint"], row["age"], row["sex"])
            posterior = known.network.posterior(case.evidence, case.patient)
            ranked = sorted((name for name in posterior if name != OTHER), key=lambda name: -posterior[name])
            good = accepted(names, row[column])
            place = place_of(known, case, good)
            raising = [flag.rule.id for flag in known.signs(case)]
            wanted = row["red_flag"].strip() in {"1", "true", "yes"}
            flags[wanted][bool(raising)] += 1
            for key in ("all", row["language"]) if row[column].strip() else ():
                counts = top[key]
                counts[0] += 1
                counts[1] += place < 1
                counts[2] += place < 3
                counts[3] += place < 5
            if misses and ((place >= 3 and row[column].strip()) or wanted != bool(raising)):
                print(f"\n{row['id']} {row['age']} {row['sex']}: {row['complaint']}")
                print(f"  accepted {row[column]} -> {sorted(good) or 'NOT IN THE DATA'}, place {place + 1}")
                print("  ranked " + ", ".join(f"{name} {posterior[name]:.2f}" for name in ranked[:5]))
                print(
                    "  said " + ", ".join(("" if m.present else "no ") + n for n, m in case.mentions.items())
                )
                print(f"  flags {raising}, wanted {wanted}")
    print("| vignettes | n | first | first three | first five |\n|---|---|---|---|---|")
    for key, (n, first, three, five) in top.items():
        print(f"| {key} | {n} | {first / n:.1%} | {three / n:.1%} | {five / n:.1%} |")
    for wanted, (silent, loud) in ((1, flags[1]), (0, flags[0])):
        print(f"red flag expected {wanted}: raised in {loud} of {loud + silent}")


def speed(known: Knowledge) -> None:
    text = (
        "I have had a headache since yesterday with nausea and light hurts my eyes, my neck feels stiff, and "
        "my left knee is swollen and painful after I twisted it. There was no fever, no rash and no cough, "
        "but on Tuesday I felt dizzy when I stood up and my heart was racing while he drove. "
    )
    many = " ".join([text] * 9)
    many = " ".join(many.split()[:500])
    times: list[float] = []
    for _ in range(30):
        start = time.process_time()
        case = case_of(known, many)
        posterior = known.network.posterior(case.evidence, case.patient)
        known.signs(case, posterior)
        worth_asking(known.network, posterior, case.mentions, 5)
        times.append(time.process_time() - start)
    times.sort()
    print(
        f"500 words: median {1000 * times[15]:.1f} ms of processor time, fastest {1000 * times[0]:.1f}, of 30"
    )


def shifted(chance: float, rng: random.Random, spread: float) -> float:
    odds = math.log(chance / (1 - chance)) + rng.gauss(0, spread)
    return 1 / (1 + math.exp(-odds))


def simulated(known: Knowledge, count: int, seed: int) -> Iterator[tuple[str, SymptomEvidence, Patient]]:
    """Patients: their condition (OTHER when it isn't in the network they are judged by), what they tell."""
    rng = random.Random(seed)
    conditions = {
        name: replace(
            each,
            prior=each.prior * math.exp(rng.gauss(0, 0.5)),
            findings={finding: shifted(chance, rng, 0.7) for finding, chance in each.findings.items()},
        )
        for name, each in known.network.conditions.items()
    }
    truth = Network(known.network.findings, conditions, known.network.calibration)
    everything = list(truth.findings)
    for _ in range(count):
        band = rng.choices(range(6), (1, 1, 2, 2.5, 2.5, 1.5))[0]
        patient = Patient(age=rng.uniform(*AGES[band]), sex=rng.choice(("female", "male")))
        priors = truth.priors(patient)
        names = [name for name in priors if name != OTHER]
        name = rng.choices(names, [priors[each] for each in names])[0]
        share = rng.uniform(0.3, 0.8)
        findings: dict[str, bool] = {}
        for finding in known.network.conditions[name].findings:
            there = rng.random() < truth.probability(name, finding)
            if there and rng.random() < share * 0.85:
                findings[finding] = True
            elif not there and rng.random() < 0.04:
                findings[finding] = False
        if rng.random() < 0.5:
            findings.setdefault(rng.choice(everything), True)
        for finding in [each for each, there in findings.items() if there]:
            for above in truth.ancestors[finding]:
                findings.pop(above, None)
        if not any(findings.values()):
            continue
        lasts = rng.choice(sorted(conditions[name].lasts)) if rng.random() < 0.85 else rng.choice(DURATIONS)
        yield name, SymptomEvidence(findings, lasts if rng.random() < 0.7 else None), patient


def without(network: Network, left_out: frozenset[str], calibration: Calibration) -> Network:
    kept = {name: each for name, each in network.conditions.items() if name not in left_out}
    return Network(network.findings, kept, calibration)


def scored(
    network: Network, patients: Sequence[tuple[str, SymptomEvidence, Patient]]
) -> tuple[float, float, float, list[str]]:
    """Log loss of the true condition, share in the first three, calibration error and its table."""
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    loss = three = 0.0
    for name, evidence, patient in patients:
        posterior = network.posterior(evidence, patient)
        truth = name if name in network.conditions else OTHER
        ranked = sorted((each for each in posterior if each != OTHER), key=lambda each: -posterior[each])
        three += truth in ranked[:3]
        loss -= math.log(max(1e-6, posterior.get(truth, 0.0)))
        for each in [*ranked[:5], OTHER]:
            total = sums[min(9, int(posterior[each] * 10))]
            total[0] += 1
            total[1] += posterior[each]
            total[2] += each == truth
    n = sum(total[0] for total in sums.values())
    table = [
        f"| from {key / 10:.1f} | {int(count)} | {stated / count:.3f} | {true / count:.3f} |"
        for key, (count, stated, true) in sorted(sums.items())
    ]
    error = sum(abs(stated - true) for _, stated, true in sums.values()) / n
    return loss / len(patients), three / len(patients), error, table


def simulate(known: Knowledge, count: int, *, fit: bool) -> None:
    rng = random.Random(7)
    everything: dict[str, Condition] = dict(known.network.conditions)
    left_out = frozenset(name for name in everything if rng.random() < LEFT_OUT)
    patients = list(simulated(known, count, 11))
    half = len(patients) // 2
    calibration = known.network.calibration
    if fit:
        best = math.inf
        for told in (0.2, 0.35, 0.5):
            for temperature in (1.0, 1.2, 1.4, 1.7, 2.0):
                tried = Calibration(told=told, temperature=temperature, other=calibration.other)
                loss, three, error, _ = scored(without(known.network, left_out, tried), patients[:half])
                figures = f"loss {loss:.3f}, first three {three:.3f}, error {error:.4f}"
                print(f"told {told}, temperature {temperature}: {figures}")
                if error < best:
                    best, calibration = error, tried
        print(f"chosen: told = {calibration.told}, temperature = {calibration.temperature}")
    loss, three, error, table = scored(without(known.network, left_out, calibration), patients[half:])
    known_share = sum(name not in left_out for name, _, _ in patients[half:]) / (len(patients) - half)
    print(f"{len(patients) - half} patients, {known_share:.1%} with a condition of the network")
    print(
        f"log loss {loss:.3f}, first three {three / known_share:.1%} of those, calibration error {error:.3f}"
    )
    print("| stated | n | mean stated | came true |\n|---|---|---|---|")
    print("\n".join(table))


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("vignettes", nargs="?", type=Path)
    arguments.add_argument("--misses", action="store_true", help="show what went wrong")
    arguments.add_argument("--speed", action="store_true")
    arguments.add_argument("--simulate", type=int, metavar="N")
    arguments.add_argument(
        "--fit", action="store_true", help="with --simulate: choose the calibration's figures"
    )
    given = arguments.parse_args()
    known = knowledge()
    if given.vignettes:
        vignettes(known, given.vignettes, misses=given.misses)
    if given.speed:
        speed(known)
    if given.simulate:
        simulate(known, given.simulate, fit=given.fit)


if __name__ == "__main__":
    main()
