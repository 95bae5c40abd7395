"""Which model a call may choose, and what it is told of one that it may not."""

from pathlib import Path

import pytest

from alya_mcp.errors import InvalidInput
from alya_mcp.settings import Settings
from alya_mcp.tools.images.choice import chosen_model


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        image_model="flux-schnell",
        image_models=("flux2-klein-4b", "sketch", "/models/my-flux", "owner/name"),
    )


@pytest.mark.parametrize(
    ("word", "chosen"),
    [
        (None, None),
        ("flux-schnell", None),
        ("FLUX.1-schnell", None),
        ("black-forest-labs/FLUX.1-schnell", None),
        ("flux2-klein-4b", "flux2-klein-4b"),
        ("FLUX.2-klein-4B", "flux2-klein-4b"),
        ("black-forest-labs/flux.2-klein-4b", "flux2-klein-4b"),
        ("sketch", "sketch"),
        ("my-flux", "/models/my-flux"),
        ("owner/name", "owner/name"),
    ],
)
def test_an_enabled_model_is_chosen_by_any_of_its_names(
    settings: Settings, word: str | None, chosen: str | None
) -> None:
    assert chosen_model(settings, word) == chosen


def test_auto_goes_by_the_name_of_what_it_looks_for(tmp_path: Path) -> None:
    assert chosen_model(Settings(home=tmp_path), "flux-schnell") is None
    with pytest.raises(InvalidInput):
        chosen_model(Settings(home=tmp_path), "sketch")


def test_a_known_model_that_is_not_enabled_is_told_with_what_to_do(settings: Settings) -> None:
    with pytest.raises(InvalidInput) as raised:
        chosen_model(settings, "Z-Image-Turbo")
    said = str(raised.value)
    assert "add z-image-turbo to ALYA_IMAGE_MODELS" in said
    assert "alya-mcp model pull z-image-turbo" in said
    assert "flux-schnell, flux2-klein-4b, sketch, my-flux, owner/name" in said
    assert "/models" not in said


@pytest.mark.parametrize("word", ["nonsense", "/models/other", "random:flux-schnell", "auto"])
def test_anything_else_is_refused(settings: Settings, word: str) -> None:
    with pytest.raises(InvalidInput, match="isn't enabled here"):
        chosen_model(settings, word)
