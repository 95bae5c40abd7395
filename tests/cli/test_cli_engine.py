"""`alya-mcp engine` where nothing is installed; scripts/release/check.sh installs one for real."""

import json
import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from command_line import Run

from alya_mcp.images.environment.folder import EngineFolder, Installed
from alya_mcp.images.environment.packages import requirements


def test_without_an_engine_it_says_so_and_there_is_nothing_to_remove(
    run: Run, without_extras: dict[str, str]
) -> None:
    ended = run("engine", "status", "--output", "json", **without_extras)
    assert ended.code == 1
    assert ended.json["usable"] is ended.json["installed"] is ended.json["ownEnvironment"] is False
    assert "alya-mcp engine install" in ended.json["problem"]
    gone = run("engine", "remove", "--output", "json")
    assert (gone.code, gone.json) == (0, {"removed": False, "bytes": 0})


def test_an_installation_with_the_extra_draws_by_itself(run: Run) -> None:
    ended = run("engine", "status", "--output", "json")
    assert (ended.code, ended.json["usable"], ended.json["ownEnvironment"]) == (0, True, True)


def test_the_list_of_packages_is_one_that_pip_takes(run: Run) -> None:
    ended = run("engine", "requirements")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert any(line.startswith("torch>=") for line in lines)
    assert any(line.startswith("uv==") for line in lines)
    assert Path(unquote(urlsplit(lines[-1].removeprefix("-c ")).path)).is_file()


def test_an_empty_folder_of_wheels_is_refused_before_anything_is_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    ended = run("engine", "install", "--wheels", str(tmp_path / "wheels"), UV="", PATH=os.defpath)
    assert (ended.code, ended.out) == (1, "")
    assert "the folder of wheels doesn't hold uv-" in ended.err


def test_an_installed_engine_is_shown_kept_and_removed(run: Run, alya_home: Path) -> None:
    folder = EngineFolder(alya_home)
    folder.folder.mkdir()
    folder.environment.symlink_to(sys.prefix, target_is_directory=True)
    folder.write(
        Installed(
            made_by="1.0",
            python="3.11",
            torch="2.9",
            diffusers="0.42",
            build="cpu",
            requirements=requirements(),
        )
    )
    status = run("engine", "status")
    assert status.code == 0
    assert str(folder.folder) in status.out
    again = run("engine", "install", "--output", "json")
    assert (again.code, again.json["changed"], again.json["build"]) == (0, False, "cpu")
    assert "2.9" in run("engine", "install").out
    folder.lock.mkdir()  # what can't be locked can't be removed
    assert run("engine", "remove").code == 1
    folder.lock.rmdir()
    assert run("engine", "remove").code == 0
    assert json.loads(run("engine", "remove", "--output", "json").out) == {"removed": False, "bytes": 0}
    assert run("engine", "remove").code == 0
    assert Path(sys.prefix).exists()
