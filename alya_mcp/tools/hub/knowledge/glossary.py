"""Turkish words of people who ask about this hub, and the English ones that its documentation uses."""

from typing import Final

from alya_mcp.text.words import Language, guess_language, stem, terms

_WORDS: Final = {
    "resim": "image picture", "gorsel": "image", "fotograf": "image picture",
    "ciz": "draw image", "cizil": "draw image", "politika": "policy", "kural": "rule policy",
    "izin": "allow policy", "yetki": "grant allow", "red": "deny refuse", "reddedil": "deny refuse",
    "reddet": "deny refuse", "engel": "deny refuse", "yasak": "deny", "onay": "approval", "onayla": "approve",
    "sinir": "limit", "sinirla": "limit", "kota": "limit budget", "butce": "budget", "ucret": "price cost",
    "fiyat": "price cost", "maliyet": "cost price", "para": "price cost budget", "kullan": "use",
    "kullanim": "usage", "harca": "cost usage", "kayit": "log audit", "kayd": "log audit",
    "denetim": "audit", "gunluk": "log audit", "arac": "tool", "cagri": "call", "kurulum": "install add",
    "kurulur": "install add", "kurar": "install add", "yukle": "install", "yuklen": "install",
    "ayar": "configuration settings variable", "degisken": "variable", "anahtar": "key", "hava": "weather",
    "durum": "status state", "deprem": "earthquake", "tahmin": "forecast", "arama": "search",
    "aran": "search", "internet": "web", "ajan": "agent", "uygulama": "application", "sunucu": "server",
    "depo": "storage store", "sakla": "store keep", "baglanti": "link url", "model": "model",
    "bellek": "memory", "hata": "error", "gizli": "secret hidden", "kimlik": "grant", "komut": "command",
    "yavas": "slow", "hiz": "speed performance", "sure": "seconds time", "calis": "run work",
    "saniye": "seconds", "dakika": "minute", "saat": "hour", "gun": "day", "test": "test",
    "veri": "data", "kaydet": "store log", "kaydedil": "store log", "etkin": "enable", "jeton": "token",
    "istemci": "client", "surum": "version", "guncelle": "upgrade", "ekran": "gpu", "kart": "gpu card",
    "lisans": "licence", "dili": "language", "seslendir": "voice", "bulut": "storage", "yedek": "backup",
    "kanal": "channel", "bagla": "connect", "hesapla": "computed", "kaynak": "source", "onbellek": "cache",
    "disari": "machine leaves", "makine": "machine", "belge": "documentation", "istek": "request",
    "kisi": "person", "taslak": "draft", "video": "video", "yukselt": "upgrade raise", "ilac": "drug",
    "belirti": "symptom", "sikayet": "complaint symptom", "semptom": "symptom", "antika": "antiques",
    "sifirlan": "window", "pasif": "hide", "kapat": "hide", "listede": "hide", "goster": "show",
    "kaldir": "remove", "dogrula": "verify", "dogrulan": "verify", "dosya": "file", "klasor": "folder",
}  # fmt: skip
_SAY_NOTHING: Final = frozenset(
    {"ver", "veril", "yap", "yapil", "ol", "olur", "et", "edil", "eder", "neden", "niye", "lazim", "gerek",
     "ister", "istiyor", "son", "ben", "benim", "sen", "senin", "bana", "soyle", "anlat"}
)  # fmt: skip
_BY_STEM: Final = {stem(word, "tr"): meaning.split() for word, meaning in _WORDS.items()}


def search_terms(question: str) -> list[list[str]]:
    """The telling words of a question, each with the stems that may stand for it in English text.

    A Turkish word that the glossary doesn't have stands for itself, as names and numbers do.
    """
    language: Language = guess_language(question)
    words = dict.fromkeys(terms(question.replace("_", " "), language))
    if language == "en":
        return [[word] for word in words]
    found = (_meanings(word) for word in words if not any(word[:n] in _SAY_NOTHING for n in _lengths(word)))
    return [list(dict.fromkeys(meanings)) for meanings in found]


def _meanings(word: str) -> list[str]:
    for length in _lengths(word):
        meant = _BY_STEM.get(word[:length])
        if meant is not None:
            return [stem(each, "en") for each in meant]
    return [word]


def _lengths(word: str) -> list[int]:
    """Of a word as it is and its beginnings of four letters and more, the longest first."""
    return [len(word), *range(len(word) - 1, 3, -1)]
