"""Makes drafts: a script, then its preview; saved to the pipeline after every step.

A making belongs to a server. Its lock tells other processes that it goes on; a draft whose maker ended, such
as a killed server's, is made on by the next call for the same video, and marked as failed by any other.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.llm import open_model
from alya_mcp.runtime.locks import FileLock
from alya_mcp.toolkit.tool import Progress
from alya_mcp.toolkit.work import Work
from alya_mcp.tools.youtube import writing
from alya_mcp.tools.youtube.drafts import Draft, DraftContent, DraftFile, Narration
from alya_mcp.tools.youtube.logic import metadata
from alya_mcp.tools.youtube.logic.script import Scene, plain
from alya_mcp.tools.youtube.pipeline import Pipeline
from alya_mcp.tools.youtube.video import preview

if TYPE_CHECKING:
    from alya_mcp.toolkit.services import Hub

_TOTAL: Final = 100.0
_SCRIPT: Final = 4.0
"""How far a making is, of 100, when its script is written."""
_MADE: Final = 95.0
_NOTED_EVERY: Final = 5.0
_UNLOCKED: Final = timedelta(minutes=2)
"""How old a draft without a note of its maker is before it counts as left behind."""
_LOOKED_AT: Final = 50

Request = Mapping[str, str | int | bool | None]
_log = logging.getLogger(__name__)


class Makings:
    """The makings of one server, by what was asked for."""

    def __init__(self) -> None:
        self._all: dict[Hashable, Work[Draft]] = {}

    def close(self) -> None:
        """Stop them all."""
        for each in tuple(self._all.values()):
            each.stop()

    async def draft(
        self,
        request: Request,
        hub: "Hub",
        pipeline: Pipeline,
        progress: Progress,
        *,
        goes_on: Callable[[], bool],
    ) -> Draft:
        """The previewed draft of `request`: made now, or by a making of the same that goes on already.

        When cancelled, the making ends within a second, unless `goes_on()` or another call waits for it. What
        goes on is kept for the next same call.

        Raises:
            Failure: it can't be made; the text says why.
        """
        key = (pipeline.grant, tuple(request.items()))
        making = self._all.get(key)
        if making is None or making.is_stale:
            making = self._all[key] = Work(partial(_make, request, hub, pipeline))
        try:
            draft = await making.wait(progress)
        except anyio.get_cancelled_exc_class():
            if not making.is_waited_for:
                making.left = goes_on()
                if not making.left:
                    self._forget(key, making)
                    making.stop()
                    with anyio.CancelScope(shield=True):
                        await making.over()
            raise
        except Exception:
            self._forget(key, making)
            raise
        self._forget(key, making)
        if draft is None:
            raise Unavailable("The making of the video was stopped; call again")
        return draft

    def _forget(self, key: Hashable, making: Work[Draft]) -> None:
        if self._all.get(key) is making:
            del self._all[key]


async def _make(request: Request, hub: "Hub", pipeline: Pipeline, progress: Progress) -> Draft:
    found = await _in_thread(_left_behind, pipeline, request)
    if found is None:
        content = await _write(request, hub, pipeline, progress)
        found = await _in_thread(_begin, pipeline, content)
    draft, lock = found
    try:
        async with _failing(pipeline, draft):
            return await _preview(draft, request, hub, pipeline, progress)
    finally:
        lock.release()


async def _write(request: Request, hub: "Hub", pipeline: Pipeline, progress: Progress) -> DraftContent:
    channel = await _in_thread(pipeline.channel)

    async def report(share: float, message: str) -> None:
        await progress(_SCRIPT * share, _TOTAL, message)

    await report(0, "writing the script")
    topic, hint, seconds = str(request["topic"]), request["titleHint"], float(request["durationSec"] or 0)
    model = open_model(hub.settings, hub.http)
    written = await writing.write(topic, str(hint) if hint else None, seconds, channel, model, report)
    return DraftContent(
        topic=topic,
        mode=written.mode,
        titles=metadata.titles(written.titles),
        description=written.summary,
        tags=metadata.tags(written.tags),
        language=written.language,
        thumbnail_prompt=plain(written.thumbnail_prompt)[:1000],
        estimated_duration_sec=seconds,
        script=tuple(scene.as_json() for scene in written.scenes),
        extra={
            "request": dict(request),
            "notice": written.notice,
            "summary": written.summary,
            "chapters": written.chapters_heading,
            "colours": list(channel.colours),
        },
    )


async def _preview(
    draft: Draft, request: Request, hub: "Hub", pipeline: Pipeline, progress: Progress
) -> Draft:  # fmt: skip
    content, extra = draft.content, draft.content.extra
    folder = await _in_thread(pipeline.folder, draft.id)
    noted = {"phase": "", "at": 0.0}

    async def report(done: float, phase: str, message: str) -> None:
        await progress(_SCRIPT + (_MADE - _SCRIPT) * done / _TOTAL, _TOTAL, message)
        now = time.monotonic()
        if phase != noted["phase"] or now - float(noted["at"]) > _NOTED_EVERY:
            noted.update(phase=phase, at=now)
            await _in_thread(
                pipeline.note, draft.id, {"phase": phase, "done": round(done), "message": message}
            )

    order = preview.PreviewOrder(
        topic=content.topic,
        title=content.titles[0],
        scenes=tuple(Scene.from_json(scene) for scene in content.script),
        seconds=float(request["durationSec"] or 0),
        language=content.language,
        shape="vertical" if request["format"] == "vertical" else "landscape",
        colours=[str(colour) for colour in extra.get("colours", ())],
        thumbnail_prompt=content.thumbnail_prompt,
        narrate=bool(request["narrate"]),
    )
    made = await preview.make(order, folder, hub.engine, hub.settings, report)
    whole = content.model_copy(
        update={
            "description": metadata.description(str(extra["summary"]), str(extra["chapters"]), made.scenes),
            "estimated_duration_sec": made.seconds,
            "script": tuple(
                {**timed.scene.as_json(), "start": timed.start, "end": timed.end} for timed in made.scenes
            ),
            "narration": Narration(
                spoken=made.voice is not None,
                reason=f"spoken by {made.voice}" if made.voice else made.unspoken,
            ),
            "extra": {**extra, "notices": list(made.notices), "model": made.model},
        }
    )
    return await _in_thread(_finish, pipeline, draft.id, whole, made)


def _finish(pipeline: Pipeline, draft: str, content: DraftContent, made: preview.Preview) -> Draft:
    pipeline.keep_content(draft, content)
    pipeline.keep_files(
        draft,
        {"preview": _file(made.video), "thumbnail": _file(made.thumbnail), "captions": _file(made.captions)},
    )
    pipeline.note(draft, None)
    return pipeline.move(draft, "previewed")


def _file(path: Path) -> DraftFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return DraftFile(path=path, sha256=digest, size=path.stat().st_size)


def _begin(pipeline: Pipeline, content: DraftContent) -> tuple[Draft, FileLock]:
    """Keep a new draft and hold its lock.

    Raises:
        Unavailable: its folder can't be made.
    """
    draft = pipeline.create(content)
    lock = _locked(pipeline, draft)
    if lock is None:
        pipeline.move(draft, "failed", "its folder can't be written")
        raise Unavailable(
            "The folder of the draft can't be written; the user finds it as youtube/drafts in ALYA_HOME"
        )
    pipeline.note(draft, {"phase": "script", "done": round(_SCRIPT)})
    return pipeline.get(draft), lock


def _left_behind(pipeline: Pipeline, request: Request) -> tuple[Draft, FileLock] | None:
    """The draft of this request whose maker ended, and its lock; others left behind become failed."""
    found: tuple[Draft, FileLock] | None = None
    for draft in pipeline.list("drafted", limit=_LOOKED_AT).drafts:
        kept = draft.content.extra.get("request")
        old = datetime.now(UTC) - draft.created_at > _UNLOCKED
        if kept is None or (draft.progress is None and not old):
            continue
        lock = _locked(pipeline, draft.id)
        if lock is None:
            continue
        if pipeline.get(draft.id).state != "drafted":
            lock.release()  # made meanwhile
        elif found is None and dict(kept) == dict(request):
            found = (draft, lock)
        else:
            pipeline.note(draft.id, None)
            pipeline.move(draft.id, "failed", "the process that made it ended before it was done")
            lock.release()
    return found


def _locked(pipeline: Pipeline, draft: str) -> FileLock | None:
    """The draft's lock, held; None when another process has it or it can't be had."""
    try:
        lock = FileLock(pipeline.folder(draft) / "lock")
        return lock if lock.acquire() else None
    except OSError:
        return None


@asynccontextmanager
async def _failing(pipeline: Pipeline, draft: Draft) -> AsyncGenerator[None]:
    """Bring the draft into state `failed`, with the reason, when the body doesn't end well."""
    try:
        yield
    except BaseException as error:
        reason = str(error) if isinstance(error, Failure) else "an error in alya-mcp; see its log"
        if isinstance(error, asyncio.CancelledError):
            reason = "cancelled"
        with anyio.CancelScope(shield=True):
            try:
                await _in_thread(pipeline.note, draft.id, None)
                await _in_thread(pipeline.move, draft.id, "failed", reason)
            except Failure as failure:
                _log.warning("the draft %s couldn't be marked as failed: %s", draft.id, failure)
        raise


async def _in_thread(work: Any, *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(partial(work, *arguments))
