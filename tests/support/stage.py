"""Holding a real worker in a phase, and asking engines for pictures."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import anyio
import psutil
from raw_client import processes_of

from alya_mcp import __version__
from alya_mcp.images.engine import EngineStatus, Job, JobProgress
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.wire.messages import PROTOCOL, DrawRequest, Terms, pack_request
from alya_mcp.images.worker.greeting import Hello, introduce
from alya_mcp.images.worker.run_folder import RunFolder
from alya_mcp.settings import Settings

T = TypeVar("T")
Opener = Callable[..., LocalEngine]

PATIENCE = 120.0
SIDE = 256
RENDER_PHASES = ("load", "encode", "denoise", "decode")


def staged_command() -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("staged_worker.py"))]


def engine_at(
    home: Path,
    model: str = "plain",
    version: str = __version__,
    *,
    idle: float = 900,
    deadline: float = 600,
    linger: float = 0,
) -> LocalEngine:
    settings = Settings(
        home=home, image_model=model, image_idle=idle, image_deadline=deadline, image_linger=linger
    )
    return LocalEngine(settings, command=staged_command(), version=version)


def a_job(prompt: str = "a red circle", seed: int = 7, steps: int = 2) -> Job:
    return Job(prompt=prompt, seed=seed, steps=steps, width=SIDE, height=SIDE)


def on_the_wire(job: Job, number: int = 1) -> bytes:
    """A request for the job, with the plain renderer."""
    terms = Terms(model="plain", precision="auto", idle=0, linger=0, deadline=60)
    return pack_request(DrawRequest(job=job, terms=terms), number)


async def until(look: Callable[[], T], what: str) -> T:
    """Return the first true value of `look`; fails when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE:.0f} s"
        await anyio.sleep(0.01)
    return found


class Steps(list[JobProgress]):
    """Collects progress."""

    async def __call__(self, step: JobProgress) -> None:
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


# -- processes


def workers(home: Path) -> set[int]:
    return {pid for pid, command in processes_of(home).items() if "staged_worker" in command}


async def no_worker_at(home: Path) -> None:
    await until(lambda: not workers(home), "the end of the worker")


async def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not _runs(pid), f"the end of {pid}")


def _runs(pid: int) -> bool:
    """Whether it isn't over yet; one that is about to end has no command line any more."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command_of(pid: int) -> bytes:
    """Its command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process stands still while the body runs, unless the body wakes it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


class Client(subprocess.Popen[str]):
    """One server's side in a process of its own, that asks for one picture."""

    def __init__(
        self,
        home: Path,
        prompt: str = "a red circle",
        *,
        model: str = "plain",
        side: int = SIDE,
        linger: float = 0,
    ) -> None:
        super().__init__(
            [
                sys.executable,
                str(Path(__file__).with_name("client_process.py")),
                str(home),
                model,
                prompt,
                str(side),
                str(linger),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "ALYA_HOME": str(home), "PYTHONPATH": str(Path(__file__).parent)},
        )

    def answer(self) -> dict[str, object]:
        """What it got, with the worker's `pid`."""
        assert self.stdout is not None
        for line in self.stdout:
            words = json.loads(line)
            if "digest" in words:
                return words
        raise AssertionError("the client ended without an answer")


@contextmanager
def clients(number: int, home: Path, *, model: str = "plain", side: int = SIDE) -> Iterator[list[Client]]:
    """So many servers at once, each with a prompt of its own; they end with the body."""
    started = [Client(home, f"prompt {each}", model=model, side=side) for each in range(number)]
    try:
        yield started
    finally:
        for client in started:
            client.kill()
            client.communicate()


@asynccontextmanager
async def connection(home: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """To the worker that runs, greeted; what is then said is up to the body."""
    place = RunFolder(home)
    address, key = place.read_address(), place.read_key()
    assert address is not None
    assert key is not None
    reader, writer = await asyncio.open_unix_connection(address.unix)
    try:
        await introduce(reader, writer, key, Hello(version=__version__, protocol=PROTOCOL, pid=os.getpid()))
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


# -- engines


@asynccontextmanager
async def rendering(engine: LocalEngine, job: Job) -> AsyncIterator[anyio.CancelScope]:
    """Draws beside the body; leaving cancels."""
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, job, Steps())
        yield group.cancel_scope
        group.cancel_scope.cancel()


async def pid_of(engine: LocalEngine) -> int:
    status = await engine.status()
    assert status.pid is not None
    return status.pid


async def waiting(engine: LocalEngine, number: int) -> EngineStatus:
    return await status_when(engine, lambda status: status.waiting == number)


async def state(engine: LocalEngine, wanted: str) -> EngineStatus:
    return await status_when(engine, lambda status: status.state == wanted)


async def status_when(engine: LocalEngine, fits: Callable[[EngineStatus], bool]) -> EngineStatus:
    with anyio.fail_after(PATIENCE):
        while not fits(status := await engine.status()):  # noqa: ASYNC110 - it tells nothing unasked
            await anyio.sleep(0.01)
    return status
