"""A script without a language model: questions about the topic, which state no facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alya_mcp.text.words import Language
from alya_mcp.tools.youtube.logic.script import LONGEST_HEADING, Scene, plain, sentences, shortened
from alya_mcp.tools.youtube.logic.timing import WORDS_PER_SECOND

_PER_QUESTION: Final = 13.0
"""Seconds that one question gets where there is room for more than one."""
_PER_END: Final = 10.0
"""Seconds of the opening and of the closing."""
_FILLED: Final = 0.85
"""The share of the video in which something is said, at most."""

_Question = tuple[str, str, str, str]
"""What is shown, the line under it, what is said, and what is said besides in a longer video."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The sentences of one language; `{n}` is their number, `{questions}` says it, `{topic}` is the topic."""

    one: str
    many: str
    opening_point: str
    opening: str
    kicker: str
    closing: str
    closing_point: str
    closing_said: str
    titles: tuple[str, ...]
    summary: str
    chapters: str
    questions: Sequence[_Question]


_ENGLISH: Final = _Words(
    one="one question",
    many="{n} questions",
    opening_point="{questions} to ask first",
    opening="{topic}. Before looking for answers, here is what to ask first.",
    kicker="Question {i} of {n}",
    closing="Now it is your turn",
    closing_point="Write an answer down today",
    closing_said="Now it is your turn. Start with what you can answer today, and write your answer down.",
    titles=("{topic}", "{topic}: {questions} to ask first", "Before you start: {topic}"),
    summary="{topic}: {questions} to ask before looking for answers.\n\n"
    "This is an outline. It asks questions and states no facts.",
    chapters="Chapters",
    questions=(
        (
            "What is it, in one sentence?",
            "Plain words, no jargon",
            "What is it, in one plain sentence? Use words that someone new to it would understand.",
            "If the sentence comes out long, the idea is not clear yet. Cut it until only the core is left.",
        ),
        (
            "Why does it matter now?",
            "What changed, and for whom",
            "Why does it matter now, and not five years ago? Name the change that makes it worth a look.",
            "If nothing changed, that is an answer too. Say what has stayed the same.",
        ),
        (
            "How does it work?",
            "Step by step",
            "How does it work, step by step? Put the steps in order and look for the one you can't explain.",
            "That step is where the reading should begin. The rest can wait.",
        ),
        (
            "Who is it for?",
            "And who is it not for",
            "Who is it for, and who is it not for? Think of one person, and say what they would do with it.",
            "Give that person a name, a day and a problem.",
        ),
        (
            "What does it cost?",
            "Money, time, attention",
            "What does it cost, in money, time and attention? Count what is paid later as well.",
            "Then ask what the same effort would bring somewhere else.",
        ),
        (
            "What could go wrong?",
            "The most likely way first",
            "What could go wrong? Start with the most likely way, and not with the most dramatic one.",
            "For each, ask how early it would show, and what could still be done then.",
        ),
        (
            "What do people get wrong?",
            "Popular, and still untrue?",
            "What do people often believe about it, and who has checked that? Find the first source.",
            "Repetition is not evidence. Look for the check itself.",
        ),
        (
            "How would you know?",
            "Evidence that could prove it wrong",
            "How would you know that it is true? Look for the evidence that could have proved you wrong.",
            "If no result could have done that, keep looking.",
        ),
        (
            "What are the alternatives?",
            "Including doing nothing",
            "What are the alternatives? Put doing nothing on the list, and compare it fairly.",
            "Then hold everything else against the best one.",
        ),
        (
            "Who has done it before?",
            "And what they would change",
            "Who has done it before, and what would they do differently? Ask someone who failed, too.",
            "Ask both what they would keep, and what they would drop.",
        ),
        (
            "Where do you start?",
            "The smallest useful step",
            "Where do you start? Choose the smallest step that teaches something real.",
            "Choose one that fits into an afternoon, and put it in the calendar.",
        ),
        (
            "What would change your mind?",
            "Say it before you look",
            "What would change your mind? Say it before you look, so that you notice when it happens.",
            "Write it down with today's date, and read it again when you are done.",
        ),
    ),
)

