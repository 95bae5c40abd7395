"""Gems, antiques and figures by the command line as a user has them: fresh home, real server, no network."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import goods_answers as answers
import jsonschema
import loopback_source
import pytest
from raw_client import environment

from alya_mcp.tools import load_catalogue

HEADER = "id,species,carat,treatment,price_usd,sold_at"


@pytest.mark.slow
def test_goods_and_clones_answer_on_a_fresh_home(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")

    def alya(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "alya_mcp", *words, "--output", "json"],
            env={**env, **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def answer(tool: str, *words: str, **more: str) -> Any:
        ended = alya("call", tool, *words, **more)
        assert ended.returncode == 0, (ended.stdout, ended.stderr)
        found = json.loads(ended.stdout)["structuredContent"]
        jsonschema.validate(found, load_catalogue()[tool].output_schema)
        return found

    assert answer("alya_gem_appraise", "gemId=1")["basis"] == "sample"
    rows = [
        f"{n},Spinel,{1 + n / 20},none,{1000 * (1 + n / 20) ** 2:.2f},2026-0{1 + n % 6}-01" for n in range(30)
    ]
    table = tmp_path / "gems.csv"
    table.write_text("\n".join([HEADER, *rows, "ask,Spinel,1.5,none,,", "bad,Spinel,,,,"]))
    came = alya("gems", "import", str(table))
    assert (came.returncode, json.loads(came.stdout)["imported"]) == (1, 31)
    value = answer("alya_gem_appraise", "gemId=ask")
    assert value["basis"] == "import"
    assert value["valueUsd"] == pytest.approx(2250, rel=0.1)
    assert answer("alya_iconic_clones", "query=einstein")["figures"][0]["slug"] == "albert-einstein"
    alone = alya("call", "alya_clone_chat", "clone=albert-einstein", "message=Hi")
    assert alone.returncode == 1
    assert "ALYA_LLM_MODEL" in alone.stdout
    without = alya("call", "alya_antiques_undervalued", "query=silver teapot")
    assert without.returncode == 1
    assert "ALYA_EBAY_CLIENT_ID" in without.stdout
    with loopback_source.running() as source:
        source.on(answers.TOKEN, answers.token())
        source.on(answers.SEARCH, answers.page(*answers.teapots()))
        keys = {
            "ALYA_EBAY_URL": source.url,
            "ALYA_EBAY_CLIENT_ID": "client-id",
            "ALYA_EBAY_CLIENT_SECRET": "client-secret",
        }
        found = answer("alya_antiques_undervalued", "query=silver teapot", **keys)
        assert [each["url"] for each in found["listings"]] == ["https://www.ebay.com/itm/1"]
    kept = answer("alya_antiques_undervalued", "query=silver teapot", **keys)
    assert kept["sources"][0]["state"] == "cached"
