"""Licences that a user has to accept before a model is used: those that allow no commercial use."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.errors import NotConfigured
from alya_mcp.images.families import Model, known
from alya_mcp.runtime.private_files import private_folder, write_private

_FILE: Final = "accepted-licences.json"


def accept(home: Path, model: Model) -> None:
    """Note in `home` that the user accepts the licence of `model`."""
    noted = {**_noted(home), model.repository: {"licence": model.licence.name, "accepted": _now()}}
    private_folder(home)
    write_private(home / _FILE, json.dumps(noted, indent=2).encode())


def is_accepted(home: Path, model: Model) -> bool:
    """Whether `model` may be used: it needs no acceptance, or the user has accepted its licence."""
    if model.licence.commercial:
        return True
    noted = _noted(home).get(model.repository)
    return isinstance(noted, dict) and cast("dict[str, Any]", noted).get("licence") == model.licence.name


def require_accepted(home: Path, wanted: str) -> None:
    """See that the model that a setting wants may be used; one that isn't known is the user's own affair.

    Raises:
        NotConfigured: when the user has to accept its licence first.
    """
    model = known(wanted)
    if model is not None and not is_accepted(home, model):
        raise NotConfigured(
            f"{model.name} is under the {model.licence.name}, which allows no commercial use "
            f"({model.licence.url}). If that suits the user, they accept it with: alya-mcp model accept "
            f"{model.setting}"
        )


def _noted(home: Path) -> dict[str, Any]:
    try:
        read: object = json.loads((home / _FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