_TURKISH: Final = _Words(
    one="bir soru",
    many="{n} soru",
    opening_point="Önce sorulacak {questions}",
    opening="{topic}. Yanıtları aramadan önce ne sorulmalı, ona bakalım.",
    kicker="Soru {i} / {n}",
    closing="Sıra sizde",
    closing_point="Bugün bir yanıt yazın",
    closing_said="Sıra sizde. Bugün yanıtlayabileceğiniz sorudan başlayın ve yanıtınızı yazın.",
    titles=("{topic}", "{topic}: Önce sorulacak {questions}", "Başlamadan önce: {topic}"),
    summary="{topic}: yanıt aramadan önce sorulacak {questions}.\n\n"
    "Bu bir taslaktır. Soru sorar, hiçbir olgu ileri sürmez.",
    chapters="Bölümler",
    questions=(
        (
            "Tek cümleyle nedir?",
            "Yalın sözcüklerle",
            "Tek ve yalın bir cümleyle nedir? Konuya yabancı birinin anlayacağı sözcükler kullanın.",
            "Cümle uzuyorsa fikir henüz açık değildir. Yalnızca özü kalana kadar kısaltın.",
        ),
        (
            "Neden şimdi önemli?",
            "Ne değişti, kimin için",
            "Neden beş yıl önce değil de şimdi önemli? Bakmaya değer kılan değişikliğin adını koyun.",
            "Hiçbir şey değişmediyse bu da bir yanıttır. Aynı kalanı söyleyin.",
        ),
        (
            "Nasıl işler?",
            "Adım adım",
            "Adım adım nasıl işler? Adımları sıraya koyun ve açıklayamadığınız adımı bulun.",
            "Okumaya oradan başlanır. Gerisi bekleyebilir.",
        ),
        (
            "Kimin için?",
            "Ve kimin için değil",
            "Kimin için, kimin için değil? Bir kişi düşünün ve onunla ne yapacağını söyleyin.",
            "O kişiye bir ad, bir gün ve bir sorun verin.",
        ),
        (
            "Neye mal olur?",
            "Para, zaman, dikkat",
            "Para, zaman ve dikkat olarak neye mal olur? Sonradan ödeneni de sayın.",
            "Sonra aynı emeğin başka yerde ne getireceğini sorun.",
        ),
        (
            "Ne ters gidebilir?",
            "En olası olandan başlayın",
            "Ne ters gidebilir? En ürkütücü olandan değil, en olası olandan başlayın.",
            "Her biri için ne kadar erken görüleceğini ve o zaman ne yapılabileceğini sorun.",
        ),
        (
            "Nerede yanılıyoruz?",
            "Yaygın ama doğru mu?",
            "Bu konuda sık sık neye inanılır ve bunu kim denetledi? İlk kaynağı bulun.",
            "Yineleme kanıt değildir. Denetimin kendisini arayın.",
        ),
        (
            "Nereden bilinir?",
            "Hayır diyebilen kanıt",
            "Doğru olduğu nereden bilinir? Hayır diyebilecek olan kanıtı arayın.",
            "Hiçbir sonuç hayır diyemiyorsa aramayı sürdürün.",
        ),
        (
            "Başka hangi yollar var?",
            "Hiçbir şey yapmamak dahil",
            "Başka hangi yollar var? Hiçbir şey yapmamayı da listeye koyup adilce karşılaştırın.",
            "Sonra ötekileri en iyisiyle karşılaştırın.",
        ),
        (
            "Daha önce kim yaptı?",
            "Neyi değiştirirdi",
            "Daha önce kim yaptı ve neyi farklı yapardı? Başaramayan birine de sorun.",
            "İkisine de neyi koruyup neyi bırakacaklarını sorun.",
        ),
        (
            "Nereden başlanır?",
            "En küçük yararlı adım",
            "Nereden başlanır? Gerçek bir şey öğreten en küçük adımı seçin.",
            "Bir öğleden sonraya sığan adımı seçin ve takvime yazın.",
        ),
        (
            "Fikrinizi ne değiştirir?",
            "Bakmadan önce söyleyin",
            "Fikrinizi ne değiştirir? Bakmadan önce söyleyin ki olduğunda fark edesiniz.",
            "Bugünün tarihiyle yazın ve bitince yeniden okuyun.",
        ),
    ),
)
_WORDS: Final[dict[Language, _Words]] = {"en": _ENGLISH, "tr": _TURKISH}


@dataclass(frozen=True, slots=True)
class ScriptDraft:
    """A script and the words around it."""

    scenes: tuple[Scene, ...]
    titles: tuple[str, ...]
    summary: str
    chapters_heading: str


def outline(topic: str, seconds: float, language: Language) -> ScriptDraft:
    """A script about `topic` for a video of `seconds`: an opening, questions, a closing.

    The longer the video, the more questions, and in a long one more is said about each.
    """
    words = _WORDS[language]
    name = plain(topic)
    name = _capital(name)
    count = max(1, min(len(words.questions), int((seconds - 2 * _PER_END) / _PER_QUESTION)))
    questions = words.one if count == 1 else words.many.format(n=count)
    fill = {"questions": questions, "topic": name}
    said = name.rstrip(".!?\u2026")
    opening = sentences(words.opening.format(topic=shortened(said, 120)))
    closing = sentences(words.closing_said)
    room = _FILLED * seconds * WORDS_PER_SECOND - sum(len(each.split()) for each in (*opening, *closing))
    room -= sum(len(short.split()) for _, _, short, _ in words.questions[:count])
    scenes = [
        Scene(
            heading=shortened(name, LONGEST_HEADING),
            point=_capital(words.opening_point.format(**fill)),
            narration=opening,
            picture=f"{shortened(name, 200)}, wide establishing view",
        )
    ]
    for index, (heading, point, short, more) in enumerate(words.questions[:count], 1):
        room -= len(more.split())
        scenes.append(
            Scene(
                heading=heading,
                point=point,
                kicker=words.kicker.format(i=index, n=count),
                narration=sentences(f"{short} {more}" if room >= 0 else short),
                picture=f"{shortened(name, 200)}, detail {index}",
            )
        )
    scenes.append(
        Scene(
            heading=words.closing,
            point=words.closing_point,
            narration=closing,
            picture=f"{shortened(name, 200)}, calm closing view",
        )
    )
    return ScriptDraft(
        scenes=tuple(scenes),
        titles=tuple(title.format(**fill) for title in words.titles),
        summary=words.summary.format(**fill),
        chapters_heading=words.chapters,
    )


def chapters_heading(language: Language) -> str:
    """The line above the chapters in a description."""
    return _WORDS[language].chapters


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
