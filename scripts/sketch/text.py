"""Tokenisers and text encoders, built offline from the words that captions use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from meaning import COLOURS, ITEMS, SHAPES, SIZES
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast, T5Config, T5EncoderModel

PAD, UNK, START, END = "<pad>", "<unk>", "<s>", "</s>"
SLOTS = ("<bg>", "<o1>", "<o2>", "<o3>")
PROBES = tuple(f"<p{index}>" for index in range(8))
TEMPLATE = (*SLOTS, *PROBES)
NOUNS = ("<n1>", "<n2>", "<n3>")
T5_LENGTH = 48
CLIP_LENGTH = 40
T5_WIDTH = 128
CLIP_WIDTH = 64


MEANINGS: dict[str, tuple[str, ...]] = {
    "": (
        "of the picture",
        "of the image",
        "of the canvas",
        "hand side",
        "crescent(?= moon)",
        "through fields",
    ),
    "night": ("moon and stars", "moon and the stars", "under the stars", "night", "midnight", "moonlight"),
    "day": ("under the sun", "day", "sunny", "sunshine", "clear", "daylight"),
    "sunset": ("setting sun", "sunset", "sunrise", "dusk", "dawn", "evening"),
    "above": ("on top of", "high above", "floating over", "over", "above"),
    "on": ("in front of", "against", "on"),
    "below": ("under", "underneath", "beneath", "below"),
    "leftof": ("left of",),
    "rightof": ("right of",),
    "two": ("a pair of", "a couple of", "pair", "couple", "two", "2"),
    "three": ("a few", "few", "several", "three", "3", "four", "five", "many", "some"),
    ",": ("next to", "beside", "plus", "with", "and", "while", ";"),
    "red": ("red", "scarlet", "crimson"),
    "orange": ("orange",),
    "yellow": ("yellow", "golden", "gold"),
    "green": ("green",),
    "blue": ("blue", "navy"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "rose", "magenta"),
    "brown": ("brown",),
    "black": ("black",),
    "white": ("white",),
    "grey": ("grey", "gray"),
    "cyan": ("cyan", "turquoise", "aqua", "teal"),
    "small": ("small", "tiny", "little", "mini", "smaller"),
    "large": ("large", "big", "huge", "giant", "enormous", "larger", "bigger"),
    "circle": ("circles?", "discs?", "disks?", "balls?", "balloons?"),
    "square": ("squares?", "box", "boxes", "blocks?"),
    "triangle": ("triangles?", "pyramids?"),
    "star": ("star",),
    "stars": ("stars", "starry"),
    "heart": ("hearts?",),
    "ring": ("rings?", "hoops?", "donuts?", "doughnuts?"),
    "house": ("houses?", "cottages?", "cabins?", "homes?", "huts?"),
    "tree": ("trees?", "oaks?"),
    "boat": ("boats?", "sailboats?", "ships?", "yachts?"),
    "sun": ("suns?",),
    "moon": ("moons?", "crescents?"),
    "cloud": ("clouds?",),
    "left": ("left",),
    "right": ("right",),
    "top": ("top", "upper"),
    "bottom": ("bottom", "lower"),
    "centre": ("centre", "center", "middle", "centred", "centered"),
    "background": ("background", "backdrop"),
    "gradient": ("gradient", "fading"),
    "stripes": ("stripes", "striped", "stripe", "stripy"),
    "dots": ("polka dots?", "dots", "dotted", "spots", "spotted"),
    "checks": ("checkered", "chequered", "checkerboard", "checked", "chessboard", "checks"),
    "vertical": ("vertical",),
    "horizontal": ("horizontal",),
    "diagonal": ("diagonal",),
    "sky": ("sky",),
    "rain": ("rain", "rains", "rainy", "raining"),
    "sea": ("sea", "ocean", "water", "waves", "lake"),
    "meadow": ("meadow", "grass", "fields?", "hills?", "lawn"),
    "mountains": ("mountains?", "peaks", "alps"),
    "road": ("road", "street", "highway"),
    "snow": ("snow", "snowy", "snow capped", "winter"),
    "desert": ("desert", "sand", "sandy", "dunes", "beach"),
}
"""What the tokenisers make of words: patterns on the right become the word on the left; all other words are
dropped.
"""

_PASSED_OVER = """
    a an the of in at to is it that there from near by one side hand corner picture image canvas drawing
    painting illustration draw paint show me create make generate i want would like can you please thank
    scene photo sketch simple shapes flat design style digital art high quality minimal minimalist very
    beautiful clean crisp vector 4k nice pretty bright single lovely perfect cute solid plain pattern
    landscape long calm heavy dark falling weather during towards behind through front next
