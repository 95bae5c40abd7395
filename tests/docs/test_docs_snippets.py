"""What the pages show as JSON, YAML and Python can be read, and a policy among it can be used."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import run_here
from pages import PAGES, blocks, name_of
from raw_client import environment

READ = {"json": json.loads, "yaml": yaml.safe_load, "python": lambda text: compile(text, "page", "exec")}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_snippet_can_be_read_and_every_policy_used(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        value: Any = READ.get(block.language, str)(block.text)
        if isinstance(value, dict) and {"version", "default"} <= value.keys():
            (tmp_path / f"policy.{block.language}").write_text(block.text, encoding="utf-8")
            words = ("policy", "check", f"policy.{block.language}")
            checked = run_here(words, environment(tmp_path / "home"), tmp_path)
            assert checked.code == 0, checked.out + checked.err
