"""The wheel, the sdist, the bundle and the plugin, as they are built, with the source tree gone."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, environment

from alya_mcp import __version__
from alya_mcp.tools import NAMES

ROOT = Path(__file__).parents[2]
LARGEST_BASE = 80e6


def build(out: Path, *how: str, at: int = 1_000_000_000, **variables: str) -> dict[str, str]:
    """Build the packages from a copy of the checkout whose files are of a time; the SHA-256 of each."""
    tree = out / "tree"
    tree.mkdir(parents=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for name in (*parts, "pyproject.toml", ".gitignore"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    for each in tree.rglob("*"):
        os.utime(each, (at, at))
    command = [sys.executable, "-m", *how, str(out / "dist")]
    subprocess.run(command, check=True, cwd=tree, env=os.environ | variables, capture_output=True)
    shutil.rmtree(tree)
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in (out / "dist").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, of a tree that is gone."""
    out = tmp_path_factory.mktemp("built")
    build(out, "build", "--no-isolation", "--outdir")
    return out / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv, installed as a user would from PyPI."""
    tools = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", tools], check=True)
    subprocess.run([tools / "bin" / "pip", "install", "-q", "uv"], check=True)
    return tools / "bin" / "uv"


def test_two_builds_are_the_same_to_the_byte(tmp_path: Path) -> None:
    both = ("hatchling", "build", "-t", "wheel", "-t", "sdist", "-d")
    first = build(tmp_path / "first", *both)
    second = build(tmp_path / "second", *both, at=2_000_000_000, TZ="Asia/Tokyo", HOME=str(tmp_path))
    assert first == second
    assert {name.rpartition(".")[2] for name in first} == {"whl", "gz"}


@pytest.mark.slow
def test_the_wheel_out_of_the_sdist_is_the_one_out_of_the_tree(tmp_path: Path, built: Path) -> None:
    first = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in built.iterdir()}
    assert first == build(tmp_path, "hatchling", "build", "-d")


@pytest.mark.slow
def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {
        "alya_mcp/policy.json",
        "alya_mcp/docs/README.md",
        "alya_mcp/server/first_answers.json",
        "alya_mcp/tools/outlines.json",
        "alya_mcp/tools/images/picture.html",
    } <= set(names)
    others = [name for name in names if not re.match(r"alya_mcp(/|-[^/]*\.dist-info/)", name)]
    assert others == []
    assert [name for name in names if "__pycache__" in name or "/tests/" in name] == []


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_the_wheel_works_in_an_environment_of_its_own(version: str, wheel: Path, tmp_path: Path) -> None:
    python = sys.executable if version == "3.11" else shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"no Python {version} on this machine")
    folder = tmp_path / "env"
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip"]
    subprocess.run([*pip, "install", "-q", "-c", ROOT / "constraints.txt", wheel], check=True)
    subprocess.run([*pip, "check"], check=True, capture_output=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    subprocess.run([*pip, "uninstall", "-q", "-y", "pip", "setuptools"], check=True)
    size = sum(each.stat().st_size for each in site.rglob("*") if each.is_file())
    assert size <= LARGEST_BASE, f"{size / 1e6:.1f} MB"
    _drive([str(folder / "bin" / "alya-mcp")], tmp_path)


@pytest.mark.slow
def test_the_bundle_starts_as_its_manifest_says(wheel: Path, uv: Path, tmp_path: Path) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("the official tool needs Node")
    packed = _made(["packaging/bundle/build.py", tmp_path / "out", "--wheel", wheel])
    assert packed.name == "alya-mcp.mcpb"
    folder = tmp_path / "person" / "Claude Extensions" / "alya-mcp"
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["version"], [tool["name"] for tool in manifest["tools"]]) == (__version__, list(NAMES))
    started = manifest["server"]["mcp_config"]
    command = [word.replace("${__dirname}", str(folder)) for word in (started["command"], *started["args"])]
    env = {**started["env"], "PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}"}  # every field left empty
    _serve(command, tmp_path, env)
    with _server(command, tmp_path, env | {"UV_OFFLINE": "1"}) as client:  # every later start asks nobody
        drawn = client.call("image_gen", {"prompt": "a star", "wait": 600})["result"]
    assert drawn["isError"]
    named = drawn["content"][0]["text"].rpartition("The user can run: ")[2]
    assert named.startswith("~/Claude\\ Extensions/")
    assert named.endswith("/bin/alya-mcp engine install")
    asked = f"{named.removesuffix('install')}status --output json"
    status = subprocess.run(["sh", "-c", asked], env=_environment(tmp_path), capture_output=True, check=False)
    assert json.loads(status.stdout)["installed"] is False, status.stderr


@pytest.mark.slow
def test_the_plugin_starts_from_its_wheel(wheel: Path, uv: Path, tmp_path: Path) -> None:
    out = _made(["packaging/plugin/build.py", tmp_path / "market", "--wheel", wheel])
    (listed,) = json.loads((out / ".claude-plugin" / "marketplace.json").read_text())["plugins"]
    plugin = out / listed["source"]
    held = json.loads((plugin / ".claude-plugin" / "plugin.json").read_text())
    assert (held["name"], held["version"]) == (listed["name"], __version__)
    server: Mapping[str, Any] = json.loads((plugin / ".mcp.json").read_text())["mcpServers"]["alya-mcp"]
    words = [server["command"], *server["args"]]
    command = [word.replace("${CLAUDE_PLUGIN_ROOT}", str(plugin)) for word in words]
    _serve(command, tmp_path, {"PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}"})


@pytest.mark.slow
@pytest.mark.parametrize("how", ["uv tool", "uvx"])
def test_a_client_starts_what_uv_made_after_its_cache_is_gone(
    how: str, wheel: Path, uv: Path, tmp_path: Path
) -> None:
    env = _environment(tmp_path, PATH=f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    env |= {"UV_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path / "person")}
    env = {name: value for name, value in env.items() if not name.startswith("XDG_")}
    if how == "uv tool":
        subprocess.run([uv, "tool", "install", "-q", wheel], env=env, check=True)
        command = [str(tmp_path / "person" / ".local" / "bin" / "alya-mcp")]
    else:
        command = [str(uv), "tool", "run", "-q", "--from", str(wheel), "alya-mcp"]
    file = tmp_path / "mcp.json"
    subprocess.run([*command, "install", "cursor", "--config", file], env=env, check=True, cwd=tmp_path)
    entry = json.loads(file.read_text())["mcpServers"]["alya-mcp"]
    assert Path(entry["command"]).is_absolute()
    assert str(tmp_path / "cache") not in json.dumps(entry)
    shutil.rmtree(tmp_path / "cache")
    _serve([entry["command"], *entry["args"]], tmp_path, {"UV_CACHE_DIR": str(tmp_path / "cache")})


def _made(words: list[object]) -> Path:
    ran = subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True, text=True)
    return Path(ran.stdout.split()[-1])


def _environment(folder: Path, **extra: str) -> dict[str, str]:
    env = environment(folder / "home", HOME=str(folder / "person"), **extra)
    return {name: value for name, value in env.items() if not name.startswith(("VIRTUAL_ENV", "PYTHONPATH"))}


@contextmanager
def _server(command: list[str], folder: Path, extra: Mapping[str, str]) -> Iterator[RawClient]:
    with RawClient(_environment(folder, **extra), folder / "errors.log", command) as client:
        client.initialize()
        yield client


def _serve(command: list[str], folder: Path, extra: Mapping[str, str]) -> None:
    """Start a server as a client does: it answers, lists every tool and judges a call."""
    with _server(command, folder, extra) as client:
        listed = client.request("tools/list")["result"]["tools"]
        assert [tool["name"] for tool in listed] == list(NAMES)
        assert not client.call("alya_status")["result"].get("isError")


def _drive(command: list[str], folder: Path) -> None:
    """Use an installation as a user does, in a folder that has nothing to do with it."""
    env = _environment(folder)

    def run(*words: str) -> str:
        ran = subprocess.run(
            [*command, *words], env=env, cwd=folder, capture_output=True, text=True, check=True
        )
        return ran.stdout

    assert run("--version") == f"alya-mcp {__version__}\n"
    assert json.loads(run("doctor", "--output", "json"))["ok"] is True
    assert [each["name"] for each in json.loads(run("tools", "--output", "json"))["tools"]] == list(NAMES)
    run("policy", "init")
    run("policy", "check", str(folder / "home" / "policy.json"))
    run("install", "claude-desktop")
    configured = folder / "person" / ".config" / "Claude" / "claude_desktop_config.json"
    entry = json.loads(configured.read_text())["mcpServers"]["alya-mcp"]
    _serve([entry["command"], *entry["args"]], folder, entry.get("env", {}))
    assert json.loads(run("audit", "verify", "--output", "json"))["whole"] is True
    run("uninstall", "claude-desktop")
    assert not configured.exists()
