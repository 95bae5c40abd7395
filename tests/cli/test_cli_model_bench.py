"""`alya-mcp model bench` measures with a real worker, says with which weights, and loses nothing measured."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_flux
from command_line import Ended, Run, run_command, run_here

from alya_mcp.app.diagnostics.probe import ProbeResult
from alya_mcp.errors import Unavailable
from alya_mcp.images.bench.measure import Measured, MeasurePart
from alya_mcp.settings import Settings

torch = pytest.importorskip("torch")

PHASES = {
    "queue": 1.0, "encode": 10.0, "denoise": 400.0, "decode": 40.0, "receive": 5.0, "file": 20.0,
    "upload": 10.0, "presign": 1.0,
}  # fmt: skip
FACTS: dict[str, Any] = {
    "torch": "2.11",
    "rates": {"wide": 800e12, "fp8": 1600e12},
    "work": {"encode": 2.4e12, "denoise": 280e12, "decode": 10.4e12},
    "linear": 224e12,
}
PLAIN: dict[str, Any] = {
    **FACTS,
    "load": 1.0,
    "first": 1.0,
    "pipeline": 800.0,
    "file": 170.0,
    "peak": 34 * 10**9,
}
BOTH = ("--precision", "bf16", "--precision", "fp8")


def measured(result: Measured) -> None:
    """What a picture took."""
    result.plan = f"{result.precision}, all weights on the device, compiled"
    result.store, result.first, result.total, result.phases = "local", 9000.0, 487.0, dict(PHASES)
    result.queued, result.cancel, result.peak = 500.0, 90.0, 37 * 10**9
    result.peaks = {"denoise": 36_400_000_000}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Settings]]:
    """Has the command measure at once, on an H200, what it is told; returns the settings measured with."""

    def install(
        *,
        plain: dict[str, Any] = PLAIN,
        error: str | None = None,
        work: Callable[[Measured], None] = measured,
    ) -> list[Settings]:
        used: list[Settings] = []

        def found(settings: Settings, held: int) -> ProbeResult:
            return ProbeResult(
                torch="2.11", device="cuda", name="NVIDIA H200", free=1, total=1, main=1,
                model=settings.image_model, folder="/model", reasons=[], ways=[],
            )  # fmt: skip

        async def measure(result: Measured, settings: Settings, count: int, part: MeasurePart) -> None:
            used.append(settings)
            with part(f"{count} pictures"):
                work(result)
                await asyncio.sleep(0)

        async def second(result: Measured, settings: Settings, part: MeasurePart) -> None:
            with part("second start"):
                result.again = 20_000.0

        monkeypatch.setattr("alya_mcp.app.diagnostics.probe.probe", found)
        for name, what in (
            ("baseline", lambda source, count: (plain, error)),
            ("measure", measure),
            ("measure_second_start", second),
        ):
            monkeypatch.setattr(f"alya_mcp.images.bench.measure.{name}", what)
        return used

    return install


@pytest.fixture
def here(cli_env: dict[str, str], tmp_path: Path) -> Run:
    """Runs a command in this process, where a stand-in measures."""

    def here(*words: str, **variables: str) -> Ended:
        return run_here(words, {**cli_env, **variables}, tmp_path)

    return here


@pytest.mark.slow
def test_it_measures_each_phase_beside_plain_diffusers(tmp_path: Path, cli_env: dict[str, str]):
    model = tiny_flux.build(tmp_path / "tiny")
    words = ("model", "bench", "--count", "1", "--output", "json")
    done = run_command(words, {**cli_env, "ALYA_IMAGE_MODEL": str(model)}, tmp_path, seconds=600)
    assert done.code == 0, done.err
    answer = done.json
    (measured,) = answer["measured"]
    assert measured["model"] == "tiny"
    assert list(measured["phases"]) == list(PHASES)
    assert set(measured["speeds"]) == {"encode", "denoise", "decode", "drawing"}
    assert 0 < measured["speeds"]["drawing"]["of_floor"] < 1
    assert sum(measured["phases"].values()) <= measured["total"] * 1.05
    assert answer["baseline"]["work"]["denoise"] > answer["baseline"]["work"]["encode"] > 0
    for figure in ("first", "again", "queued", "cancel", "times_plain"):
        assert measured[figure] > 0
    assert (answer["errors"], measured["errors"]) == ([], [])
    assert measured["weights"] == answer["baseline"]["weights"] == "model"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine may hold the full model")
@pytest.mark.slow
def test_a_machine_that_cannot_hold_the_full_size_is_told_its_floor_and_nothing_is_drawn(run: Run):
    done = run("model", "bench", "--weights", "random", "--count", "1")
    assert done.code == 1
    lines = done.err.splitlines()
    assert lines[-1].startswith("random weights: Error: FLUX.1-schnell needs a GPU")
    assert all("random weights" in line for line in lines)
    heading, said, rate, *floors = done.out.splitlines()
    assert heading.startswith("weights")
    assert "computed for this machine, nothing drawn" in said
    assert "TFLOP/s" in rate
    cells = [row.split() for row in floors]
    assert [row[0] for row in cells] == ["random"] * 4
    # The operations of FLUX.1-schnell: 2.40 to read, 4 x 69.47 to draw, 10.47 to decode.
    assert [row[-3] for row in cells] == ["2.40", "277.87", "10.47", "290.74"]
    assert [row[-1] for row in cells] == ["100%"] * 4


def test_every_line_names_random_weights_and_goals_stand_beside_figures(
    here: Run, stand_in: Callable[..., list[Settings]]
):
    stand_in()
    done = here("model", "bench", "--weights", "random", *BOTH)
    assert done.code == 0, done.err
    heading, *rows = done.out.splitlines()
    assert heading.split()[:3] == ["weights", "precision", "what"]
    assert all(row.startswith("random ") for row in rows)
    assert all(line.startswith("random weights: ") for line in done.err.splitlines())
    shown = [" ".join(row.split()) for row in rows]
    for row in (
        "random plain prompt to pixels 800.0 292.80 366.0 46%",
        "random bf16 4 steps 400.0 280.00 700.0 88% 36.4",
        # 224 of its 280 at 1600 TFLOP/s, the rest at 800: at least 210 ms.
        "random fp8 4 steps 400.0 280.00 700.0 52% 36.4",
        "random bf16 image encode (PNG) 20.0",
        "random bf16 upload 10.0",
        "random bf16 presign 1.0",
        "random bf16 prompt to URL 487.0 at most 600",
        "random fp8 prompt to URL 487.0 at most 420",
        "random bf16 cancelled until the device is free 90.0 at most 250",
        "random bf16 second start to URL 20,000.0 at most 25,000",
        "random bf16 1.99 times as fast as diffusers and its PNG, prompt to URL (goal: at least 2)",
        "random bf16 queued: 0.80 of the rate of the steps alone (goal: at least 0.95)",
        "random bf16 queued: 0.90 of the rate of encode, steps and decode",
        "random bf16 most GPU memory: 37.0 GB",
    ):
        assert row in shown


def test_a_model_of_another_size_is_measured_without_goals(
    here: Run, stand_in: Callable[..., list[Settings]]
):
    stand_in()
    done = here("model", "bench", ALYA_IMAGE_MODEL="sketch")
    assert done.code == 0
    assert "goal:" not in done.out
    assert "at most" not in done.out


def test_where_plain_diffusers_cannot_draw_our_own_figures_stand_alone_with_the_device_s_rate(
    here: Run, stand_in: Callable[..., list[Settings]]
):
    stand_in(plain=FACTS, error="plain diffusers can't draw with this model here: out of memory")
    done = here("model", "bench", "--precision", "bf16")
    assert done.code == 1
    assert "Error: plain diffusers can't draw with this model here: out of memory" in done.err
    assert "queued: 0.80 of the rate of the steps alone" in done.out
    assert "times as fast" not in done.out
    assert "700.0    88%" in done.out


def test_a_precision_that_fails_costs_its_own_rows_alone(here: Run, stand_in: Callable[..., list[Settings]]):
    def work(result: Measured) -> None:
        measured(result)
        if result.precision == "fp8":
            result.cancel = None
            raise RuntimeError("CUDA error: no kernel image")

    stand_in(work=work)
    words = ("model", "bench", *BOTH, "--precision", "int8", "--count", "3")
    done = here(*words, "--output", "json")
    assert done.code == 1
    bf16, fp8, int8 = done.json["measured"]
    assert fp8["errors"] == ["3 pictures: RuntimeError: CUDA error: no kernel image"]
    assert (fp8["total"], fp8["cancel"]) == (487.0, None)
    assert (bf16["errors"], int8["errors"], bf16["again"]) == ([], [], 20_000.0)
    assert done.json["baseline"]["pipeline"] == 800.0
    shown = here(*words)
    assert "fp8: 3 pictures: RuntimeError: CUDA error" in shown.err
    assert "model    fp8        prompt to URL" in shown.out
    assert "model    int8       prompt to URL" in shown.out


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_what_was_measured_before_it_is_stopped_is_shown(
    here: Run, stand_in: Callable[..., list[Settings]], name: str
):
    def work(result: Measured) -> None:
        measured(result)
        if result.precision == "fp8":
            result.total = None
            try:
                os.kill(os.getpid(), signal.Signals[name])
            finally:
                if name == "SIGTERM":
                    os.kill(os.getpid(), signal.SIGTERM)

    stand_in(work=work)
    before = signal.getsignal(signal.SIGTERM)
    done = here("model", "bench", *BOTH, "--output", "json")
    assert done.code == 130
    assert done.json["errors"] == ["stopped before everything was measured"]
    assert [each["total"] for each in done.json["measured"]] == [487.0, None]
    assert done.json["measured"][1]["phases"] == PHASES
    assert "encode, steps and decode" in here("model", "bench", *BOTH).out
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_store_that_takes_nothing_is_told_and_pictures_stay_on_this_machine(
    here: Run, stand_in: Callable[..., list[Settings]], monkeypatch: pytest.MonkeyPatch
):
    async def refused(settings: Settings) -> None:
        raise Unavailable("The S3 store at 127.0.0.1:9 doesn't answer.")

    used = stand_in()
    monkeypatch.setattr("alya_mcp.images.bench.measure.try_store", refused)
    done = here("model", "bench", "--output", "json", ALYA_S3_BUCKET="pictures")
    assert done.code == 1
    (error,) = done.json["errors"]
    assert "127.0.0.1:9 doesn't answer" in error
    assert "store of this machine instead" in error
    assert [each.s3_bucket for each in used] == [None]
    assert done.json["measured"][0]["total"] == 487.0


def test_random_weights_never_answer_a_persons_call(run: Run):
    done = run("tools", ALYA_IMAGE_MODEL="random:flux-schnell")
    assert done.code == 2
    assert "model bench" in done.err
