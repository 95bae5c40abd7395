"""Holding a real worker in a phase, and asking engines for pictures."""

import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio

from alya_mcp.images.engine import Job, Step
from alya_mcp.images.local import LocalEngine
from alya_mcp.settings import Settings

T = TypeVar("T")
Opener = Callable[..., LocalEngine]

PATIENCE = 120.0
SIDE = 256
RENDER_PHASES = ("load", "encode", "denoise", "decode")


def staged_command() -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("staged_worker.py"))]


def engine_at(home: Path, model: str = "plain", version: str | None = None) -> LocalEngine:
    settings = Settings(home=home, image_model=model)
    if version is None:
        return LocalEngine(settings, command=staged_command())
    return LocalEngine(settings, command=staged_command(), version=version)


def a_job(prompt: str = "a red circle", seed: int = 7, steps: int = 2) -> Job:
    return Job(prompt=prompt, seed=seed, steps=steps, width=SIDE, height=SIDE)


async def until(look: Callable[[], T], what: str) -> T:
    """Return the first true value of `look`; fails when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE:.0f} s"
        await anyio.sleep(0.01)
    return found


class Steps(list[Step]):
    """Collects progress."""

    async def __call__(self, step: Step) -> None:
        self.append(step)

    def phases(self) -> list[str]:
        """The phases in order, each once per visit."""
        return [phase for phase, _ in itertools.groupby(step.phase for step in self)]


class Stage:
    """The folder through which a staged worker is held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def hold(self, phase: str) -> None:
        (self.folder / f"at-{phase}").unlink(missing_ok=True)
        (self.folder / f"hold-{phase}").touch()

    def release(self, *phases: str) -> None:
        for phase in phases or RENDER_PHASES:
            (self.folder / f"hold-{phase}").unlink(missing_ok=True)

    def forget(self) -> None:
        for mark in self.folder.glob("at-*"):
            mark.unlink()

    def was_at(self, phase: str) -> bool:
        return (self.folder / f"at-{phase}").exists()

    async def reached(self, phase: str) -> None:
        await until(lambda: self.was_at(phase), f"the phase {phase}")
