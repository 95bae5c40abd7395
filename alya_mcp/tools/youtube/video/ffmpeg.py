"""Runs ffmpeg in a separate process that ends with its parent.

The binary is that of imageio-ffmpeg (GPL; nothing of it is loaded into our process). A small process of ours
starts it, and ends it when the pipe from its starter closes: at a cancelled call, and at a killed server.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import anyio
from anyio.abc import ByteReceiveStream, Process

from alya_mcp.errors import NotInstalled, Unavailable
from alya_mcp.runtime.python_process import module_command

_LONGEST_ERROR: Final = 20_000
_TO_END: Final = 0.8
"""Seconds that a cancelled ffmpeg gets to end by itself."""

OnLine = Callable[[str], Awaitable[None]]


class RenderFailed(Unavailable):
    """ffmpeg ended with an error."""


def executable() -> str:
    """The path of ffmpeg.

    Raises:
        NotInstalled: the video extra isn't there, or has no binary for this machine.
    """
    try:
        package: Any = import_module("imageio_ffmpeg")
        return str(package.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise NotInstalled("youtube_generate_video", "video") from None


async def run(arguments: Sequence[str], folder: Path, on_line: OnLine | None = None) -> str:
    """Run ffmpeg in `folder` and return what it wrote to stderr; `on_line` gets each line of its stdout.

    When cancelled, ffmpeg has ended before this returns.

    Raises:
        NotInstalled: there is no ffmpeg.
        RenderFailed: it can't be started or failed; the text has the first line of its error.
    """
    command = module_command("alya_mcp.tools.youtube.video.ffmpeg_child", executable(), *arguments)
    errors = bytearray()
    try:
        process = await anyio.open_process(command, cwd=folder)
    except OSError as error:
        raise RenderFailed(f"ffmpeg can't be started: {error.strerror or error}") from error
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_collect, process.stderr, errors)
            group.start_soon(_lines, process.stdout, on_line)
        status = await process.wait()
    finally:
        with anyio.CancelScope(shield=True):
            await _ended(process)
    text = errors.decode(errors="replace")
    if status != 0:
        said = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
        raise RenderFailed(f"ffmpeg failed (status {status}): {said[:200]}")
    return text


async def _ended(process: Process) -> None:
    """Close the pipe by which the child knows of us, and wait for its end."""
    if process.stdin is not None:
        with contextlib.suppress(OSError, anyio.BrokenResourceError):
            await process.stdin.aclose()
    with anyio.move_on_after(_TO_END):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            await stream.aclose()


async def _collect(stream: ByteReceiveStream | None, into: bytearray) -> None:
    if stream is None:
        return
    async for piece in stream:
        into += piece
        del into[:-_LONGEST_ERROR]


async def _lines(stream: ByteReceiveStream | None, on_line: OnLine | None) -> None:
    if stream is None:
        return
    rest = b""
    async for piece in stream:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if on_line is not None:
                await on_line(line.decode(errors="replace").strip())
