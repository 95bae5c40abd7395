"""Licences that allow no commercial use: nothing of such a model is used before the user has accepted it."""

import json
from pathlib import Path

import pytest
from stage import Steps, a_job

from alya_mcp.errors import NotConfigured
from alya_mcp.images.families import KLEIN_4B, KLEIN_9B
from alya_mcp.images.licences import accept, is_accepted, licensed, require_accepted
from alya_mcp.images.local import LocalEngine
from alya_mcp.settings import Settings

NAMES = (KLEIN_9B.setting, KLEIN_9B.name, KLEIN_9B.repository)
HUB_IDS = ("black-forest-labs/FLUX.1-dev", "black-forest-labs/FLUX.1-Krea-dev")


@pytest.mark.anyio
@pytest.mark.parametrize("model", [*NAMES, *HUB_IDS, HUB_IDS[0].upper()])
async def test_the_engine_asks_no_worker_for_it(alya_home: Path, model: str) -> None:
    engine = LocalEngine(Settings(home=alya_home, image_model=model), command=("/no/such/program",))
    setting = "flux2-klein-9b" if model in NAMES else model
    with pytest.raises(NotConfigured, match=f"(?i){setting}"):
        await engine.render(a_job(), Steps())
    await engine.aclose()


def test_what_was_accepted_is_kept_and_is_this_model_under_this_licence(alya_home: Path) -> None:
    assert is_accepted(alya_home, KLEIN_4B)
    assert not is_accepted(alya_home, KLEIN_9B)
    accept(alya_home, KLEIN_9B)
    assert is_accepted(alya_home, KLEIN_9B)
    for name in (*NAMES, "auto", "owner/name"):
        require_accepted(alya_home, name)
    for name in HUB_IDS:
        one = licensed(name)
        assert one is not None
        accept(alya_home, one)
        require_accepted(alya_home, name)
    file = alya_home / "accepted-licences.json"
    assert file.stat().st_mode & 0o777 == 0o600
    noted = json.loads(file.read_text())
    noted[KLEIN_9B.repository]["licence"] = "another"
    file.write_text(json.dumps(noted))
    assert not is_accepted(alya_home, KLEIN_9B)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"black-forest-labs/FLUX.2-klein-9B": true}'])
def test_a_damaged_note_accepts_nothing(alya_home: Path, text: str) -> None:
    (alya_home / "accepted-licences.json").write_text(text)
    with pytest.raises(NotConfigured, match="no commercial use"):
        require_accepted(alya_home, KLEIN_9B.setting)