"""
FUNCTION_WORDS = tuple(_PASSED_OVER.split())
"""Words that change nothing; a person need not hear that they were ignored."""


def known_words() -> list[str]:
    """Every word the model makes use of or may pass over in silence, sorted."""
    words: set[str] = set(FUNCTION_WORDS)
    for target, patterns in MEANINGS.items():
        if target.isalpha() and target not in ("leftof", "rightof"):
            words.add(target)
        for pattern in patterns:
            for word in re.sub(r"\(.*?\)", "", pattern).split():
                if word.rstrip("?").isalnum():
                    words.add(word.rstrip("?"))
                    if word.endswith("s?"):
                        words.add(word[:-2])
    return sorted(words)


def _base() -> Tokenizer:
    kept = [word for word in MEANINGS if word]
    vocabulary = {
        token: index for index, token in enumerate((PAD, UNK, START, END, *TEMPLATE, *NOUNS, *kept))
    }
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNK))
    steps: list[normalizers.Normalizer] = [
        normalizers.NFKD(),
        normalizers.StripAccents(),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"[.:!?;]+"), " , "),
        normalizers.Replace(Regex(r"[^\w,]+|_"), " "),
        normalizers.Replace(Regex(r" (the|an|a) (?=pair|couple|few)"), " "),
    ]
    for target, patterns in MEANINGS.items():
        words = [pattern for pattern in patterns if pattern not in (target, ";")]
        if words:
            steps.append(normalizers.Replace(Regex(r"\b(?:" + "|".join(words) + r")\b"), f" {target} "))
    plain = "|".join(word for word in kept if word != ",")
    steps.append(normalizers.Replace(Regex(rf"\b(?!(?:{plain})\b)\w+"), " "))
    steps.append(normalizers.Replace(Regex(r"(?:\s*,)+\s*"), " , "))
    steps.append(normalizers.Replace(Regex(r"\s+"), " "))
    steps.append(normalizers.Replace(Regex(r"\bmoon , stars\b"), "night"))
    tones = "|".join((*COLOURS, *SIZES))
    steps.append(normalizers.Replace(Regex(rf"\b(?:two|three)(?: (?:{tones}))*\K stars"), " star"))
    nouns = rf"\b(?:{'|'.join((*SHAPES, *ITEMS))})\b"
    before = r"\A"
    for mark in NOUNS:
        steps.append(normalizers.Replace(Regex(rf"{before}(?:(?!{nouns}).)*\K(?={nouns})"), f"{mark} "))
        before = rf"\A.*?{mark} \w+"
    steps.append(normalizers.Replace(Regex(r"^[ ,]+|[ ,]+$"), ""))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def tokenizers() -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
    """The tokeniser for CLIP (start and end marks) and for T5 (slots and probes before the words, end
    mark).
    """
    clip = _base()
    clip.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(START, clip.token_to_id(START)), (END, clip.token_to_id(END))],
    )
    five = _base()
    marks = (*TEMPLATE, END)
    five.post_processor = processors.TemplateProcessing(
        single=" ".join((*TEMPLATE, "$A", END)),
        special_tokens=[(mark, five.token_to_id(mark)) for mark in marks],
    )
    common = {"pad_token": PAD, "unk_token": UNK, "eos_token": END, "padding_side": "right"}
    return (
        PreTrainedTokenizerFast(
            tokenizer_object=clip, bos_token=START, model_max_length=CLIP_LENGTH, **common
        ),
        PreTrainedTokenizerFast(tokenizer_object=five, model_max_length=T5_LENGTH, **common),
    )


def encoders(vocabulary: int) -> tuple[CLIPTextModel, T5EncoderModel]:
    """Untrained text encoders for a vocabulary of that many tokens."""
    clip = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=CLIP_WIDTH,
            intermediate_size=2 * CLIP_WIDTH,
            projection_dim=CLIP_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=CLIP_LENGTH,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
            attention_dropout=0.0,
        )
    )
    five = T5EncoderModel(
        T5Config(
            vocab_size=vocabulary,
            d_model=T5_WIDTH,
            d_kv=16,
            d_ff=256,
            num_layers=3,
            num_heads=8,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            pad_token_id=0,
            eos_token_id=3,
            is_encoder_decoder=False,
            use_cache=False,
        )
    )
    _look_around(five)
    return clip, five


@torch.no_grad()
def _look_around(five: T5EncoderModel) -> None:
    """Start six of the eight heads on the neighbours: one, two, three or four words before or after.

    T5 keeps distances below 8 in a bucket each: 0 to 7 before, 17 to 23 after.
    """
    bias = five.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    bias.zero_()
    for head, buckets in enumerate(((1,), (2,), (3, 4), (17,), (18,), (19, 20))):
        bias[list(buckets), head] = 5.0


def save_words(words: list[str], path: Path) -> None:
    """Write the vocabulary as a JSON list."""
    path.write_text(json.dumps(words, indent=0) + "\n", encoding="utf-8")
