"""Real browsers for tests: Playwright with Debian's chromium, and packages from npm; skipped without them."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from raw_client import PATIENCE

AXE = "axe-core@4.14.1"


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api")
    where = shutil.which("chromium") or shutil.which("chromium-browser")
    if where is None:
        pytest.skip("chromium isn't installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=["--no-sandbox"])
        yield browser
        browser.close()


def npm(folder: Path, *packages: str) -> Path:
    """The modules of `packages` with their versions, which are used here and shipped nowhere."""
    command = shutil.which("npm")
    if command is None:
        pytest.skip("npm isn't installed")
    subprocess.run(
        [command, "install", "--silent", "--prefix", str(folder), *packages], check=True, timeout=PATIENCE
    )
    return folder / "node_modules"


def axe(folder: Path) -> str:
    """The text of axe-core."""
    return (npm(folder, AXE) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
