"""The files of a repository's model as the hub lists them: their names, sizes and checksums."""

import importlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from alya_mcp.errors import NotConfigured
from alya_mcp.images.weights.cache import CHECKSUM, File
from alya_mcp.images.weights.folder import INDEX, is_wanted, no_pipeline

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadPlan:
    """One commit of a repository; `index` is also among the `files`."""

    commit: str
    index: File
    files: tuple[File, ...]


def ask_hub(repository: str) -> DownloadPlan:
    """The files of the newest commit of `repository`.

    Raises:
        NotConfigured: it isn't a pipeline, or the hub doesn't provide sizes and checksums.
    """
    hub: Any = importlib.import_module("huggingface_hub")
    patience = importlib.import_module("huggingface_hub.constants").HF_HUB_ETAG_TIMEOUT
    info = hub.HfApi().model_info(repository, files_metadata=True, timeout=patience)
    commit = str(info.sha)
    if not _COMMIT.fullmatch(commit):
        raise _unusable(repository, "which commit it serves")
    wanted = [each for each in info.siblings if is_wanted(each.rfilename)]
    if all(each.rfilename != INDEX for each in wanted):
        raise no_pipeline(f"The repository {repository}")
    files = tuple(_file(repository, commit, each, patience) for each in wanted)
    return DownloadPlan(commit=commit, index=next(file for file in files if file.name == INDEX), files=files)


def _file(repository: str, commit: str, sibling: Any, patience: float) -> File:
    hub: Any = importlib.import_module("huggingface_hub")
    name, size = str(sibling.rfilename), sibling.size
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise NotConfigured(
            f"{repository} has a file with the name {name!r:.80}, which leads out of its folder"
        )
    checksum = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
    if size is None or checksum is None:
        # A mirror may list names only; its answer for a single file has the rest.
        found = hub.get_hf_file_metadata(hub.hf_hub_url(repository, name, revision=commit), timeout=patience)
        size, checksum = found.size, found.etag
    if size is None or size < 0 or not CHECKSUM.fullmatch(str(checksum)):
        raise _unusable(repository, f"size and checksum of {name}")
    return File(name=name, size=int(size), checksum=str(checksum))


def _unusable(repository: str, what: str) -> NotConfigured:
    return NotConfigured(
        f"The hub doesn't say {what}, so what it serves of {repository} can't be checked. Unset HF_ENDPOINT, "
        "or copy the model's folder from a machine that has it and set ALYA_IMAGE_MODEL to its path"
    )
