"""The models that alya-mcp knows by name: licence, whether they are enabled, whether they are here."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alya_mcp.app.diagnostics.machine import hub_cache
from alya_mcp.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A known model as it stands here; `size` is the download in bytes.

    `accepted` is whether its licence allows it to be used, `enabled` whether a call may draw with it, `here`
    whether its weights are in the Hugging Face cache in full.
    """

    name: str
    setting: str
    licence: str
    url: str
    size: int
    accepted: bool
    enabled: bool
    here: bool


def known_models(settings: Settings) -> Iterator[KnownModel]:
    """All of them; nothing is loaded or asked of the network."""
    from alya_mcp.images.families import MODELS, SCHNELL, known
    from alya_mcp.images.licences import is_accepted
    from alya_mcp.images.weights.folder import is_complete

    asked = (settings.image_model, *settings.image_models)
    enabled = [SCHNELL if each == "auto" else known(each) for each in asked]
    for model in MODELS:
        folder = snapshot_of(hub_cache(os.environ) / f"models--{model.repository.replace('/', '--')}")
        yield KnownModel(
            name=model.name,
            setting=model.setting,
            licence=model.licence.name,
            url=model.licence.url,
            size=model.size,
            accepted=is_accepted(settings.home, model),
            enabled=model in enabled,
            here=folder is not None and is_complete(folder),
        )


def snapshot_of(repository: Path) -> Path | None:
    """The folder of the commit that the cache names as the newest; None when it names none."""
    try:
        commit = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = repository / "snapshots" / commit
    return folder if folder.is_dir() else None
