"""Threads for blocking work that delays neither a cancelled call nor the end of the process."""

import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

T = TypeVar("T")


async def run_abandonable(work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own; when cancelled, return at once and let the thread end by itself.

    anyio's own worker threads keep the interpreter from ending; this one doesn't.
    """
    done = anyio.Event()
    token = anyio.lowlevel.current_token()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
        try:
            anyio.from_thread.run_sync(done.set, token=token)
        except RuntimeError:
            pass  # the event loop ended first; nobody waits

    threading.Thread(target=run, name="abandonable", daemon=True).start()
    await done.wait()
    for error in errors:
        raise error
    return results[0]
