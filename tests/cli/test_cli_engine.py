"""`alya-mcp engine` where nothing is installed; scripts/release/check.sh installs one for real."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from command_line import Run


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
