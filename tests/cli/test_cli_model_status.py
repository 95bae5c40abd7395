"""`alya-mcp model status`: what would draw, how and why, and what the running worker says."""

import shutil
from pathlib import Path

import pytest
from command_line import Run
from gallery import Gallery
from raw_client import processes_of

from alya_mcp.app.diagnostics.probe import look
from alya_mcp.app.diagnostics.words.images import engine_line
from alya_mcp.images.engine import EngineStatus
from alya_mcp.images.plan import Machine
from alya_mcp.images.words import error_words

GB = 10**9
RTX_4090 = Machine(
    device="cuda",
    name="NVIDIA GeForce RTX 4090",
    free=24 * GB,
    total=25 * GB,
    main=60 * GB,
    capability=(8, 9),
    compiles=True,
)


def rows(text: str) -> dict[str, str]:
    """The lines of the first table by what stands in its first column."""
    parts = (line.partition("  ") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in parts}


# -- the command


def test_without_a_gpu_the_bundled_model_draws_and_it_says_why(run: Run):
    ended = run("model", "status")
    assert (ended.code, ended.err) == (0, "")
    shown = rows(ended.out)
    assert shown["device"].startswith("cpu: this machine, torch ")
    assert "GB free" in shown["memory"]
    assert shown["model"] == "alya-sketch (auto)"
    assert "FLUX.1-schnell needs a GPU" in shown["note"]
    assert shown["weights"].startswith("complete, in ")
    assert shown["plan"] == "fp32, all weights on the device, PyTorch's attention"
    assert shown["because"] == "this model is made for float32"
    assert shown["needs"] == "0.3 GB on the device"
    assert shown["worker"].startswith("stopped: Nothing is loaded")


def test_what_cannot_draw_ends_with_1_and_the_reason(run: Run):
    refused = run("model", "status", ALYA_IMAGE_MODEL="flux-schnell")
    assert refused.code == 1
    assert "none (flux-schnell): FLUX.1-schnell needs a GPU" in rows(refused.out)["model"]


def test_json_output_is_one_object_with_every_figure_in_bytes(run: Run, tiny_model: str):
    ended = run(
        "model", "status", "--output", "json", ALYA_IMAGE_MODEL=tiny_model, ALYA_IMAGE_PRECISION="int8"
    )
    assert (ended.code, ended.err) == (0, "")
    found = ended.json
    assert found["asked"] == {"engine": "local", "model": tiny_model, "models": [], "precision": "int8"}
    assert found["device"]["kind"] == "cpu"
    assert 0 < found["device"]["freeBytes"] <= found["device"]["totalBytes"]
    assert found["model"] == "tiny"
    assert found["folder"] == tiny_model
    assert found["plan"]["precision"] == "int8"
    assert found["plan"]["needsBytes"] > 300_000_000
    assert found["plan"]["reasons"]
    ways = {way["precision"]: way for way in found["precisions"]["ways"]}
    assert list(ways) == ["bf16", "fp8", "int8", "int4"]
    assert [name for name, way in ways.items() if way["fits"]] == ["bf16", "int8", "int4"]
    assert "compute capability 8.9" in ways["fp8"]["refusal"]
    assert found["worker"]["state"] == "stopped"
    assert "lastErrorAt" in found["worker"]


def test_a_running_worker_is_shown_with_its_plan(run: Run, gallery: Gallery):
    ended = run("model", "status", **gallery.variables())
    assert ended.code == 0
    worker = rows(ended.out)["worker"]
    pids = [pid for pid, words in processes_of(gallery.home).items() if "images.worker" in words]
    assert "tiny on cpu" in worker
    # More than one while a child of the worker hasn't become another program yet.
    assert any(f"Process {pid}" in worker for pid in pids)
    assert "fp32, all weights on the device, PyTorch's attention" in worker


def test_with_a_cluster_it_is_the_cluster_that_is_asked(run: Run):
    unset = run("model", "status", ALYA_IMAGE_ENGINE="ray")
    assert (unset.code, unset.out) == (1, "")
    assert "ALYA_RAY_URL is not set" in unset.err
    silent = run(
        "model", "status", ALYA_IMAGE_ENGINE="ray", ALYA_RAY_URL="http://127.0.0.1:9",
        ALYA_RAY_TOKEN="no-real-token-at-all",
    )  # fmt: skip
    assert silent.code == 1
    assert rows(silent.out).keys() == {"cluster"}
    assert rows(silent.out)["cluster"].startswith("stuck: ")


