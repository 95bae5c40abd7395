"""`alya-mcp model bench` measures with a real worker, and says plainly with which weights."""

import os
from pathlib import Path

import pytest
import tiny_flux
from click.testing import CliRunner
from command_line import Run, run_command

from alya_mcp.cli.model.bench import bench
from alya_mcp.failures import Failure
from alya_mcp.images.bench.measure import Measured

torch = pytest.importorskip("torch")


@pytest.mark.slow
def test_it_measures_each_phase_beside_plain_diffusers(tmp_path: Path, cli_env: dict[str, str]):
    model = tiny_flux.build(tmp_path / "tiny")
    words = ("model", "bench", "--count", "1", "--output", "json")
    done = run_command(words, {**cli_env, "ALYA_IMAGE_MODEL": str(model)}, tmp_path, seconds=600)
    assert done.code == 0, done.err
    answer = done.json
    (measured,) = answer["measured"]
    assert measured["model"] == "tiny"
    assert set(measured["phases"]) == {"queue", "encode", "denoise", "decode", "receive", "file", "store"}
    assert sum(measured["phases"].values()) <= measured["total"] * 1.05
    assert answer["baseline"]["work"]["denoise"] > answer["baseline"]["work"]["encode"] > 0
    for figure in ("first", "again", "queued", "cancel"):
        assert measured[figure] > 0
    assert measured["weights"] == answer["baseline"]["weights"] == "model"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine may hold the full model")
def test_without_a_gpu_random_weights_of_full_size_are_refused_and_named_in_every_line(run: Run):
    done = run("model", "bench", "--weights", "random", "--count", "1")
    assert (done.code, done.out) == (1, "")
    lines = done.err.splitlines()
    assert lines[-1].startswith("Error: FLUX.1-schnell needs a GPU")
    assert all("random weights" in line for line in lines[:-1])


def test_where_plain_diffusers_cannot_draw_our_own_figures_stand_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    phases = dict.fromkeys(("queue", "encode", "denoise", "decode", "receive", "file", "store"), 10.0)

    async def measured(*args: object, **kwargs: object) -> Measured:
        return Measured(precision="auto", plan="int4, a plan", phases=phases, total=70.0, queued=12.5)

    def no_room(*args: object) -> None:
        raise Failure("Plain diffusers can't draw with this model here: out of memory")

    monkeypatch.setattr("alya_mcp.images.bench.measure.baseline", no_room)
    monkeypatch.setattr("alya_mcp.images.bench.measure.measure", measured)
    for name in [name for name in os.environ if name.startswith("ALYA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALYA_HOME", str(tmp_path))
    done = CliRunner().invoke(bench, ["--count", "1"], standalone_mode=False)
    assert done.return_value == 0, done.output
    assert "nothing to compare with. Plain diffusers can't draw" in done.stderr
    assert "queued: 0.80 of the rate of denoising alone" in done.stdout
    assert "times plain diffusers" not in done.stdout


def test_random_weights_never_answer_a_persons_call(run: Run):
    done = run("tools", ALYA_IMAGE_MODEL="random:flux-schnell")
    assert done.code == 2
    assert "model bench" in done.err
