"""Every process that the package starts, by an interpreter and by a binary that has none to call."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import get_args

import anyio
import pytest
from pictures import end_store_process, fetch, picture
from raw_client import environment

from alya_mcp.app.diagnostics.probe import probe
from alya_mcp.errors import NotConfigured
from alya_mcp.images.bench.measure import baseline
from alya_mcp.images.weights import pull
from alya_mcp.images.worker.launcher import Launcher
from alya_mcp.runtime.python_process import ChildModule, module_command
from alya_mcp.settings import Settings
from alya_mcp.storage.local import LocalStore
from alya_mcp.tools.youtube.video import ffmpeg

pytestmark = pytest.mark.anyio

_BINARY = """#!{python} -P
import sys
sys.frozen, sys.executable = True, __file__
sys.path.insert(0, {root!r})
from alya_mcp.__main__ import main
main()
"""
"""A stand-in for a frozen binary: it knows the words of `alya-mcp` and none of an interpreter's."""


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    file = tmp_path / "alya-mcp-binary"
    file.write_text(_BINARY.format(python=sys.executable, root=str(Path(__file__).parents[2])))
    file.chmod(0o755)
    return file


async def probes(home: Path) -> None:
    assert probe(Settings(home=home, image_model="sketch"), 0).model == "alya-sketch"


async def compares(home: Path) -> None:
    found, _ = baseline(str(home / "no model"), 0)
    assert found["rates"]["wide"] > 0


async def fetches(home: Path) -> None:
    with pytest.raises(NotConfigured, match=r"model_index\.json"):
        pull(str(home / "no model"), lambda step: None)


async def makes_files(home: Path) -> None:
    asked = {"width": 1, "height": 1, "format": "png", "provenance": {}}
    command = module_command("alya_mcp.images.file_process")
    ended = await anyio.run_process(command, input=json.dumps(asked).encode() + b"\nRGB")
    head, _, files = ended.stdout.partition(b"\n")
    assert json.loads(head)["suffix"] == "png"
    assert files.startswith(b"\x89PNG")


async def works(home: Path) -> None:
    link = await Launcher(home, module_command("alya_mcp.images.worker.main")).join()
    assert link.hello.pid != os.getpid()
    await link.close()


async def serves(home: Path) -> None:
    stored = await LocalStore(home).put(picture(), expires_in=600)
    assert fetch(stored.url).body == picture().data
    end_store_process(home)


async def renders(home: Path) -> None:
    said: list[str] = []

    async def line(text: str) -> None:
        said.append(text)

    await ffmpeg.run(["-version"], home, line)
    assert said[0].startswith("ffmpeg version")


async def speaks(home: Path) -> None:
    command = module_command("alya_mcp.tools.youtube.video.voices.kokoro_child")
    ended = await anyio.run_process(command, input=b"{}\n")
    assert b"Kokoro can't speak: KeyError" in ended.stdout


async def notifies(home: Path) -> None:
    env = {**os.environ, "ALYA_HOME": str(home)}
    await anyio.run_process(module_command("alya_mcp.notify.main"), env=env)  # nothing waits, so it ends
    assert (home / "notify").is_dir()


STARTS: dict[ChildModule, Callable[[Path], Awaitable[None]]] = {
    "alya_mcp.app.diagnostics.probe": probes,
    "alya_mcp.images.bench.baseline": compares,
    "alya_mcp.images.file_process": makes_files,
    "alya_mcp.images.weights.child": fetches,
    "alya_mcp.images.worker.main": works,
    "alya_mcp.notify.main": notifies,
    "alya_mcp.storage.link_server": serves,
    "alya_mcp.tools.youtube.video.ffmpeg_child": renders,
    "alya_mcp.tools.youtube.video.voices.kokoro_child": speaks,
}


@pytest.mark.parametrize("module", get_args(ChildModule))
async def test_a_frozen_binary_starts(
    module: ChildModule, alya_home: Path, binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(binary))
    await STARTS[module](alya_home)


def test_a_frozen_binary_starts_the_server_that_a_call_needs(alya_home: Path, binary: Path) -> None:
    ended = subprocess.run(
        [binary, "call", "alya_usage"],
        env=environment(alya_home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("words", [[], ["os"], ["alya_mcp.cli.main"]])
def test_no_other_module_is_run(words: list[str]) -> None:
    command = [sys.executable, "-m", "alya_mcp", "--run-module", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert repr("".join(words)) in ended.stderr


def test_the_current_folder_is_not_where_a_module_comes_from(tmp_path: Path) -> None:
    trap = tmp_path / "alya_mcp"
    trap.mkdir()
    (trap / "__init__.py").write_text("raise SystemExit('a module of the current folder')")
    command = module_command("alya_mcp.storage.link_server", str(tmp_path), "0", "instance", "")
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "")  # there is no key, so nothing to serve
