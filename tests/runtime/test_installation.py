"""The command that adds an extra fits how alya-mcp was installed, and keeps the extras that are there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alya_mcp.errors import NotInstalled
from alya_mcp.runtime.installation import EXTRAS, Installation, Kind, this_installation

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("pip", "python -m pip install 'alya-mcp[image,s3]'"),
        ("uv", "uv pip install 'alya-mcp[image,s3]'"),
        ("pipx", "pipx install --force 'alya-mcp[image,s3]'"),
        ("uv tool", "uv tool install 'alya-mcp[image,s3]'"),
        ("uvx", "uvx --from 'alya-mcp[image,s3]' alya-mcp"),
        ("binary", "uv tool install 'alya-mcp[image,s3]'"),
    ],
)
def test_the_command_is_the_installers_and_names_the_extras_that_are_there(kind: Kind, command: str) -> None:
    here = Installation(kind, "alya-mcp", editable=False, extras=frozenset({"s3"}))
    assert here.command("image") == command
    assert here.command("image", "s3") == command
    assert command in here.advice("image")


def test_a_checkout_is_installed_again_as_it_was() -> None:
    here = Installation("pip", ".", editable=True, extras=frozenset())
    assert here.command("image") == "python -m pip install -e '.[image]'"
    assert here.command() == "python -m pip install -e '.'"


@pytest.mark.parametrize(
    ("mark", "kind"),
    [("uv-receipt.toml", "uv tool"), ("pipx_metadata.json", "pipx"), ("archive-v0/x/pyvenv.cfg", "uvx")],
)
def test_an_installer_is_known_by_what_it_leaves(tmp_path: Path, mark: str, kind: Kind) -> None:
    (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mark).touch()
    assert this_installation((tmp_path / mark).parent).kind == kind


def test_a_bundle_is_known_by_its_manifest_and_cannot_be_extended(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").touch()
    here = this_installation(tmp_path / ".venv")
    assert (here.kind, here.requirement) == ("bundle", ".")
    assert "uv tool install '.[image" in here.advice("image")


def test_the_environment_of_the_tests_is_a_checkout_with_its_extras() -> None:
    here = this_installation()
    assert (here.kind, here.requirement, here.editable) == ("pip", ".", True)
    assert {"image", "s3"} <= here.extras
    told = str(NotInstalled("Search", "web"))
    assert here.command("web") in told
    assert str(ROOT) not in told


@pytest.mark.parametrize("on_path", [True, False])
def test_the_program_is_named_so_that_a_shell_runs_it_from_any_folder(on_path: bool, tmp_path: Path) -> None:
    folder = f"{Path(sys.executable).parent}{os.pathsep}" if on_path else ""
    env = {**os.environ, "PATH": f"{folder}/usr/bin:/bin", "ALYA_HOME": str(tmp_path)}
    code = "from alya_mcp.runtime.installation import *; print(this_installation().program)"
    named = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    program = named.stdout.strip()
    assert (program == "alya-mcp") is on_path
    ran = subprocess.run(
        ["sh", "-c", f"{program} --version"], check=True, capture_output=True, text=True, env=env, cwd="/"
    )
    assert ran.stdout.startswith("alya-mcp ")


INSTALL = {
    "uv": ["{uv} venv -q {folder}/env", "{uv} pip install -q --python {folder}/env {root}"],
    "uv tool": ["{uv} tool install -q {root}"],
    "pipx": ["{tools}/bin/pipx install -q {root}"],
}
FOUND = {
    "uv": "env/bin/python",
    "uv tool": "home/.local/share/uv/tools/alya-mcp/bin/python",
    "pipx": "home/.local/share/pipx/venvs/alya-mcp/bin/python",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", INSTALL)
def test_real_installers_are_recognised(kind: Kind, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    subprocess.run([sys.executable, "-m", "venv", tools], check=True)
    subprocess.run([tools / "bin/pip", "install", "-q", "uv", "pipx"], check=True)
    home = tmp_path / "home"
    home.mkdir()
    env = {**os.environ, "HOME": str(home), "UV_CACHE_DIR": str(tmp_path / "cache")}
    env.pop("XDG_DATA_HOME", None)
    for command in INSTALL[kind]:
        words = command.format(uv=tools / "bin/uv", tools=tools, folder=tmp_path, root=ROOT).split()
        subprocess.run(words, check=True, env=env, cwd=tmp_path)
    code = "from alya_mcp.runtime.installation import *; i = this_installation(); print(i.kind, *i.extras)"
    python = tmp_path / FOUND[kind]
    found = subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True, env=env, cwd=tmp_path
    )
    assert found.stdout.strip() == kind
    assert "image" in EXTRAS
