import json
from pathlib import Path

import pytest
from command_line import Ended, Run, WritePolicy, hide_extras, run_command, run_here
from raw_client import environment


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """An empty home folder of the person."""
    folder = tmp_path / "person"
    folder.mkdir()
    return folder


@pytest.fixture
def cli_env(alya_home: Path, person: Path) -> dict[str, str]:
    """What a command finds in its environment: nothing of whoever runs the tests."""
    foreign = ("XDG_", "NO_COLOR", "FORCE_COLOR", "PYTHONPATH", "COLUMNS")
    env = environment(alya_home, HOME=str(person))
    return {name: value for name, value in env.items() if not name.startswith(foreign)}


@pytest.fixture
def run(cli_env: dict[str, str], tmp_path: Path) -> Run:
    """Runs a command in a fresh home; keyword arguments are environment variables.

    What leaves its mark on a process has one of its own, as has what is to find other modules.
    """

    def run(*words: str, **variables: str) -> Ended:
        apart = "PYTHONPATH" in variables or words[:1] in {("serve",), ("model",), ("doctor",)}
        return (run_command if apart else run_here)(words, {**cli_env, **variables}, tmp_path)

    return run


@pytest.fixture
def write_policy(tmp_path: Path) -> WritePolicy:
    """Writes a policy, given as text or as a value, into a file of its own."""

    def write(document: object, name: str = "some-policy.json") -> Path:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document, indent=2))
        return path

    return write


@pytest.fixture
def without_extras(tmp_path: Path) -> dict[str, str]:
    """Variables under which Python finds none of the packages that come as extras."""
    return hide_extras(tmp_path / "without-extras")
