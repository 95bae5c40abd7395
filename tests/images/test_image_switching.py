"""Several models in one renderer: beside each other where they fit, else one in the place of another."""

from collections.abc import Callable
from pathlib import Path

import pytest
from stage import a_job

from alya_mcp.errors import NotConfigured
from alya_mcp.images.engine import Picture
from alya_mcp.images.flux import model_manager
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.plan import Machine
from alya_mcp.images.renderer import RenderRequest

MB = 10**6

_OF_A_PREVIEW = 8
"""Latents a side."""


class Told(list[str]):
    """What was said while a model was loaded."""

    def __call__(self, phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
        del at, until
        if phase == "load":
            self.append(message)


@pytest.fixture
def renderer() -> FluxRenderer:
    return FluxRenderer()


def asked(model: Path | str, precision: str = "auto", *, download: bool = True) -> RenderRequest:
    return RenderRequest(model=str(model), precision=precision, job=None, download=download)


def draw(renderer: FluxRenderer, model: Path | str, told: Told, precision: str = "auto") -> Picture:
    told.clear()
    return renderer.render(asked(model, precision), a_job(), told)


def test_models_that_fit_stay_beside_each_other_and_the_way_back_loads_nothing(
    renderer: FluxRenderer, tiny: Path, tiny_klein: Path, tiny_z_image: Path
):
    told = Told()
    first = draw(renderer, tiny, told)
    assert told[-1] == "Loading tiny"
    second = draw(renderer, tiny_klein, told)
    assert told == ["Loading tiny-klein beside tiny"]
    assert (renderer.status().model, renderer.status().others) == ("tiny-klein", ("tiny",))
    assert draw(renderer, tiny, told) == first
    assert told == ["Going back to tiny, which is still loaded"]
    assert draw(renderer, tiny_klein, told) == second
    assert draw(renderer, tiny_z_image, told).model == "tiny-z-image"
    assert renderer.status().others == ("tiny", "tiny-klein")
    assert first.pixels != second.pixels


def crowded(monkeypatch: pytest.MonkeyPatch, renderer: FluxRenderer, together: int) -> None:
    """A machine on which as many models fit as `together`; each takes 200 MB, whatever it really has."""

    def look(limit: int | None) -> Machine:
        del limit
        models = len(renderer.models.shelf.names) + (renderer.models.loaded is not None)
        free = 330 * MB + 200 * MB * (together - 1 - models)
        return Machine(device="cpu", name="this machine", free=free, total=10**9, main=free)

    monkeypatch.setattr(model_manager, "survey", look)


@pytest.mark.parametrize("together", [1, 2])
def test_a_model_takes_the_place_of_the_one_not_used_for_longest_and_says_so(
    renderer: FluxRenderer,
    tiny: Path,
    tiny_klein: Path,
    tiny_z_image: Path,
    monkeypatch: pytest.MonkeyPatch,
    together: int,
):
    crowded(monkeypatch, renderer, together)
    told = Told()
    draw(renderer, tiny, told)
    draw(renderer, tiny_klein, told)
    assert told == [f"Loading tiny-klein {'in place of' if together == 1 else 'beside'} tiny"]
    draw(renderer, tiny_z_image, told)
    gone = "tiny-klein" if together == 1 else "tiny"
    assert told == [f"Loading tiny-z-image in place of {gone}"]
    assert renderer.status().others == (() if together == 1 else ("tiny-klein",))


def test_a_model_in_another_precision_takes_its_own_place(
    renderer: FluxRenderer, tiny: Path, tiny_klein: Path
):
    told = Told()
    draw(renderer, tiny_klein, told)
    draw(renderer, tiny, told)
    draw(renderer, tiny_klein, told, "int8")
    assert told == ["Loading tiny-klein beside tiny"]
    assert renderer.status().others == ("tiny",)
    draw(renderer, tiny, told, "int8")
    assert renderer.status().others == ("tiny-klein",)


def test_models_beside_the_one_that_draws_go_first_when_memory_ends(
    renderer: FluxRenderer, tiny: Path, tiny_klein: Path, monkeypatch: pytest.MonkeyPatch
):
    import torch

    told = Told()
    draw(renderer, tiny, told)
    whole = draw(renderer, tiny_klein, told)
    assert renderer.models.loaded is not None
    artist = renderer.models.loaded.artist
    real: Callable[..., object] = artist.decode
    failures = [torch.OutOfMemoryError("CUDA out of memory")]

    def decode(scaled: torch.Tensor) -> object:
        if failures and scaled.shape[-1] > _OF_A_PREVIEW:
            raise failures.pop()
        return real(scaled)

    monkeypatch.setattr(artist, "decode", decode)
    picture = draw(renderer, tiny_klein, told)
    assert "Memory was short: tiny unloaded" in str(picture.notice)
    assert picture.pixels == whole.pixels
    assert renderer.status().others == ()


def test_a_chosen_model_whose_weights_are_not_here_is_not_downloaded_and_costs_nothing(
    renderer: FluxRenderer, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    told = Told()
    draw(renderer, tiny, told)
    with pytest.raises(NotConfigured, match="someone/pictures"):
        renderer.prepare(asked("someone/pictures", download=False), told)
    assert renderer.status().model == "tiny"
