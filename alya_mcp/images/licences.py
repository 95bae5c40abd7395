"""Licences that a user has to accept before a model is used: those that allow no commercial use."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, cast

from alya_mcp.errors import NotConfigured
from alya_mcp.images.families import MODELS, Licence, known
from alya_mcp.runtime.private_files import private_folder, write_private

_FILE: Final = "accepted-licences.json"


class Licensed(Protocol):
    """A model with a known licence; `setting` is its name in settings and commands."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def setting(self) -> str: ...  # noqa: D102
    @property
    def repository(self) -> str: ...  # noqa: D102
    @property
    def licence(self) -> Licence: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class _HubModel:
    """A model that is known only by its hub id, with a licence that forbids commercial use."""

    name: str
    repository: str
    licence: Licence

    @property
    def setting(self) -> str:
        """Its hub id."""
        return self.repository


def _of_flux1_dev(name: str) -> _HubModel:
    repository = f"black-forest-labs/{name}"
    url = f"https://huggingface.co/{repository}"
    terms = Licence(name="FLUX.1 [dev] Non-Commercial License", url=url, commercial=False)
    return _HubModel(name, repository, terms)


_BY_HUB_ID: Final = {
    each.repository.lower(): each for each in map(_of_flux1_dev, ("FLUX.1-dev", "FLUX.1-Krea-dev"))
}


def licensed(word: str) -> Licensed | None:
    """The model whose licence is known, by its setting, name, repository or hub id, in any case."""
    return known(word) or _BY_HUB_ID.get(word.lower())


def to_accept() -> list[str]:
    """The names of models whose licences must be accepted."""
    return [each.setting for each in (*MODELS, *_BY_HUB_ID.values()) if not each.licence.commercial]


def accept(home: Path, model: Licensed) -> None:
    """Record in `home` that the user accepts the licence of `model`."""
    noted = {**_noted(home), model.repository: {"licence": model.licence.name, "accepted": _now()}}
    private_folder(home)
    write_private(home / _FILE, json.dumps(noted, indent=2).encode())


def is_accepted(home: Path, model: Licensed) -> bool:
    """Whether `model` may be used: it needs no acceptance, or the user has accepted its licence."""
    if model.licence.commercial:
        return True
    noted = _noted(home).get(model.repository)
    return isinstance(noted, dict) and cast("dict[str, Any]", noted).get("licence") == model.licence.name


def require_accepted(home: Path, wanted: str) -> None:
    """Check that the model of a setting may be used. Unknown licences are not checked.

    Raises:
        NotConfigured: the user must accept its licence first.
    """
    model = licensed(wanted)
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
