"""The process that downloads or checks a model. It reports to its parent on stdout, a JSON object a line.

Files are downloaded by HTTP with range requests into the cache's layout: a partial file is resumed, and a
file gets its final path only after it was verified.
"""

import errno
import importlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

from alya_mcp.errors import Failure, NotConfigured, Unavailable, kind_of
from alya_mcp.images.weights.cache import File, Snapshot, cached, files_in, fits
from alya_mcp.images.weights.folder import require_pipeline, require_plain, require_whole
from alya_mcp.images.weights.plan import DownloadPlan, ask_hub
from alya_mcp.images.weights.refusals import ELSEWHERE, Gated, explain, offline, require_usable_settings
from alya_mcp.images.weights.transfer import Transfer

_POLL: Final = 0.5
_AT_ONCE: Final = 4
_SPARE: Final = 10**9
_CLOSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def main() -> None:
    """Download the repository named by the only argument; a folder's full path is only checked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    model = sys.argv[1]
    try:
        _say(_check(Path(model)) if Path(model).is_absolute() else _bring(model))
    except Exception as error:  # noqa: BLE001 - the HTTP libraries below have errors of their own
        failure = explain(error, model)
        if isinstance(failure, Gated):
            _say({"kind": "Gated", "repository": failure.repository, "why": failure.why})
        else:
            _say({"kind": kind_of(failure), "message": str(failure)})
    # Threads that still wait for the network can be dropped.
    os._exit(0)


def _bring(repository: str) -> dict[str, Any]:
    constants: Any = importlib.import_module("huggingface_hub.constants")
    try:
        if constants.HF_HUB_OFFLINE:
            raise offline(repository)
        hub: Any = importlib.import_module("huggingface_hub")
        require_usable_settings(constants.ENDPOINT, hub.get_token())
        plan = ask_hub(repository)
    except Exception as error:  # noqa: BLE001 - see main
        failure = explain(error, repository)
        folder = cached(repository)
        if folder is None or not (constants.HF_HUB_OFFLINE or isinstance(failure, Unavailable)):
            raise failure from None
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "The Hugging Face hub can't be reached"
        return _check(folder, f"{why}, so whether there is a newer version wasn't asked.")
    snapshot = Snapshot(
        Path(constants.HF_HUB_CACHE),
        repository,
        plan.commit,
        links=not getattr(constants, "HF_HUB_DISABLE_SYMLINKS", False),
    )
    try:
        return _fetch(repository, plan, snapshot)
    except OSError as error:
        folder = cached(repository)
        if folder is None or error.errno not in _CLOSED:
            raise
        why = f"The Hugging Face cache can't be written ({os.strerror(error.errno)})"
        return _check(folder, f"{why}, so nothing newer could be fetched.")


def _fetch(repository: str, plan: DownloadPlan, snapshot: Snapshot) -> dict[str, Any]:
    snapshot.prepare()
    what = f"The repository {repository}"
    had = sum(map(snapshot.arrived, plan.files))
    utils: Any = importlib.import_module("huggingface_hub.utils")
    transfer = Transfer(repository, plan.commit, snapshot)
    damaged: list[str] = []
    hashed: dict[str, int] = {}

    def settle(file: File) -> None:
        with utils.WeakFileLock(snapshot.lock(file)):
            if snapshot.arrived(file) < file.size:
                transfer(file)
            path = snapshot.whole(file) or snapshot.part(file)
            if fits(path, file, lambda done: hashed.__setitem__(file.name, done)):
                snapshot.keep(file)
            else:
                damaged.append(file.name)
                snapshot.drop(file)

    def bring(file: File) -> None:
        with utils.WeakFileLock(snapshot.lock(file)):
            if snapshot.whole(file) is None:
                transfer(file)

    bring(plan.index)
    settle(plan.index)
    _require_intact(damaged, repository)
    require_pipeline(snapshot.folder, what)
    _require_space(
        snapshot.folder, repository, sum(file.size - snapshot.arrived(file) for file in plan.files)
    )
    for file in plan.files:  # before gigabytes are downloaded in vain
        if file.name.endswith("/config.json"):
            bring(file)
            settle(file)
    _require_intact(damaged, repository)
    require_plain(snapshot.folder, what)
    _run("download", plan.files, bring, lambda: sum(map(snapshot.arrived, plan.files)))
    _run("verify", plan.files, settle, lambda: sum(hashed.values()))
    _require_intact(damaged, repository)
    require_whole(snapshot.folder, what)
    snapshot.publish()
    size = sum(file.size for file in plan.files)
    return {
        "folder": str(snapshot.folder),
        "size": size,
        "downloaded": size - had,
        "files": len(plan.files),
        "verified": True,
        "notice": None,
    }


def _check(folder: Path, notice: str | None = None) -> dict[str, Any]:
    """Check that `folder` is complete and matches its checksums, if it has any; changes nothing."""
    what = f"The folder {folder}" if notice is None else "The model in the Hugging Face cache"
    require_whole(folder, what)
    files = files_in(folder)
    hashed: dict[str, int] = {}
    damaged: list[str] = []

    def verify(file: File) -> None:
        if not fits(folder / file.name, file, lambda done: hashed.__setitem__(file.name, done)):
            damaged.append(file.name)

    known = [file for file in files if file.checksum is not None]
    _run("verify", known, verify, lambda: sum(hashed.values()))
    if damaged:
        raise NotConfigured(
            f"{what} is damaged: {', '.join(sorted(damaged))} doesn't fit its checksum. Copy it again, or "
            "download it again with: alya-mcp model pull"
        )
    return {
        "folder": str(folder),
        "size": sum(file.size for file in files),
        "downloaded": 0,
        "files": len(files),
        "verified": len(known) == len(files),
        "notice": notice,
    }


def _run(phase: str, files: Sequence[File], work: Callable[[File], None], done: Callable[[], int]) -> None:
    """Do `work` for all `files`, a few at a time, and report progress; the first error ends it."""
    total = sum(file.size for file in files)
    pool = ThreadPoolExecutor(_AT_ONCE)
    jobs = [pool.submit(work, file) for file in files]
    try:
        while True:
            ended, left = wait(jobs, timeout=_POLL, return_when=FIRST_EXCEPTION)
            for job in ended:
                job.result()
            _say({"step": phase, "done": min(done(), total), "total": total})
            if not left:
                return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _require_intact(damaged: Sequence[str], repository: str) -> None:
    if damaged:
        raise Failure(
            f"{', '.join(sorted(damaged))} of {repository} didn't fit the checksum that the hub names, and "
            f"was removed. Pull the model again: alya-mcp model pull {repository}"
        )


def _require_space(folder: Path, repository: str, missing: int) -> None:
    free = shutil.disk_usage(folder).free
    if missing and missing + _SPARE > free:
        raise NotConfigured(
            f"{repository} needs {missing / 1e9:.1f} GB more, and 1 GB to spare, on the disk of the Hugging "
            f"Face cache, where {free / 1e9:.1f} GB are free. Make room, or set HF_HOME to a folder "
            f"on a larger disk. {ELSEWHERE}"
        )


def _say(words: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)  # the parent has ended


def _end_with_starter() -> None:
    while os.read(0, 1024):
        pass
    # Give a finished download time to report; otherwise nothing reads the report any more.
    time.sleep(_POLL)
    os._exit(1)
