"""The pictures of one call: drawn one after the other, each stored while the next is drawn."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from alya_mcp.errors import Failure, failure_of, kind_of
from alya_mcp.toolkit.tool import Progress
from alya_mcp.tools.images.drawings import Drawn
from alya_mcp.tools.images.making import RENDERED, TOTAL, Render, draw, keep
from alya_mcp.tools.images.request import FileFormat

if TYPE_CHECKING:
    from alya_mcp.images.engine import Job
    from alya_mcp.toolkit.services import Hub

Remember = Callable[[int, Drawn], Awaitable[None]]


async def make_all(
    jobs: Sequence["Job"], done: dict[int, Drawn], renders: Sequence[Render], hub: "Hub",
    progress: Progress, *, file_format: FileFormat, expires_in: int, remember: Remember,
    previews: dict[int, bytes],
) -> Sequence[Drawn]:  # fmt: skip
    """Draw and store those of `jobs` that aren't `done`, each by its entry of `renders`, and add them to it.

    `previews` has small JPEGs of the pictures being drawn. Each picture is requested when the one before has
    started, so that the device has no pause, other callers take their turns, and several devices work in
    parallel. Pictures that were drawn before one failed are stored.

    Raises:
        Failure: the error of the first picture that failed; the others aren't drawn then.
    """
    from alya_mcp.images.file_process import require_file_packages

    await anyio.to_thread.run_sync(require_file_packages, hub.settings.home)
    lost: list[tuple[int, Exception]] = []
    together = _Together(len(jobs), done, progress)
    drawing = {number: anyio.CancelScope() for number in range(len(jobs)) if number not in done}
    begun = {number: anyio.Event() for number in drawing}

    async def make(number: int, before: anyio.Event | None) -> None:
        job, tell = jobs[number], together.of(number)
        picture = None
        try:
            with drawing[number]:
                if before is not None:
                    await before.wait()
                picture = await draw(
                    job, renders[number], hub.store, tell, begun[number].set,
                    partial(previews.__setitem__, number),
                )  # fmt: skip
            if picture is None:  # another one failed
                return
            drawn = await keep(picture, job, hub, tell, file_format=file_format, expires_in=expires_in)
            done[number] = drawn
            await remember(number, drawn)
        except Exception as error:  # noqa: BLE001 - raised below, when what is drawn is stored
            lost.append((number, error))
            for scope in drawing.values():
                scope.cancel()
        finally:
            previews.pop(number, None)
            begun[number].set()

    async with anyio.create_task_group() as group:
        for number, before in zip(drawing, (None, *begun.values()), strict=False):
            group.start_soon(make, number, before)
    if lost:
        number, error = lost[0]
        raise _told(error, number, jobs, len(done))
    return [done[number] for number in range(len(jobs))]


async def previews_of(drawn: Sequence[Drawn], home: Path) -> Sequence[bytes]:
    """The previews for the chat; several are scaled down to the pixels of one in total."""
    stored = [each.known.preview for each in drawn]
    if len(stored) <= 1:
        return stored
    from alya_mcp.images.file_process import shrink

    return await anyio.to_thread.run_sync(shrink, stored, home)


class _Together:
    """The progress of all pictures on one scale, with the message of the first unfinished one."""

    def __init__(self, count: int, there: Mapping[int, Drawn], progress: Progress) -> None:
        self._shares = [float(number in there) for number in range(count)]
        self._progress = progress

    def of(self, number: int) -> Progress:
        """The progress callback of one picture."""
        count = len(self._shares)

        async def tell(done: float, total: float, message: str) -> None:
            self._shares[number] = done / total
            undrawn = (each for each, share in enumerate(self._shares) if share < RENDERED / TOTAL)
            if number != next(undrawn, number):
                return
            told = message if count == 1 else f"picture {number + 1} of {count}: {message}"
            await self._progress(sum(self._shares) / count * TOTAL, TOTAL, told)

        return tell


def _told(error: Exception, number: int, jobs: Sequence["Job"], made: int) -> Exception:
    """The error of a call with these jobs."""
    if len(jobs) == 1 or not isinstance(error, Failure):
        return error
    said = f"Picture {number + 1} of {len(jobs)} came to nothing: {error}"
    if made:
        kept = "1 is" if made == 1 else f"{made} are"
        said = f"{said.removesuffix('.')}. {kept} kept: the same call with seed {jobs[0].seed} draws the rest"
    return failure_of(kind_of(error), said)
