"""Made-up gem and antiques markets, written without a look at the models that they are for.

Gems: the value per carat is a product whose factors act on each other. Size counts for more in good colours,
an origin only in untreated stones of good colour, a treatment costs more in large stones, and prices jump at
whole carats. Dealers use different words for colour and clarity. Prices scatter with heavy tails (Student's t
with 3 degrees of freedom), drift with time, and one in twenty is wrong by a factor of 3 to 12.

Antiques: titles are noisy, prices stand in three or four currencies and makers differ in price. Among genuine
pieces stand reproductions, lots, damaged pieces, parts and books. Some say so only in the description.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Any

Row = dict[str, Any]

# Each dealer's words for a latent quality, best first. The second list of a species is the other label set.
COLOURS = {
    "diamond": (
        ["D", "E", "F", "G", "H", "I", "J", "K", "L"],
        ["River", "Top Wesselton", "Wesselton", "Top Crystal", "Crystal", "Top Cape"],
    ),
    "ruby": (
        ["pigeon blood", "vivid red", "intense red", "medium red", "pinkish red"],
        ["AAA", "AA", "A", "B"],
    ),
    "sapphire": (
        ["royal blue", "cornflower blue", "vivid blue", "medium blue", "light blue", "inky blue"],
        ["Blue 6/5", "Blue 5/5", "Blue 4/4", "Blue 3/3"],
    ),
    "emerald": (
        ["Muzo green", "vivid green", "intense green", "bluish green", "light green"],
        ["1", "2", "3", "4", "5"],
    ),
    "spinel": (["hot red", "cobalt", "pink", "lavender", "grey"], ["top", "fine", "good", "commercial"]),
    "tanzanite": (["AAA", "AA", "A", "B"], ["exceptional", "vivid", "intense", "moderate", "light"]),
    "aquamarine": (["Santa Maria", "deep blue", "medium blue", "light blue"], ["AAA", "AA", "A"]),
}
CLARITIES = {
    "diamond": (
        ["IF", "VVS1", "VVS2", "VS1", "VS2", "SI1", "SI2", "I1"],
        ["lupenrein", "VVSI", "VSI", "SI", "P1"],
    ),
    "other": (["loupe clean", "eye clean", "slightly included", "included"], ["VVS", "VS", "SI", "I"]),
}
ORIGINS = {
    "ruby": {"Burma": 1.9, "Mozambique": 1.0, "Madagascar": 0.85, "Thailand": 0.6},
    "sapphire": {"Kashmir": 3.2, "Burma": 1.7, "Ceylon": 1.0, "Madagascar": 0.8, "Australia": 0.4},
    "emerald": {"Colombia": 1.5, "Zambia": 1.0, "Brazil": 0.75, "Afghanistan": 1.05},
    "spinel": {"Burma": 1.4, "Tanzania": 1.1, "Vietnam": 0.9},
}
TREATMENTS = {
    "ruby": {"none": 1.0, "heated": 0.5, "glass filled": 0.06},
    "sapphire": {"none": 1.0, "heated": 0.55, "beryllium": 0.2},
    "emerald": {"none": 1.0, "minor oil": 0.65, "significant oil": 0.3},
    "aquamarine": {"none": 1.0, "heated": 0.95},
    "tanzanite": {"heated": 1.0},
}
BASE = {
    "diamond": 6000.0,
    "ruby": 5200.0,
    "sapphire": 2600.0,
    "emerald": 3400.0,
    "spinel": 1300.0,
    "tanzanite": 420.0,
    "aquamarine": 240.0,
}
CERTIFICATES = {"none": 1.0, "IGI": 1.03, "GIA": 1.09, "GRS": 1.06, "SSEF": 1.14}
CUTS = ["excellent", "very good", "good", "fair"]
PRIORS = ((2.0, 2.0), (2.2, 1.6), (3.0, 1.5))
"""Beta distributions of the latent colour, clarity and cut."""
TODAY = date(2026, 11, 1)


@dataclass
class GemMarket:
    """`priced` are for sale or sold, `asked` have their right price only in `prices` (by id)."""

    species: str
    priced: list[Row] = field(default_factory=list)
    asked: list[Row] = field(default_factory=list)
    prices: dict[str, float] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    strength: dict[str, float] = field(default_factory=dict)


def gem_market(
    rng: random.Random, species: str, size: int, asked: int = 30, wrong: float = 0.05
) -> GemMarket:
    market = GemMarket(species)
    strength = {
        "size": rng.uniform(0.25, 0.6),
        "colour": rng.uniform(0.5, 1.1),
        "clarity": rng.uniform(0.3, 1.0) if species == "diamond" else rng.uniform(0.15, 0.5),
        "level": math.exp(rng.gauss(0, 0.3)),
        "drift": rng.uniform(-0.02, 0.07),
        "other_labels": rng.uniform(0.1, 0.35),
    }
    market.strength = strength
    for number in range(size + asked):
        row, price = gem(rng, species, strength, now=number >= size)
        row["id"] = str(number + 1)
        if number < size:
            if rng.random() < wrong:
                price *= rng.uniform(3, 12) ** rng.choice((-1, 1))
                market.wrong.add(row["id"])
            market.priced.append({**row, "price_usd": f"{price:.2f}"})
        else:
            market.asked.append({**row, "price_usd": "", "sold_at": ""})
            market.prices[row["id"]] = price
    return market


def gem(rng: random.Random, species: str, strength: dict[str, float], *, now: bool) -> tuple[Row, float]:
    colour, clarity, cut = (rng.betavariate(*prior) for prior in PRIORS)
    carat = round(min(12.0, max(0.25, math.exp(rng.gauss(0.35, 0.65)))), 2)
    if rng.random() < 0.25:  # cutters aim at whole carats
        carat = round(rng.choice((1.0, 1.5, 2.0, 3.0)) + rng.uniform(0, 0.06), 2)
    origin = rng.choice(list(ORIGINS[species])) if species in ORIGINS else ""
    treatment = rng.choice(list(TREATMENTS[species])) if species in TREATMENTS else ""
    certificate = rng.choice(list(CERTIFICATES))
    days = 0 if now else int(rng.uniform(0, 6 * 365))

    fair = worth(species, strength, carat, (colour, clarity, cut), origin, treatment, certificate)
    sold = TODAY - timedelta(days=days)
    noise = 0.075 * rng.gauss(0, 1) / math.sqrt(sum(rng.gauss(0, 1) ** 2 for _ in range(3)) / 3)
    price = fair * math.exp(noise)

    other = rng.random() < strength["other_labels"]
    row = {
        "id": "",
        "species": species,
        "variety": "",
        "carat": f"{carat:.2f}",
        "colour": label(rng, COLOURS[species][other], colour),
        "clarity": label(rng, CLARITIES.get(species, CLARITIES["other"])[other], clarity),
        "cut": label(rng, CUTS, cut),
        "origin": origin if rng.random() < 0.9 else "",
        "treatment": treatment,
        "certificate": certificate if certificate != "none" else "",
        "sold_at": sold.isoformat(),
    }
    return row, price * math.exp(-strength["drift"] * days / 365)


def worth(
    species: str,
    strength: dict[str, float],
    carat: float,
    qualities: tuple[float, float, float],
    origin: str,
    treatment: str,
    certificate: str,
) -> float:
    """What a stone sells for today but for luck; the qualities are those of colour, clarity and cut."""
    colour, clarity, cut = qualities
    log = math.log(BASE[species] * strength["level"])
    log += strength["colour"] * (colour - 0.5) * 1.6
    log += strength["clarity"] * (clarity - 0.5) * (1.0 + 0.6 * (colour - 0.5))
    log += 0.25 * (cut - 0.6)
    log += strength["size"] * math.log(carat) * (0.6 + 0.8 * colour)
    log += 0.07 * sum(carat >= step for step in (1, 2, 3, 5))
    factor = TREATMENTS[species][treatment] if treatment else 1.0
    log += math.log(factor) * (0.8 + 0.25 * math.log1p(carat))
    if origin:
        share = (1.0 if factor == 1.0 else 0.35) * (0.4 + 0.6 * colour)
        log += math.log(ORIGINS[species][origin]) * share
    log += math.log(CERTIFICATES[certificate]) * (1.5 if origin and factor == 1.0 else 0.8)
    return math.exp(log) * carat


def best_guess(rng: random.Random, market: GemMarket, row: Row, draws: int = 2000) -> float:
    """The value to somebody who knows the formula, but of the stone only what the catalogue says."""
    species, found = market.species, list[float]()
    bins = [
        bins_of(word, lists)
        for word, lists in (
            (row["colour"], COLOURS[species]),
            (row["clarity"], CLARITIES.get(species, CLARITIES["other"])),
            (row["cut"], (CUTS,)),
        )
    ]
    origins = [row["origin"]] if row["origin"] or species not in ORIGINS else list(ORIGINS[species])
    while len(found) < draws:
        # Each quality is drawn until its word fits, which keeps the prior within the word's range.
        kept = list[float]()
        for place, (low, high) in enumerate(bins):
            value = rng.betavariate(*PRIORS[place])
            while not low <= min(0.999, max(0.0, 1 - value + rng.gauss(0, 0.02))) < high:
                value = rng.betavariate(*PRIORS[place])
            kept.append(value)
        certificate = row["certificate"] or "none"
        qualities = (kept[0], kept[1], kept[2])
        found.append(
            worth(
                species, market.strength, float(row["carat"]), qualities, rng.choice(origins),
                row["treatment"], certificate,
            )
        )  # fmt: skip
    return median(found)


def bins_of(word: str, lists: Sequence[list[str]]) -> tuple[float, float]:
    """The part of a label set that a word stands for."""
    for words in lists:
        for index, each in enumerate(words):
            if each.upper() == word.upper():
                return index / len(words), (index + 1) / len(words)
    raise ValueError(word)


def label(rng: random.Random, words: list[str], quality: float) -> str:
    """The dealer's word for a quality between 0 and 1; graders differ by a little."""
    seen = min(0.999, max(0.0, 1 - quality + rng.gauss(0, 0.02)))
    word = words[int(seen * len(words))]
    return word.upper() if rng.random() < 0.05 else word


