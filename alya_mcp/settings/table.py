"""All settings, as one typed value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, cast, get_args, get_type_hints

from alya_mcp.settings.reading import KEYS, URLS, read
from alya_mcp.settings.sections.images import ImageSettings
from alya_mcp.settings.sections.notices import NoticeSettings
from alya_mcp.settings.sections.services import ServiceSettings
from alya_mcp.settings.sections.state import StateSettings
from alya_mcp.settings.sections.storage import StorageSettings
from alya_mcp.settings.sections.videos import VideoSettings
from alya_mcp.settings.setting import Setting, variable_of

_SECTIONS: Final = (
    StateSettings,
    ImageSettings,
    StorageSettings,
    ServiceSettings,
    VideoSettings,
    NoticeSettings,
)
_HIDDEN: Final = "(set, hidden)"


@dataclass(frozen=True, kw_only=True)
class Settings(StateSettings, ImageSettings, StorageSettings, ServiceSettings, VideoSettings, NoticeSettings):
    """The settings; None where a variable without a default is unset.

    `source_urls` has the addresses that the user set for outside services, by the service's key, and those of
    agents' cards; `source_secrets` their secrets, by the variable's name.
    """

    source_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    source_secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings from `environment` (the process's own when None).

        Raises:
            SettingsError: naming every variable with an unusable value, and what it takes.
        """
        return cls(**read(SETTINGS, environment))

    @property
    def state_file(self) -> Path:
        """The database of limits, usage, approvals and grants."""
        return self.home / "state.sqlite"

    @property
    def audit_folder(self) -> Path:
        """The audit log."""
        return self.home / "audit"

    @property
    def stop_file(self) -> Path:
        """The file whose presence stops every call."""
        return self.home / "stopped"

    def describe(self) -> dict[str, str | None]:
        """Each variable with its value as text, secrets masked, None when unset."""
        described: dict[str, str | None] = {}
        for name, setting in SETTINGS.items():
            value: object = getattr(self, name)
            if isinstance(value, tuple):
                value = " ".join(cast("tuple[str, ...]", value)) or None
            secret = setting.secret and value is not None
            described[variable_of(name)] = _HIDDEN if secret else None if value is None else str(value)
        described |= {variable: self.source_urls.get(key) for variable, key in URLS.items()}
        return described | {v: _HIDDEN if v in self.source_secrets else None for v in KEYS}


def _rows() -> Iterator[tuple[str, Setting]]:
    for section in _SECTIONS:
        for name, hint in get_type_hints(section, include_extras=True).items():
            (setting,) = get_args(hint)[1:]
            yield name, setting


SETTINGS: Final[Mapping[str, Setting]] = dict(_rows())
"""What is known of each setting, by its name."""
