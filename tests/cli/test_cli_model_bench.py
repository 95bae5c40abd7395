"""`alya-mcp model bench` measures with a real worker, and says plainly with which weights."""

from pathlib import Path

import pytest
import tiny_flux
from command_line import Run, run_command

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


def test_random_weights_never_answer_a_persons_call(run: Run):
    done = run("tools", ALYA_IMAGE_MODEL="random:flux-schnell")
    assert done.code == 2
    assert "model bench" in done.err
