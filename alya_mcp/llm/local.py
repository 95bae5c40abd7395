"""A local language model: a folder that transformers loads, run on the CPU.

The GPU belongs to the image worker, so it isn't used. Nothing is fetched, and no code that comes
with a model is run.
"""

import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from alya_mcp.errors import NotConfigured, NotInstalled
from alya_mcp.llm.interface import Message, whole
from alya_mcp.net.answers import SourceFailed
from alya_mcp.runtime.threads import run_abandonable
from alya_mcp.settings.providers import Source

LOCAL: Final = Source(key="ask_model", title="the local model", url="")
_LONGEST: Final = 320
"""Tokens of an answer."""
_DEADLINE: Final = 60.0
"""Seconds after which an answer that isn't finished is given up."""


class LocalModel:
    """The model in a folder; loaded at the first question and kept."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._folder = folder
        self._turn = threading.Lock()
        self._parts: tuple[Any, Any] | None = None

    async def answer(self, system: str, messages: Sequence[Message]) -> str:
        """See `LanguageModel`; one question at a time.

        Raises:
            NotInstalled: the image extra, which brings transformers, is missing.
            NotConfigured: there is no model in the folder.
            SourceFailed: the answer isn't whole.
        """
        return await run_abandonable(lambda: self._answer(system, messages))

    def _answer(self, system: str, messages: Sequence[Message]) -> str:
        with self._turn:
            if self._parts is None:
                self._parts = self._load()
            tokenizer, model = self._parts
            asked = [{"role": "system", "content": system}, *(each.as_json() for each in messages)]
            if getattr(tokenizer, "chat_template", None):
                text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
            else:
                text = "\n\n".join(each["content"] for each in asked) + "\n\n"
            given = tokenizer(text, return_tensors="pt", add_special_tokens=False)
            longest = getattr(model.config, "max_position_embeddings", None)
            length = int(given["input_ids"].shape[1])
            if longest is not None and length + _LONGEST > longest:
                raise SourceFailed(LOCAL, f"takes {longest} tokens, and question and sources have {length}")
            made = model.generate(
                **given,
                max_new_tokens=_LONGEST,
                do_sample=False,
                max_time=_DEADLINE,
                pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
            )
            new = made[0][length:]
            ended = len(new) > 0 and int(new[-1]) == tokenizer.eos_token_id
            said = tokenizer.decode(new, skip_special_tokens=True)
            return whole(LOCAL, said, ended=ended, because="length or time")

    def _load(self) -> tuple[Any, Any]:
        try:
            import_module("torch")  # without it transformers imports and says nothing useful
            from safetensors import SafetensorError

            transformers: Any = import_module("transformers")
            tokenizers, models = transformers.AutoTokenizer, transformers.AutoModelForCausalLM
        except ImportError:
            raise NotInstalled("A local model (ALYA_ASK_MODEL)", "image") from None
        if not (self._folder / "config.json").is_file():
            raise NotConfigured(
                f"ALYA_ASK_MODEL: there is no model in the folder {self.name!r} (no config.json); it takes a "
                "folder as transformers saves one"
            )
        kept: Any = {"local_files_only": True, "trust_remote_code": False}
        try:
            tokenizer = tokenizers.from_pretrained(self._folder, **kept)
            model = models.from_pretrained(self._folder, use_safetensors=True, **kept).eval()
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            kind = type(error).__name__
            raise NotConfigured(
                f"ALYA_ASK_MODEL: the model in {self.name!r} can't be loaded ({kind}); it takes a folder "
                "with a causal language model in safetensors and its tokenizer"
            ) from error
        return tokenizer, model
