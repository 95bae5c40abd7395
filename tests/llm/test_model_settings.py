"""The variables of language models and of web search: read, refused, and what they open."""

from pathlib import Path

import pytest
from moved import TLS

from alya_mcp.llm import open_model
from alya_mcp.net.client import Http
from alya_mcp.settings import Settings, SettingsError

pytestmark = pytest.mark.anyio


def read(home: Path, **variables: str) -> Settings:
    return Settings.from_environment({"ALYA_HOME": str(home), **variables})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALYA_LLM_KIND", "gpt"),
        ("ALYA_WEB_DDGS", "perhaps"),
        ("ALYA_WEB_KEYLESS", "never"),
        ("ALYA_ASK_MODEL", "models/x"),
        ("ALYA_LLM_URL", "x"),
    ],
)
def test_a_value_that_cant_be_used_ends_the_start(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        read(tmp_path, **{variable: value})


@pytest.mark.parametrize("kind", ["openai", "anthropic", "ollama"])
async def test_a_models_name_turns_it_on(tmp_path: Path, kind: str) -> None:
    off = read(tmp_path, ALYA_LLM_KIND=kind, ALYA_LLM_KEY="k")
    on = read(tmp_path, ALYA_LLM_KIND=kind, ALYA_LLM_KEY="k", ALYA_LLM_MODEL="a-model")
    http = Http(on, tls=TLS)
    model = open_model(on, http)
    assert model is not None
    assert model.name == "a-model"
    assert type(model).__name__.lower() == kind
    assert open_model(off, http) is None
    await http.aclose()
