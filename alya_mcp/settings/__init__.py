"""Every environment variable that alya-mcp reads: one table, and what follows from it.

`sections` holds the table, `table` the typed value that it makes, `providers` and `notifiers` the outside
services with their addresses and secrets, `foreign` what libraries below read.
"""

from collections.abc import MutableMapping

from alya_mcp.runtime import environment as _environment
from alya_mcp.settings.reading import SettingsError
from alya_mcp.settings.sections.images import EngineName
from alya_mcp.settings.sections.services import ModelKind
from alya_mcp.settings.sections.storage import Encryption
from alya_mcp.settings.table import Settings
from alya_mcp.settings.variables import (
    GOVERNING,
    environment_of,
    secret_words,
    secrets_in_links,
    unknown_variables,
)

__all__ = [
    "Encryption",
    "EngineName",
    "ModelKind",
    "Settings",
    "SettingsError",
    "environment_of",
    "secret_words",
    "secrets_in_links",
    "tidy",
    "unknown_variables",
]


def tidy(environment: MutableMapping[str, str]) -> dict[str, str]:
    """Put `environment` in order as `runtime.environment.tidy` says, in place; the placeholders in it."""
    return _environment.tidy(environment, GOVERNING)
