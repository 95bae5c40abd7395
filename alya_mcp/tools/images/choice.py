"""The model that a call chooses among those that the user enabled."""

from alya_mcp.errors import InvalidInput
from alya_mcp.images.families import SCHNELL, known
from alya_mcp.runtime.paths import expanded
from alya_mcp.settings import Settings


def chosen_model(settings: Settings, word: str | None) -> str | None:
    """The setting for a call's `model`, `word`; None for the user's default.

    Raises:
        InvalidInput: the user hasn't enabled it; the text names the enabled ones.
    """
    if word is None:
        return None
    model = known(word)
    enabled = dict.fromkeys((settings.image_model, *settings.image_models))
    for each in enabled:
        # `auto` is FLUX.1-schnell where that runs.
        meant = SCHNELL if each == "auto" else known(each)
        if word.lower() in {each.lower(), _name(each).lower()} or (model is not None and model is meant):
            return None if each == settings.image_model else each
    how = (
        f". The user can add {model.setting} to ALYA_IMAGE_MODELS, bring it with: alya-mcp model pull "
        f"{model.setting}, and restart the client"
        if model
        else ". The user can enable others with ALYA_IMAGE_MODELS"
    )
    raise InvalidInput(
        f"model is {word!r:.80}, which isn't enabled here; it takes {', '.join(map(_name, enabled))}, or "
        f"leave it out{how}"
    )


def _name(setting: str) -> str:
    """The name of a setting in calls: for a folder, whose path is private, its last part."""
    folder = expanded(setting)
    return folder.name if folder.is_absolute() else setting
