"""Models by name: on the command line, or in ALYA_IMAGE_MODEL."""

from dataclasses import dataclass

import click

from alya_mcp.runtime.paths import expanded
from alya_mcp.settings import Settings


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model: the name to show, where it is (a repository, or a folder's full path), and its setting."""

    name: str
    source: str
    setting: str


def which(word: str | None, settings: Settings) -> NamedModel:
    """The model that `word` names; without one, the model that `settings` name.

    Raises:
        click.UsageError: when it is none, or no folder on this machine.
    """
    from alya_mcp.images.families import MODELS, SCHNELL, known
    from alya_mcp.images.models import HUB_ID, SKETCH, SKETCH_FOLDER, is_folder

    wanted = word or settings.image_model
    if model := SCHNELL if wanted == "auto" else known(wanted):
        return NamedModel(model.name, model.repository, model.setting)
    if wanted == "sketch":
        return NamedModel(SKETCH, str(SKETCH_FOLDER), "sketch")
    said = "MODEL" if word else "ALYA_IMAGE_MODEL"
    path = expanded(wanted)
    if path.is_absolute():
        if not is_folder(path):
            raise click.UsageError(f"{said} is {wanted!r}, and there is no such folder on this machine.")
        return NamedModel(path.name, str(path), str(path))
    if HUB_ID.fullmatch(wanted):
        return NamedModel(wanted, wanted, wanted)
    settings_of_known = ", ".join(f"'{model.setting}'" for model in MODELS)
    hint = f" Its full path is {path.resolve()}" if is_folder(path) else ""
    raise click.UsageError(
        f"{said} is {wanted!r:.80}; it takes {settings_of_known}, owner/name, or a folder's full path.{hint}"
    )
