"""Which model draws, and what the user is told of it."""

import json
from pathlib import Path

import pytest

from alya_mcp.errors import NotConfigured
from alya_mcp.images import models
from alya_mcp.images.families import SCHNELL
from alya_mcp.images.models import choose
from alya_mcp.images.plan import Machine, weigh
from alya_mcp.images.weights import cached

GB = 10**9
CPU = Machine(device="cpu", name="this machine", free=20 * GB, total=24 * GB, main=20 * GB)
SMALL_GPU = Machine(
    device="cuda", name="a small card", free=2 * GB, total=4 * GB, main=20 * GB, capability=(8, 9)
)
LARGE_GPU = Machine(
    device="cuda", name="a large card", free=80 * GB, total=80 * GB, main=20 * GB, capability=(9, 0)
)
OLD_GPU = Machine(
    device="cuda", name="an old card", free=22 * GB, total=24 * GB, main=20 * GB, capability=(7, 5)
)
FULL_GPU = Machine(
    device="cpu",
    name="this machine",
    free=20 * GB,
    total=24 * GB,
    main=20 * GB,
    passed_over="the card has 0.1 GB free of 24.0 GB",
)


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the bundled model's."""
    folder = tmp_path / "sketch"
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    monkeypatch.setattr(models, "SKETCH_FOLDER", folder)
    return folder


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache; returns the snapshot folder that FLUX.1-schnell would have in it."""
    import huggingface_hub.constants as constants

    hub = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
    repository = hub / f"models--{SCHNELL.repository.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    return repository / "snapshots" / ("a" * 40)


def fill(snapshot: Path, *, shards: int) -> None:
    """The files of a pipeline with a transformer of two shards, of which `shards` are there."""
    (snapshot / "transformer").mkdir(parents=True)
    (snapshot / "scheduler").mkdir()
    (snapshot / "scheduler" / "scheduler_config.json").write_text("{}")
    index = {
        "_class_name": "FluxPipeline",
        "transformer": ["diffusers", "F"],
        "scheduler": ["diffusers", "S"],
    }
    (snapshot / "model_index.json").write_text(json.dumps(index))
    (snapshot / "transformer" / "config.json").write_text("{}")
    weights = {"a": "one.safetensors", "b": "two.safetensors"}
    (snapshot / "transformer" / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": weights})
    )
    for name in list(weights.values())[:shards]:
        (snapshot / "transformer" / name).write_bytes(b"")


def test_auto_draws_with_flux_where_it_fits_and_its_weights_are_here(bundled: Path, hub_cache: Path):
    fill(hub_cache, shards=2)
    choice = choose("auto", LARGE_GPU)
    assert (choice.name, choice.notice, choice.folder) == ("FLUX.1-schnell", None, hub_cache)


@pytest.mark.parametrize(
    ("machine", "shards", "reason"),
    [
        (CPU, 2, "needs a GPU"),
        (SMALL_GPU, 2, "a small card has 2.0 GB free of 4.0 GB"),
        (OLD_GPU, 2, "an old card has compute capability 7.5"),
        (FULL_GPU, 2, "none that can be used (the card has 0.1 GB free of 24.0 GB)"),
        (LARGE_GPU, 0, "weights of FLUX.1-schnell are not on this machine"),
        (LARGE_GPU, 1, "weights of FLUX.1-schnell are not on this machine"),
    ],
)
def test_auto_falls_back_to_the_bundled_model_and_says_why_and_how_to_get_flux(
    bundled: Path, hub_cache: Path, machine: Machine, shards: int, reason: str
):
    fill(hub_cache, shards=shards)
    choice = choose("auto", machine)
    assert (choice.name, choice.folder, choice.full_precision) == ("alya-sketch", bundled, True)
    assert choice.notice is not None
    assert "not by FLUX.1-schnell" in choice.notice
    assert reason in choice.notice
    assert "from 4 GB on" in choice.notice or "alya-mcp model pull" in choice.notice


def test_the_sketch_model_is_taken_when_asked_for_and_never_passed_off_as_flux(bundled: Path):
    choice = choose("sketch", LARGE_GPU)
    assert choice.name == "alya-sketch"
    assert choice.notice is not None
    assert "not by FLUX.1-schnell" in choice.notice
    assert "34 GB" not in choice.notice


def test_a_missing_bundled_model_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "SKETCH_FOLDER", tmp_path / "none")
    with pytest.raises(NotConfigured, match="bundled model is missing"):
        choose("sketch", CPU)


@pytest.mark.parametrize("name", ["flux-schnell", SCHNELL.repository])
def test_flux_that_cannot_fit_is_refused_with_the_figures(name: str, hub_cache: Path):
    with pytest.raises(NotConfigured, match=r"needs 2\.\d GB .* a small card has 2\.0 GB free of 4\.0 GB"):
        choose(name, SMALL_GPU)
    with pytest.raises(NotConfigured, match="34"):
        choose(name, CPU)
    with pytest.raises(NotConfigured, match=r"can't be used: the card has 0\.1 GB free of 24\.0 GB\. Set"):
        choose(name, FULL_GPU)


def test_a_hub_id_is_named_in_the_notice(hub_cache: Path):
    choice = choose("someone/some-flux", LARGE_GPU)
    assert choice.repository == choice.name == "someone/some-flux"
    assert choice.notice == "Drawn with someone/some-flux, not with FLUX.1-schnell"


@pytest.mark.parametrize(
    "wanted", ["../up", "name", "a/b/c", "a b/c", "-x/y", "./here", "~no-such-user/model"]
)
def test_what_is_neither_a_full_path_nor_a_hub_id_is_refused(wanted: str):
    with pytest.raises(NotConfigured, match="'auto'"):
        choose(wanted, CPU)


@pytest.mark.parametrize("name", ["gone", "a" * 300])
def test_a_folder_that_is_not_there_is_told(name: str, tmp_path: Path):
    with pytest.raises(NotConfigured, match="a folder that doesn't exist on this machine"):
        choose(str(tmp_path / name), CPU)


def test_a_cached_model_is_whole_only_with_all_its_shards(hub_cache: Path):
    assert cached(SCHNELL.repository) is None
    fill(hub_cache, shards=1)
    assert cached(SCHNELL.repository) is None
    (hub_cache / "transformer" / "two.safetensors").write_bytes(b"")
    assert cached(SCHNELL.repository) == hub_cache


def test_random_weights_are_named_as_what_they_are():
    choice = choose(f"{models.RANDOM}flux-schnell", LARGE_GPU)
    assert "random weights" in choice.name
    assert choice.notice is not None
    assert "random weights" in choice.notice


def test_weights_are_counted_part_by_part_without_loading_them(tiny: Path):
    from diffusers import FluxPipeline

    pipeline = FluxPipeline.from_pretrained(tiny, local_files_only=True)
    weights = weigh(tiny)
    for part, counted in (
        (pipeline.transformer, weights.transformer),
        (pipeline.text_encoder_2, weights.encoder),
    ):
        assert counted == sum(parameter.numel() for parameter in part.parameters())
    others = sum(p.numel() for part in (pipeline.vae, pipeline.text_encoder) for p in part.parameters())
    assert others <= weights.others <= others * 1.01