QUERIES: dict[str, dict[str, Any]] = {
    "victorian silver teapot": {
        "level": 900,
        "kinds": {"melon": 1.0, "bachelor": 0.55, "engraved": 1.25, "bullet shape": 1.1},
        "makers": {"Barnard": 1.3, "Elkington": 1.0, "Hunt & Roskell": 1.9, "Walker & Hall": 0.8, "": 0.75},
        "lesser": (["silver plated", "EPNS", "silver plate on copper"], 0.16),
    },
    "georgian mahogany chest of drawers": {
        "level": 1600,
        "kinds": {"bow front": 1.3, "straight front": 1.0, "serpentine": 2.6, "campaign": 1.7},
        "makers": {"": 1.0, "Gillows": 2.8},
        "lesser": (["mahogany veneer on pine", "married piece"], 0.4),
    },
    "art deco bronze figure": {
        "level": 1400,
        "kinds": {"dancer": 1.2, "panther": 0.9, "nude": 1.0, "clown": 0.8},
        "makers": {"Chiparus": 6.0, "Lorenzl": 1.4, "Preiss": 4.5, "": 0.5, "Fayral": 0.9},
        "lesser": (["spelter, bronze patina", "bronze coloured resin"], 0.18),
    },
    "meissen porcelain figurine": {
        "level": 800,
        "kinds": {"gardener": 1.0, "cupid": 1.1, "shepherdess": 1.2, "monkey band": 1.6},
        "makers": {"Kaendler": 1.8, "": 1.0, "Acier": 1.5},
        "lesser": (["second choice", "two strikes through the mark"], 0.45),
    },
    "edwardian gold pocket watch": {
        "level": 1300,
        "kinds": {"half hunter": 1.1, "full hunter": 1.3, "open face": 0.85},
        "makers": {"Waltham": 0.8, "Dent": 2.2, "Omega": 1.0, "": 0.75},
        "lesser": (["rolled gold", "gold plated", "gold filled"], 0.18),
    },
    "osmanlı gümüş tepsi": {
        "level": 1500,
        "kinds": {"kabartmalı": 1.2, "savatlı": 1.4, "düz": 0.8, "kulplu": 1.0},
        "makers": {"tuğralı": 1.6, "": 0.8, "sah damgalı": 1.8},
        "lesser": (["gümüş kaplama", "alpaka"], 0.15),
    },
}
TRAPS_EN = {
    "reproduction": (
        ["reproduction", "in the style of", "replica", "modern copy", "20th century reproduction", "repro"],
        ["Please note this is a later reproduction.", "A modern copy, made about 1990."],
        0.18,
    ),
    "damaged": (
        [
            "a/f",
            "damaged",
            "for restoration",
            "cracked",
            "needs repair",
            "missing part",
            "old repair",
            "dented",
        ],
        [
            "There is a crack and an old repair.",
            "Sold as found, one part is missing.",
            "Has a hole at the base.",
        ],
        0.35,
    ),
    "part": (["lid only", "stand only", "handle from a", "empty box for a"], ["You get the base only."], 0.1),
    "book": (["book about the", "print of a", "postcard of a", "auction catalogue"], ["A paperback."], 0.03),
    "miniature": (["dolls house miniature", "miniature"], ["It is 3 cm high, for a dolls' house."], 0.06),
}
TRAPS_TR = {
    "reproduction": (
        ["replika", "reprodüksiyon", "stili", "kopya"],
        ["Yeni üretimdir.", "Replikadır, antika değildir."],
        0.18,
    ),
    "damaged": (
        ["kırık", "hasarlı", "tamirli", "çatlak", "onarım ister"],
        ["Kenarında kırık ve eski tamir var.", "Hasarlıdır, olduğu gibi satılır."],
        0.35,
    ),
    "part": (["sadece kulpu", "boş kutusu"], ["Sadece kapağı satılıktır."], 0.1),
    "book": (["kitabı", "kartpostalı"], ["Ciltsiz kitap."], 0.03),
    "miniature": (["minyatür"], ["Bebek evi için minyatür."], 0.06),
}
LOTS_EN = ["job lot of {n}", "set of {n}", "{n} x", "collection of {n}"]
LOTS_TR = ["{n} adet", "{n}'lü takım", "toplu {n} parça"]
NOISE_EN = [
    *(
        "RARE!!",
        "L@@K",
        "stunning",
        "antique",
        "c.1890",
        "superb",
        "estate find",
        "450g",
        "hallmarked",
        "***",
    ),
    *("~ beautiful ~", "19th century", "fine", "old", "original", "ref 3312", "London", "free post", "🔥"),
    "genuine",
]
NOISE_TR = [
    "nadir",
    "antika",
    "koleksiyonluk",
    "19. yy",
    "ÇOK GÜZEL",
    "orijinal",
    "600 gr",
    "***",
    "eski",
    "temiz",
]
RATES = {"USD": 1.0, "EUR": 1.16, "GBP": 1.32, "TRY": 0.024}


