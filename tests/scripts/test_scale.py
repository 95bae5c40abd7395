"""scripts/scale.py against what is known of queues, and docs/scale.md against the script."""

import heapq
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import scale  # noqa: E402


@pytest.mark.parametrize(
    ("servers", "load", "share"),
    [(1, 0.8, 0.8), (2, 0.5, 1 / 3), (2, 0.75, 9 / 14), (10, 0.8, 0.4092), (1000, 0.5, 0.0)],
)
def test_erlang_c_is_as_in_the_tables(servers: int, load: float, share: float):
    assert scale.erlang_c(servers, load) == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.8, 0.99])
def test_one_gpu_waits_as_the_formula_of_pollaczek_and_khinchine_says(load: float):
    assert scale.mean_wait(1, load, 0.6) == pytest.approx(load * 0.6 / (2 * (1 - load)))


def test_a_simulated_queue_of_eight_gpus_waits_about_as_long_as_computed():
    chance = random.Random(1)
    free, now, waits = [0.0] * 8, 0.0, list[float]()
    for _ in range(60_000):
        now += chance.expovariate(8 * 0.8 / 0.6)
        begins = max(now, heapq.heappop(free))
        heapq.heappush(free, begins + 0.6)
        waits.append(begins - now)
    waits.sort()
    assert scale.mean_wait(8, 0.8, 0.6) == pytest.approx(sum(waits) / len(waits), rel=0.15)
    assert scale.wait_quantile(8, 0.8, 0.6, 0.95) == pytest.approx(waits[57_000], rel=0.15)


def test_more_gpus_wait_less_and_cost_the_same():
    few, many = (scale.row(gpus, 0.6, 0.8, 2.5) for gpus in (8, 64))
    assert many.wait_mean < few.wait_mean
    assert many.wait_p95 < few.wait_p95
    assert many.dollars == pytest.approx(few.dollars)


def test_at_full_load_a_thousand_images_cost_what_their_seconds_do():
    assert scale.row(8, 0.6, 1 - 1e-9, 3.6).dollars == pytest.approx(0.6)


@pytest.mark.parametrize("options", [[], ["--seconds", "0.42"]], ids=["bf16", "fp8"])
def test_the_docs_show_what_the_script_computes(options: list[str]):
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts" / "scale.py", *options], capture_output=True, text=True, check=True
    ).stdout
    assert printed in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [["--load", "1"], ["--load", "0"], ["--seconds", "0"], ["--gpus", "0"]])
def test_figures_that_make_no_queue_are_refused(options: list[str]):
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / "scale.py", *options], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "takes" in ended.stderr or "take" in ended.stderr
