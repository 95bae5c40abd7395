"""A tokenizer with a few words, for benchmarks and tests."""

import importlib
from typing import Any, Final

_PAD, _END, _UNKNOWN = "<pad>", "</s>", "<unk>"
_WORDS: Final = (_PAD, _END, _UNKNOWN, "a", "the", "of", "red", "blue", "circle", "on", "background")


def word_tokenizer(length: int) -> Any:
    """A tokenizer for prompts of at most `length` tokens."""
    transformers: Any = importlib.import_module("transformers")
    tokenizers: Any = importlib.import_module("tokenizers")
    vocabulary = {word: number for number, word in enumerate(_WORDS)}
    plain = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=_UNKNOWN))
    plain.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    plain.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"$A {_END}", special_tokens=[(_END, vocabulary[_END])]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain,
        pad_token=_PAD,
        eos_token=_END,
        unk_token=_UNKNOWN,
        model_max_length=length,
    )
