"""Weights from the Hugging Face hub: those already here, and the download in a process of its own.

A download in a process of its own can be stopped at once, whatever its library is busy with.
"""

import contextlib
import errno
import fnmatch
import importlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from alya_mcp.child import command
from alya_mcp.failures import Failure, NotConfigured, Unavailable

PATTERNS: Final = ("model_index.json", "*/*.json", "*/*.txt", "*/*.model", "*/*.safetensors")
"""The files of a diffusers pipeline, and no code, pickle or single-file copy of the weights."""

_POLL: Final = 0.5
_SPARE: Final = 1 << 30
_KINDS: Final[dict[str, type[Failure]]] = {
    "NotConfigured": NotConfigured,
    "Unavailable": Unavailable,
    "Failure": Failure,
}
_ELSEWHERE: Final = (
    "Or set ALYA_IMAGE_MODEL to a local folder with the model, or to 'sketch' for the small bundled one"
)


def cached(repository: str) -> Path | None:
    """The folder of `repository` in the Hugging Face cache; None when it isn't there in full."""
    hub: Any = importlib.import_module("huggingface_hub")
    index = hub.try_to_load_from_cache(repository, "model_index.json")
    if not isinstance(index, str):
        return None
    folder = Path(index).parent
    return folder if _complete(folder) else None


def download(repository: str, progress: Callable[[float, str], None]) -> Path:
    """Download `repository` into the cache, telling `progress` a share from 0 to 1; it may raise to stop.

    Raises:
        NotConfigured: when the person has to do something first: token, terms, disk space, a right name.
        Unavailable: when the hub can't be reached.
    """
    progress(0.0, f"Looking for {repository} on the Hugging Face hub")
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [*command("alya_mcp.images.fetch"), repository],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    said: list[dict[str, Any]] = []
    listener = threading.Thread(target=_listen, args=(child, said), daemon=True)
    listener.start()
    try:
        while listener.is_alive():
            listener.join(_POLL)
            plan = next((words for words in said if "total" in words), None)
            if plan is not None:
                total = max(1, plan["total"])
                here = min(_size(Path(plan["blobs"])), total)
                progress(here / total, f"Downloading {repository}: {here / 1e9:.1f} of {total / 1e9:.1f} GB")
            else:
                progress(0.0, f"Looking for {repository} on the Hugging Face hub")
    finally:
        child.kill()
        child.wait()
        listener.join()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
    last = said[-1] if said else {}
    if "folder" in last:
        return Path(last["folder"])
    if "kind" in last:
        raise _KINDS[last["kind"]](last["message"])
    raise Unavailable(
        f"The download of {repository} ended unexpectedly; call again to go on where it stopped"
    )


def main() -> None:
    """Download the repository named by the one argument; tell the starter on stdout, a JSON object a line."""
    threading.Thread(target=_end_with_starter, daemon=True).start()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    repository = sys.argv[1]
    try:
        _say({"folder": str(_fetch(repository))})
    except Failure as failure:
        kind = next(name for name, cls in _KINDS.items() if isinstance(failure, cls))
        _say({"kind": kind, "message": str(failure)})


