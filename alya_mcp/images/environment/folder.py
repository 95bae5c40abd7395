"""The files of the image engine's own environment, all of them in the folder `engine` of ALYA_HOME."""

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from alya_mcp.runtime.daemon import read_record
from alya_mcp.runtime.private_files import write_private


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A complete environment: the version that made it, its Python, its packages, and their origin.

    `build` is the kind of PyTorch that was asked for: a name of uv's `--torch-backend`, `index` for what the
    package index gives, `folder` for a folder of wheels. `requirements` are the packages that uv was given.
    """

    made_by: str
    python: str
    torch: str
    diffusers: str
    build: str
    requirements: tuple[str, ...]


class EngineFolder:
    """Where the environment of one ALYA_HOME is; nothing exists before it is installed."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "engine"
        self.environment = self.folder / "env"
        self.python = self.environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.pythons = self.folder / "python"
        self.downloads = self.folder / "downloads"
        self.uv = self.folder / "uv"
        self.record = self.folder / "installed.json"
        self.lock = home / "engine.lock"

    def read(self) -> Installed | None:
        """The installed environment; None if there is none or it is incomplete."""
        try:
            raw: dict[str, Any] = read_record(self.record)
            if not self.python.exists():
                return None
        except OSError:
            return None
        texts = {each.name: raw.get(each.name) for each in fields(Installed)}
        requirements = texts.pop("requirements")
        if not all(isinstance(text, str) for text in texts.values()) or not isinstance(requirements, list):
            return None
        return Installed(**texts, requirements=tuple(map(str, requirements)))  # type: ignore[arg-type]

    def write(self, installed: Installed) -> None:
        """Mark the environment as complete.

        Raises:
            OSError: it can't be written.
        """
        import json

        write_private(self.record, json.dumps(asdict(installed), indent=2).encode())

    def size(self) -> int:
        """Bytes on the disk."""
        seen: set[tuple[int, int]] = set()
        total = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                try:
                    status = (Path(folder) / name).lstat()
                except OSError:
                    continue
                if (status.st_dev, status.st_ino) not in seen or not status.st_ino:
                    seen.add((status.st_dev, status.st_ino))
                    total += status.st_size
        return total
