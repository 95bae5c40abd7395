"""The environment that draws: found where it is, made by a known uv, and used only when it is whole."""

import hashlib
import http.server
import importlib
import json
import shutil
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from raw_client import processes_of

from alya_mcp.errors import EngineNotInstalled, Failure, NotConfigured, Unavailable, kind_of
from alya_mcp.images.encode import encode_with_preview, preview, shrunk
from alya_mcp.images.engine import Picture
from alya_mcp.images.environment import packages, uv
from alya_mcp.images.environment.folder import EngineFolder, Installed
from alya_mcp.images.environment.install import EngineRequest, fits, install, remove
from alya_mcp.images.file_process import make_file, require_file_packages, shrink
from alya_mcp.images.worker.launcher import Launcher
from alya_mcp.images.worker.leaving import send_away
from alya_mcp.runtime.locks import exclusive

ROOT = Path(__file__).parents[2]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's own environment can't draw."""
    monkeypatch.setattr(packages, "PACKAGES", ("a_package_that_is_not_here",))


def installed(**changed: object) -> Installed:
    stated = {
        "made_by": "0.1.0",
        "python": "3.11.7",
        "torch": "2.13.0+cpu",
        "diffusers": "0.42.1",
        "build": "cpu",
        "requirements": packages.requirements(),
    }
    return Installed(**{**stated, **changed})  # type: ignore[arg-type]


@pytest.fixture
def engine(alya_home: Path, elsewhere: None) -> EngineFolder:
    """An installed engine: the environment of the tests, under another name."""
    return install_at(alya_home)


def install_at(home: Path) -> EngineFolder:
    folder = EngineFolder(home)
    folder.folder.mkdir()
    folder.environment.symlink_to(sys.prefix, target_is_directory=True)
    folder.write(installed())
    return folder


def test_it_is_made_of_the_image_extra_and_what_that_shares_with_the_base():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["image"]
    names = {packages._NAME.match(each)[0] for each in packages.requirements()}  # type: ignore[index]
    assert names == {packages._NAME.match(each)[0] for each in extra} | {"platformdirs"}  # type: ignore[index]
    assert not any("extra" in each for each in packages.requirements())
    assert packages.constraints() == ROOT / "constraints.txt"


def test_a_file_is_the_same_wherever_it_is_made_and_nowhere_without_pillow(
    elsewhere: None, alya_home: Path, monkeypatch: pytest.MonkeyPatch
):
    drawn = Picture(
        pixels=bytes(range(192)) * 48,
        width=64,
        height=48,
        seed=7,
        steps=4,
        model="m",
        notice=None,
        timings={},
    )
    here = encode_with_preview(drawn, "webp", {"seed": "7"})
    small = [here[1], preview(replace(drawn, pixels=bytes(9216)))]
    smaller = [shrunk(each, 2) for each in small]
    require_file_packages(alya_home)  # a server of a Ray cluster has no torch
    assert make_file(drawn, "webp", {"seed": "7"}, alya_home) == here
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(EngineNotInstalled):
        require_file_packages(alya_home)
    install_at(alya_home)
    require_file_packages(alya_home)
    assert make_file(drawn, "webp", {"seed": "7"}, alya_home) == here
    assert shrink(small, alya_home) == smaller


def test_the_worker_runs_there_and_leaves_when_it_is_asked_to(engine: EngineFolder, alya_home: Path):
    async def come_and_go() -> None:
        launcher = Launcher(alya_home, None)
        link = await launcher.join()
        assert processes_of(alya_home)[link.hello.pid].split()[0] == str(engine.python)
        await link.close()
        await send_away(alya_home, 60)
        assert await launcher.find(5) is None

    anyio.run(come_and_go)


def test_nothing_is_sent_away_where_nothing_runs(alya_home: Path):
    anyio.run(send_away, alya_home, 1)


@pytest.mark.parametrize("lost", ["record", "python", "field"])
def test_what_is_not_whole_counts_as_not_installed(engine: EngineFolder, alya_home: Path, lost: str):
    if lost == "record":
        engine.record.write_text('{"made_by": "0.')
    elif lost == "python":
        engine.environment.unlink()
    else:
        engine.record.write_text(json.dumps({"made_by": "0.1.0", "requirements": []}))
    with pytest.raises(EngineNotInstalled, match="alya-mcp engine install"):
        packages.image_command("alya_mcp.images.worker.main", home=alya_home)


def test_one_of_a_version_with_other_packages_is_to_be_brought_up_to_date(
    engine: EngineFolder, alya_home: Path
):
    engine.write(installed(made_by="0.0.9", requirements=("torch>=1",)))
    with pytest.raises(NotConfigured, match=r"\b0\.0\.9\b") as told:
        packages.require_packages("image_gen", alya_home)
    assert kind_of(told.value) == "NotConfigured"
    assert not fits(engine.read(), EngineRequest())


def test_a_package_that_comes_or_goes_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ("alya_test_first", "alya_test_second")
    here = packages.PackagesHere(names)
    seen = [here()]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        importlib.invalidate_caches()  # the file system's clock may be coarse
        seen.append(here())
    shutil.rmtree(tmp_path / names[1])
    importlib.invalidate_caches()
    assert [*seen, here()] == [False, False, True, False]


def test_another_build_is_installed_only_when_it_is_asked_for():
    assert fits(installed(), EngineRequest())
    assert fits(installed(), EngineRequest(build="cpu"))
    assert not fits(installed(), EngineRequest(build="cu130"))
    assert not fits(None, EngineRequest())


# -- making it


def a_uv(path: Path, rest: str) -> Path:
    """A program that answers to `--version` as uv does, and then does `rest`."""
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo uv 0.13.9; exit 0; fi\n{rest}\n')
    path.chmod(0o755)
    return path


def test_when_uv_gives_up_nothing_is_installed_and_the_next_attempt_may_begin(
    engine: EngineFolder, alya_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("UV", str(a_uv(tmp_path / "uv", "exit 2")))
    for _ in range(2):
        with pytest.raises(Failure, match=r"\b2\b"):
            install(alya_home, EngineRequest(build="cpu"), lambda said: None)
        assert engine.read() is None


def test_packages_that_can_not_be_imported_are_not_called_installed(
    alya_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = EngineFolder(alya_home)
    makes = f'[ "$1" = venv ] && {sys._base_executable} -m venv --without-pip {folder.environment}; exit 0'  # type: ignore[attr-defined]
    monkeypatch.setenv("UV", str(a_uv(tmp_path / "uv", makes)))
    with pytest.raises(Failure, match="'torch'"):
        install(alya_home, EngineRequest(build="cpu"), lambda said: None)
    assert folder.read() is None
    assert remove(alya_home) > 0
    assert not folder.folder.exists()
    assert remove(alya_home) == 0


def test_two_do_not_install_at_once(alya_home: Path):
    folder = EngineFolder(alya_home)
    folder.folder.mkdir()
    with exclusive(folder.lock, wait=0):
        with pytest.raises(Unavailable, match="Another process"):
            install(alya_home, EngineRequest(build="cpu"), lambda said: None)
        with pytest.raises(Unavailable, match="Another process"):
            remove(alya_home)


# -- where uv comes from


class Index(http.server.BaseHTTPRequestHandler):
    """A package index that lists one file, and breaks off its first answer half way."""

    file: bytes
    name: str
    asked: list[str | None]

    def do_GET(self) -> None:
        if self.path == "/simple/uv/":
            self._send(200, f'<a href="../../files/{self.name}#sha256=1">{self.name}</a>'.encode())
            return
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self._send(206 if wanted else 200, self.file[begin:], cut=len(self.asked) == 1)

    def _send(self, status: int, body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Index]]:
    wheel = tmp_path / "made.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(a_uv(tmp_path / "inside", "exit 0"), f"uv-{uv.VERSION}.data/scripts/uv")
    name, _ = uv._wheel()
    handler = type("OneIndex", (Index,), {"file": wheel.read_bytes(), "name": name, "asked": []})
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setattr(uv, "_wheel", lambda: (name, digest))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for variable in ("UV", *uv._INDEX_VARIABLES):
        monkeypatch.delenv(variable, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        yield handler
        server.shutdown()
        thread.join()


def test_a_download_goes_on_where_it_broke_off_and_is_kept(
    index: type[Index], alya_home: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = EngineFolder(alya_home)
    with pytest.raises(Unavailable, match="goes on where it stopped"):
        uv.find_uv(folder, None, lambda said: None)
    found = uv.find_uv(folder, None, lambda said: None)
    assert index.asked == [None, f"bytes={len(index.file) // 2}-"]
    assert [each.name for each in folder.uv.iterdir()] == [uv.VERSION]
    assert uv.find_uv(folder, None, lambda said: None) == found
    assert len(index.asked) == 2


def test_a_file_with_another_digest_is_thrown_away(index: type[Index], alya_home: Path):
    index.asked.append(None)  # nothing breaks off
    index.file += b"and more"
    folder = EngineFolder(alya_home)
    with pytest.raises(Failure, match="SHA-256"):
        uv.find_uv(folder, None, lambda said: None)
    assert not any(folder.uv.iterdir())


def test_a_folder_of_wheels_has_to_hold_uv_and_keeps_it(index: type[Index], alya_home: Path, tmp_path: Path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    folder = EngineFolder(alya_home)
    with pytest.raises(NotConfigured, match=index.name):
        uv.find_uv(folder, wheels, lambda said: None)
    (wheels / index.name).write_bytes(index.file)
    assert uv.find_uv(folder, wheels, lambda said: None).is_relative_to(folder.uv)
    assert (wheels / index.name).exists()
    assert index.asked == []
