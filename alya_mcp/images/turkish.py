"""Turkish prompts for models whose text encoder only knows English words, such as alya-sketch.

A prompt is parsed clause by clause into things (number, size, colour, noun, place), a background, a landscape
and a time of day, and rewritten in English. It isn't a translator: unknown words are left out and reported.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from alya_mcp.text.folding import fold

_CLAUSES: Final = re.compile(r"[,;.]|\bve\b|\bile\b|\bveya\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W_]+")


def _table(text: str) -> dict[str, str]:
    """`turkish, other = english; ...` as a mapping of folded words."""
    pairs = (entry.split("=") for entry in text.split(";"))
    return {fold(word): english.strip() for words, english in pairs for word in words.split(",")}


_NOUNS: Final = _table(
    "daire, yuvarlak = circle; çember, halka, yüzük = ring; simit = donut; top = ball; balon = balloon; "
    "kare = square; kutu = box; blok = block; üçgen = triangle; piramit = pyramid; yıldız = star; "
    "kalp, kalb = heart; ev = house; kulübe = cottage; ağaç, ağac = tree; meşe = oak; tekne, kayık = boat; "
    "yelkenli = sailboat; gemi = ship; yat = yacht; güneş = sun; ay = moon; hilal = crescent; bulut = cloud"
)
_COLOURS: Final = _table(
    "kırmızı, al = red; turuncu = orange; sarı = yellow; altın = gold; yeşil = green; mavi = blue; "
    "lacivert = navy; mor = purple; eflatun = violet; pembe = pink; kahverengi, kahve = brown; "
    "siyah, kara = black; beyaz, ak = white; gri = grey; turkuaz = turquoise; camgöbeği = cyan"
)
_SIZES: Final = _table(
    "küçük, ufak, minik, küçücük, ufacık = small; büyük, kocaman, iri, dev, devasa = large"
)
_NUMBERS: Final = _table("iki, 2 = two; üç, 3 = three; birkaç = three")
_SIDES: Final = _table(
    "sol, solda, sola, solunda, soldaki = left; sağ, sağda, sağa, sağında, sağdaki = right; "
    "üst, üstte, yukarı, yukarıda, tepede, üstteki = top; alt, altta, aşağı, aşağıda, alttaki = bottom; "
    "orta, ortada, ortasında, ortaya, ortadaki, merkez, merkezde = centre"
)
_GROUND_WORDS: Final = _table(
    "zemin = background; fon = background; arkaplan = background; plan = background"
)
_PATTERNS: Final = _table(
    "çizgili = striped; benekli, puantiyeli, noktalı = polka dot; kareli, damalı, ekose = checkered; "
    "degrade, geçişli, gradyan = gradient"
)
_WAYS: Final = _table("yatay = horizontal; dikey = vertical; çapraz = diagonal")
_LANDSCAPES: Final = _table(
    "deniz = the sea; okyanus = the ocean; göl = a lake; çayır = a meadow; çimen, çim = green grass; "
    "tarla = a field; tepe = a green hill; dağ = snowy mountains; yol = a road; cadde = a street; "
    "kar = the snow; çöl = the desert; kum = the sand; plaj, kumsal, sahil = a beach"
)
_TIMES: Final = _table(
    "gece, geceleyin, gecede = at night; günbatımı, günbatımında, batımı, batımında, akşam = at sunset; "
    "gündoğumu, gündoğumunda, doğumu, doğumunda, şafakta = at sunrise; gündüz, gündüzün, güneşli = by day; "
    "yağmurlu, yağmur, yağmurda, yağmurun = in the rain; karlı = in winter"
)
_SILENT: Final = frozenset(
    fold(
        "bir tane adet çiz çizer çizin çizsene misin mısın resim resmi resmini görsel görseli çizim yap "
        "yapar oluştur bana lütfen olsun olan var varmış üzerinde üzerine üstünde üstüne önünde arka "
        "içinde altında yanında taraf tarafta tarafında tarafa köşe köşede köşesinde kenarda kenarında renk "
        "renkli renkte şekil güzel sade basit düz parlak gün hava havada gökyüzü gökyüzünde de da bu şu o "
        "için gibi daha çok tek"
    ).split()
)
_ENGLISH_PLURALS: Final = {"box": "boxes"}
_PLURAL: Final = ("lar", "ler")
_CASES: Final = (
    "", "i", "u", "a", "e", "yi", "yu", "ya", "ye", "si", "su", "da", "de", "ta", "te", "dan", "den", "tan",
    "ten", "in", "un", "nin", "nun", "daki", "deki", "taki", "teki", "inda", "inde", "sinda", "sinde",
)  # fmt: skip
_TWO_COLOURS: Final = re.compile(r"([^\W_]+)\s+ve\s+([^\W_]+)", re.IGNORECASE)


class English(NamedTuple):
    """A Turkish prompt in English, and its words that were left out."""

    prompt: str
    left_out: tuple[str, ...]


@dataclass(slots=True)
class _Thing:
    noun: str
    words: list[str]
    number: str | None
    sides: list[str]


@dataclass(slots=True)
class _Scene:
    things: list[_Thing] = field(default_factory=list["_Thing"])
    backdrop: str = ""
    landscape: str = ""
    time: str = ""
    left_out: list[str] = field(default_factory=list[str])


def in_english(prompt: str, known: frozenset[str]) -> English | None:
    """A Turkish prompt in English; None when more of its words are `known` English ones than Turkish."""
    text = unicodedata.normalize("NFC", prompt)
    words = [(word, fold(word)) for word in _WORD.findall(text)]
    turkish = sum(_is_turkish(folded) and folded not in known for _, folded in words)
    if turkish <= sum(word.lower() in known and not _is_turkish(folded) for word, folded in words):
        return None
    scene = _Scene()
    for clause in _CLAUSES.split(_TWO_COLOURS.sub(_together, text)):
        _read([(word, fold(word)) for word in _WORD.findall(clause)], scene)
    return English(_said(scene), tuple(dict.fromkeys(scene.left_out)))


def _together(pair: re.Match[str]) -> str:
    """Two colours of one thing, `sarı ve beyaz`, without the word that would end the clause."""
    colours = all(fold(colour) in _COLOURS for colour in pair.groups())
    return f"{pair[1]} {pair[2]}" if colours else pair[0]


def _is_turkish(word: str) -> bool:
    tables = (_SIZES, _NUMBERS, _SIDES, _PATTERNS, _WAYS, _TIMES)
    inflected = (_COLOURS, _NOUNS, _GROUND_WORDS, _LANDSCAPES)
    return any(word in table for table in tables) or any(_found(word, table) for table in inflected)


class _Found(NamedTuple):
    english: str
    is_plural: bool


def _found(word: str, table: Mapping[str, str]) -> _Found | None:
    """The entry of which this word is an inflected form, such as `daireler` or `evin`."""
    for case in sorted(_CASES, key=len):
        base = word.removesuffix(case) if word.endswith(case) else ""
        if base in table:
            return _Found(table[base], is_plural=False)
        if base.endswith(_PLURAL) and base[:-3] in table:
            return _Found(table[base[:-3]], is_plural=True)
    return None


def _read(words: Sequence[tuple[str, str]], scene: _Scene) -> None:
    """Parse one clause. Words before a noun belong to it, and so does a place after the last noun."""
    before = _Before()
    first = len(scene.things)
    for written, word in words:
        if colour := _found(word, _COLOURS):
            before.colours.append(colour.english)
        elif word in _SIZES:
            before.size = _SIZES[word]
        elif word in _NUMBERS:
            before.number = _NUMBERS[word]
        elif word in _SIDES:
            before.sides.append(_SIDES[word])
        elif word in _PATTERNS:
            before.pattern = _PATTERNS[word]
        elif word in _WAYS:
            before.way = _WAYS[word]
        elif word in _TIMES:
            scene.time = scene.time or _TIMES[word]
        elif _found(word, _GROUND_WORDS):
            scene.backdrop = _backdrop(before)
            before = _Before(sides=before.sides)
        elif noun := _found(word, _NOUNS):
            adjectives = [each for each in (before.size, *before.colours[-1:]) if each]
            number = before.number or ("several" if noun.is_plural else None)
            scene.things.append(_Thing(noun.english, adjectives, number, before.sides))
            before = _Before()
        elif land := _found(word, _LANDSCAPES):
            scene.landscape = scene.landscape or land.english
            before = _Before(sides=before.sides)
        elif word not in _SILENT:
            scene.left_out.append(written[:40])
    if before.pattern:
        scene.backdrop = _backdrop(before)
    if before.sides and len(scene.things) > first and not scene.things[-1].sides:
        scene.things[-1].sides = before.sides


@dataclass(slots=True)
class _Before:
    """The words read since the last noun."""

    size: str = ""
    number: str | None = None
    pattern: str = ""
    way: str = ""
    colours: list[str] = field(default_factory=list[str])
    sides: list[str] = field(default_factory=list[str])


def _backdrop(before: _Before) -> str:
    colours = before.colours[-2:]
    way = f"{before.way} " if before.way else ""
    match before.pattern:
        case "gradient" if len(colours) == 2:
            return f"on a {way}gradient from {colours[0]} to {colours[1]}"
        case "":
            return f"on {_article(colours[-1])} {colours[-1]} background" if colours else ""
        case pattern:
            return f"on a {' and '.join(colours)} {way}{pattern} background".replace("  ", " ")


def _said(scene: _Scene) -> str:
    things = " and ".join(map(_phrase, scene.things))
    landscape = scene.landscape
    if landscape and things:
        landscape = f"{'in front of' if landscape == 'snowy mountains' else 'on'} {landscape}"
    return " ".join(filter(None, (things, scene.backdrop, landscape, scene.time)))


def _phrase(thing: _Thing) -> str:
    words = " ".join([*thing.words, thing.noun if thing.number is None else _plural(thing.noun)])
    return " ".join([thing.number or _article(words), words, *_where(thing.sides)])


def _where(sides: Sequence[str]) -> Iterator[str]:
    row = next((side for side in sides if side in ("top", "bottom")), None)
    side = next((side for side in sides if side in ("left", "right")), None)
    if row and side:
        yield f"in the {row} {side} corner"
    elif side:
        yield f"on the {side}"
    elif row:
        yield f"at the {row}"
    elif sides:
        yield "in the centre"


def _plural(noun: str) -> str:
    return _ENGLISH_PLURALS.get(noun, f"{noun}s")


def _article(words: str) -> str:
    return "an" if words[0] in "aeiou" else "a"
