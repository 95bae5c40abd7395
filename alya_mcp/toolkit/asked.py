"""Questions that lead to a tool, from the `questions.toml` beside its module."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolQuestions:
    """How users ask for a tool: `turkish` says what it does, `questions` are examples."""

    turkish: str | None = None
    questions: tuple[str, ...] = ()


def read_asked(folder: Path, tool: str) -> ToolQuestions:
    """What `folder` says of `tool`; nothing when it has no entry there."""
    given = _entries(folder / "questions.toml").get(tool)
    return ToolQuestions() if given is None else ToolQuestions(given["turkish"], tuple(given["questions"]))


@cache
def _entries(file: Path) -> Mapping[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