# -- what is looked at


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_a_card_that_could_run_flux_shows_how_while_the_bundled_model_stands_in(no_weights: None):
    found = look(RTX_4090, "auto", "auto")
    assert found.model == "alya-sketch"
    assert "alya-mcp model pull" in str(found.notice)
    assert found.ways_of == "FLUX.1-schnell"
    assert [(way.precision, way.fits) for way in found.ways] == [
        ("bf16", True),
        ("fp8", True),
        ("int8", True),
        ("int4", True),
    ]
    bf16, fp8, _, int4 = found.ways
    assert "streamed from main memory block by block" in str(bf16.words)
    assert bf16.needs_main > 50 * GB
    assert 20 * GB < fp8.needs < RTX_4090.free
    assert int4.needs < fp8.needs


def test_what_is_not_downloaded_yet_has_a_plan_where_its_size_is_known(no_weights: None):
    flux = look(RTX_4090, "flux-schnell", "fp8")
    assert (flux.model, flux.folder, flux.refusal) == ("FLUX.1-schnell", None, None)
    assert flux.plan is not None
    assert flux.plan.precision == "fp8"
    other = look(RTX_4090, "someone/some-flux", "auto")
    assert (other.model, other.plan, other.refusal, other.ways) == ("someone/some-flux", None, None, [])


def test_a_damaged_file_is_a_refusal_that_names_it(tiny_model: str, tmp_path: Path):
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_model, damaged)
    file = next((damaged / "transformer").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-10])
    found = look(RTX_4090, str(damaged), "auto")
    assert f"transformer/{file.name} has " in str(found.refusal)
    assert (found.model, found.plan) == (None, None)


def test_less_memory_than_the_model_needs_is_a_refusal_beside_what_it_would_need(tiny_model: str):
    small = Machine(device="cpu", name="this machine", free=GB // 10, total=GB, main=GB // 10)
    found = look(small, tiny_model, "auto")
    assert "needs 0.3 GB of memory at least; this machine has 0.1 GB free of 1.0 GB" in str(found.refusal)
    assert (found.model, found.plan, found.ways_of) == (None, None, "tiny")
    assert not any(way.fits for way in found.ways)


def test_a_card_that_is_passed_over_is_told_with_the_reason_and_the_cpu_draws_what_it_can():
    why = "PyTorch 2.13.0 holds no code for the card, whose compute capability is 6.1"
    machine = Machine(
        device="cpu", name="this machine", free=8 * GB, total=16 * GB, main=8 * GB, passed_over=why
    )
    found = look(machine, "auto", "auto")
    assert (found.model, found.refusal) == ("alya-sketch", None)
    assert f"none that can be used ({why})" in str(found.notice)
    assert f"{why}, so the CPU draws" in found.reasons
    assert f"this machine's can't be used: {why}" in str(look(machine, "flux-schnell", "auto").refusal)


def test_a_workers_own_memory_is_what_the_next_model_may_have():
    memory = {"resident": 3 * GB, "gpu_allocated": 20 * GB}
    on_gpu = EngineStatus(state="idle", model="tiny", device="cuda", memory=memory)
    on_cpu = EngineStatus(state="idle", model="tiny", device="cpu", memory=memory)
    empty = EngineStatus(state="idle", memory=memory)
    assert [status.held for status in (on_gpu, on_cpu, empty)] == [20 * GB, 3 * GB, 0]


def test_the_workers_plan_temperature_memory_and_last_failure_are_told():
    status = EngineStatus(
        state="idle",
        pid=12,
        model="FLUX.1-schnell",
        device="cuda",
        clients=2,
        memory={"gpu_allocated": 34 * GB},
        plan="bf16, all weights on the device, cuDNN attention, compiled",
        temperature=41,
        last_error="The machine ran out of memory",
        last_error_at=1_700_000_000.0,
    )
    assert engine_line(status) == (
        "idle: FLUX.1-schnell is loaded and ready. Waiting: 0. Servers that share the worker: 2. Memory: gpu "
        "allocated 34.00 GB. Temperature of the device: 41 \N{DEGREE SIGN}C. FLUX.1-schnell on cuda: bf16, "
        "all weights on the device, cuDNN attention, compiled. Process 12"
    )
    assert error_words(status) == "Last error (2023-11-14 22:13:20 UTC): The machine ran out of memory"
    assert error_words(EngineStatus(state="idle")) is None