def _fetch(repository: str) -> Path:
    hub: Any = importlib.import_module("huggingface_hub")
    errors: Any = importlib.import_module("huggingface_hub.errors")
    page = f"https://huggingface.co/{repository}"
    try:
        if _is_offline():
            _raise_offline(repository)
        total, missing = _sizes(hub, repository)
        index = hub.hf_hub_download(repository, "model_index.json")
        require_flux(Path(index).parent, f"The repository {repository}")
        cache = Path(importlib.import_module("huggingface_hub.constants").HF_HUB_CACHE)
        _require_space(cache, repository, missing)
        _say({"total": total, "blobs": str(cache / f"models--{repository.replace('/', '--')}" / "blobs")})
        return Path(hub.snapshot_download(repository, allow_patterns=list(PATTERNS)))
    except Failure:
        raise
    except errors.GatedRepoError:
        token = "The token in HF_TOKEN has no access" if os.environ.get("HF_TOKEN") else "HF_TOKEN is not set"
        raise NotConfigured(
            f"{repository} is a gated model and the hub refused it. {token}. The person can accept its "
            f"terms at {page}, create a token at https://huggingface.co/settings/tokens, set HF_TOKEN to it "
            f"and restart the client. {_ELSEWHERE}"
        ) from None
    except errors.RepositoryNotFoundError:
        raise NotConfigured(
            f"The hub knows no model {repository}, or it is private and HF_TOKEN gives no access to it. "
            f"Check ALYA_IMAGE_MODEL and HF_TOKEN. {_ELSEWHERE}"
        ) from None
    except errors.RemoteEntryNotFoundError:
        raise NotConfigured(
            f"{repository} is not a model that alya-mcp can draw with: it has no model_index.json. "
            f"{_ELSEWHERE}"
        ) from None
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError) as error:
        status = _status_of(error)
        if status is None:
            raise _unreachable(repository) from None
        if status in {401, 403}:
            raise NotConfigured(
                f"The hub refused {repository} (status {status}). The person can check that the token in "
                f"HF_TOKEN is valid and that its account has accepted the terms at {page}. {_ELSEWHERE}"
            ) from None
        raise Unavailable(
            f"The Hugging Face hub answered with status {status} for {repository}; call again later. "
            f"{_ELSEWHERE}"
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NotConfigured(
                f"The disk filled up while {repository} was downloaded. Make room, or set HF_HOME to a "
                f"folder on a larger disk, and call again: what is here is kept. {_ELSEWHERE}"
            ) from None
        sys.stderr.write(f"download failed: {type(error).__name__}: {error}\n")
        raise Unavailable(
            f"The download of {repository} broke off ({type(error).__name__}); call again to go on where it "
            f"stopped. {_ELSEWHERE}"
        ) from None
    except Exception as error:  # noqa: BLE001 - the HTTP libraries below have errors of their own
        sys.stderr.write(f"download failed: {type(error).__name__}: {error}\n")
        raise _unreachable(repository) from None


def require_flux(folder: Path, what: str) -> None:
    """See that `folder` holds a FLUX pipeline; `what` names it in the message.

    Raises:
        NotConfigured: when it doesn't.
    """
    try:
        index: object = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except OSError:
        raise NotConfigured(
            f"{what} is not a model that alya-mcp can draw with: it has no model_index.json. It takes a FLUX "
            "pipeline as diffusers saves it"
        ) from None
    except ValueError:
        raise NotConfigured(
            f"{what} has a model_index.json that isn't JSON; download the model again"
        ) from None
    kind = cast("dict[str, Any]", index).get("_class_name") if isinstance(index, dict) else None
    if kind != "FluxPipeline":
        raise NotConfigured(f"{what} holds a {kind!s:.60}; alya-mcp draws with a FluxPipeline only")


def _status_of(error: BaseException | None) -> int | None:
    """The hub's answer behind `error`, which the library may hide behind one of its own; None without any."""
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        error = error.__cause__
    return None


def _unreachable(repository: str) -> Unavailable:
    return Unavailable(
        f"The weights of {repository} are not on this machine and the Hugging Face hub can't be reached. "
        f"Call again when the network is back. {_ELSEWHERE}"
    )


def _is_offline() -> bool:
    return bool(importlib.import_module("huggingface_hub.constants").HF_HUB_OFFLINE)


def _raise_offline(repository: str) -> NoReturn:
    raise NotConfigured(
        f"The weights of {repository} are not on this machine in full, and HF_HUB_OFFLINE forbids the "
        f"download. The person can unset it and restart the client. {_ELSEWHERE}"
    ) from None


def _sizes(hub: Any, repository: str) -> tuple[int, int]:
    """Bytes of the model in all, and of what still has to be downloaded."""
    files = [
        (str(file.rfilename), int(file.size or 0))
        for file in hub.HfApi().model_info(repository, files_metadata=True).siblings
        if any(fnmatch.fnmatch(file.rfilename, pattern) for pattern in PATTERNS)
    ]
    missing = sum(
        size for name, size in files if not isinstance(hub.try_to_load_from_cache(repository, name), str)
    )
    return sum(size for _, size in files), missing


def _require_space(cache: Path, repository: str, missing: int) -> None:
    folder = cache
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if missing + _SPARE > free:
        raise NotConfigured(
            f"{repository} needs {missing / 1e9:.1f} GB more on the disk of the Hugging Face cache, where "
            f"{free / 1e9:.1f} GB are free. Make room, or set HF_HOME to a folder on a larger disk. "
            f"{_ELSEWHERE}"
        )


def _complete(folder: Path) -> bool:
    """Whether every part that the index names has its weights, all shards of them."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        parts = [
            folder / name for name, entry in index.items() if isinstance(entry, list) and (entry[0] or "")
        ]
        for part in parts:
            for shards in part.glob("*.safetensors.index.json"):
                names = set(json.loads(shards.read_text(encoding="utf-8"))["weight_map"].values())
                if not all((part / name).exists() for name in names):
                    return False
            is_model = (part / "config.json").exists()
            if not part.is_dir() or (is_model and not any(part.glob("*.safetensors"))):
                return False
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    return bool(parts)


def _size(folder: Path) -> int:
    size = 0
    for file in folder.glob("*"):
        with contextlib.suppress(OSError):
            size += file.stat().st_size
    return size


def _listen(child: "subprocess.Popen[str]", said: list[dict[str, Any]]) -> None:
    if child.stdout is not None:
        for line in child.stdout:
            with contextlib.suppress(ValueError):
                said.append(json.loads(line))


def _say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def _end_with_starter() -> None:
    while os.read(0, 1024):
        pass
    # Give a finished download the time to say so; otherwise nobody listens any more.
    time.sleep(_POLL)
    os._exit(1)


if __name__ == "__main__":
    main()