@dataclass
class AntiquesMarket:
    """`planted` are genuine whole pieces far below their worth; `kinds` says of each id what it is."""

    query: str
    listings: list[Row] = field(default_factory=list)
    planted: set[str] = field(default_factory=set)
    kinds: dict[str, str] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)


def antiques_market(rng: random.Random, query: str, size: int) -> AntiquesMarket:
    market, about = AntiquesMarket(query), QUERIES[query]
    turkish = any(letter in query for letter in "ıüş")
    traps = TRAPS_TR if turkish else TRAPS_EN
    level = about["level"] * math.exp(rng.gauss(0, 0.2))
    scatter = rng.uniform(0.2, 0.35)
    planted = rng.randint(3, 6)
    for number in range(size):
        kind, maker = rng.choice(list(about["kinds"])), rng.choice(list(about["makers"]))
        fair = level * about["kinds"][kind] * about["makers"][maker]
        price = fair * math.exp(rng.gauss(0, scatter))
        words, description, what = [maker, kind], "", "genuine"
        draw = rng.random()
        if number < planted:
            price, what = fair * rng.uniform(0.2, 0.42), "planted"
        elif draw < 0.12:
            lesser, share = about["lesser"]
            words, what = [*words, rng.choice(lesser)], "lesser"
            price *= share
        elif draw < 0.34:
            what = rng.choice(list(traps))
            in_title, in_description, share = traps[what]
            price *= share * rng.uniform(0.7, 1.4)
            if rng.random() < 0.3 and what in ("reproduction", "damaged", "part"):
                description = rng.choice(in_description)
            else:
                words.insert(0, rng.choice(in_title))
        elif draw < 0.42:
            what, n = "lot", rng.randint(2, 6)
            words.insert(0, rng.choice(LOTS_TR if turkish else LOTS_EN).format(n=n))
            price *= n * rng.uniform(0.5, 0.8)
        listing = Row(
            id=str(number + 1),
            title=title(rng, query, words, NOISE_TR if turkish else NOISE_EN),
            condition=rng.choice(["", "Used", "Pre-owned", "İkinci el" if turkish else "Good"]),
            sale=rng.choice(["fixed"] * 4 + ["sold"]) if what == "genuine" else "fixed",
            description=description,
        )
        currency = rng.choice(["TRY", "TRY", "EUR", "USD"] if turkish else ["USD", "GBP", "EUR", "USD"])
        listing |= {
            "price": f"{price / RATES[currency]:.2f}",
            "currency": currency,
            "url": f"https://example.com/{number + 1}",
            "usd_rate": "" if currency == "USD" else str(RATES[currency]),
            "rate_name": "" if currency == "USD" else "made up",
        }
        market.listings.append(listing)
        market.kinds[listing["id"]] = what
        market.ratios[listing["id"]] = price / fair
        if what == "planted":
            market.planted.add(listing["id"])
    rng.shuffle(market.listings)
    return market


def title(rng: random.Random, query: str, words: list[str], noise: list[str]) -> str:
    """The query's words, often not together, with the seller's words between them."""
    parts = query.split() if rng.random() < 0.4 else [query]
    parts += rng.sample(noise, rng.randint(0, 3))
    rest = [word for word in words if word]
    first = rest.pop(0) if rest else ""
    rng.shuffle(parts)
    for word in rest:
        parts.insert(rng.randint(0, len(parts)), word)
    text = " ".join([first, *parts] if first else parts)
    form = rng.random()
    if form < 0.15:
        text = text.upper() if "ı" not in text and "i" not in query else text.title()
    elif form < 0.4:
        text = text[:1].upper() + text[1:]
    return text
