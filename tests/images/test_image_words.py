"""The sentences about the engine's health: one snapshot for each."""

import pytest

from alya_mcp.images.engine import EngineStatus, Replicas
from alya_mcp.images.words import engine_words, error_words, model_words

IDLE = EngineStatus(state="idle", model="alya-sketch", others=("FLUX.1-schnell",), device="cpu")
BACK = "and gave all its memory back; the next image starts it again"
BEFORE = "The device was measured before this image, at 1970-01-01 00:00:00 UTC"
LINGER = "unless one does (ALYA_IMAGE_LINGER)"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (EngineStatus(state="not installed", why="Install it"), "Install it"),
        (EngineStatus(state="stuck", pid=7), "The image engine doesn't say why"),
        (EngineStatus(state="stopped"), "Nothing is loaded; the first image starts the worker"),
        (
            EngineStatus(state="stopped", unused=900.0),
            f"The image worker stopped because it was idle for 900 s, {BACK}",
        ),
        (
            EngineStatus(state="stopped", why="its device was lost"),
            f"The image worker stopped because its device was lost, {BACK}",
        ),
        (
            EngineStatus(state="leaving"),
            "The image worker finishes its work and ends; the next image starts a fresh one",
        ),
        (
            EngineStatus(state="busy", loading="Loading it", pid=7, waiting=2, clients=3),
            "Loading it. Waiting: 2. Servers that share the worker: 3",
        ),
        (
            EngineStatus(state="busy", memory={"b_c": 2 * 10**9, "a": 1}),
            "An image is being drawn. Memory: a 0.00 GB, b c 2.00 GB",
        ),
        (
            EngineStatus(state="busy", model="m", measured=0.0, temperature=61),
            f"An image is being drawn. Temperature of the device: 61 °C. {BEFORE}",
        ),
        (EngineStatus(state="idle"), "The image worker runs; nothing is loaded yet"),
        (IDLE, "alya-sketch and FLUX.1-schnell are loaded and ready"),
        (
            EngineStatus(state="idle", model="m", leaves_in=59.6),
            f"m is loaded and ready; no server uses it, and it ends in 60 s {LINGER}",
        ),
        (
            EngineStatus(
                state="idle", waiting=4, replicas=Replicas(ready=1, total=2, drawing=3, ingresses=2)
            ),
            "1 of 2 replicas on Ray are ready; 3 images are drawn, 4 wait at this one of 2 ingresses",
        ),
    ],
    ids=lambda value: value.state if isinstance(value, EngineStatus) else "",
)  # fmt: skip
def test_each_state_has_its_sentence(status: EngineStatus, words: str) -> None:
    assert engine_words(status) == words


def test_the_model_and_the_last_failure_are_told_where_there_are_any() -> None:
    assert (model_words(EngineStatus(state="idle")), error_words(IDLE)) == (None, None)
    assert model_words(IDLE) == "alya-sketch on cpu"
    assert model_words(EngineStatus(state="idle", model="m", plan="bf16")) == "m on no device: bf16"
    assert error_words(EngineStatus(state="idle", last_error="No room")) == "Last error: No room"
    failed = EngineStatus(state="idle", last_error="No room", last_error_at=0.0)
    assert error_words(failed) == "Last error (1970-01-01 00:00:00 UTC): No room"
