"""Check and test this checkout: python3 scripts/run_tests.py [arguments for pytest].

Without arguments: ruff, import-linter, pyright and every test that is marked neither slow nor gpu.
With arguments: pytest alone.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import environment

_SETTING: dict[str, Any] = {"cwd": environment.ROOT, "env": environment.variables()}


def main() -> int:
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print((__doc__ or "").strip())
        return 0
    python = str(environment.ready(tests=True))
    chosen = sys.argv[1:]
    checks = [
        [python, "-m", "ruff", "check"],
        [python, "-m", "ruff", "format", "--check"],
        [str(Path(python).with_name("lint-imports")), "--no-logo"],
    ]
    types = [python, "-m", "pyright", "--warnings"]
    # One more than there are cores, as tests wait for the processes that they start.
    # Files in the order of their folders: by the number of their tests, those that start most processes came
    # last, and one core waited for the other.
    parallel = ["-n", str(_cores() + 1), "--dist", "loadfile", "--no-loadscope-reorder"]
    tests = [python, "-m", "pytest", *parallel, *(chosen or ["-m", "not slow and not gpu"])]
    if chosen:
        return _run(tests)
    for command in checks:
        if status := _run(command):
            return status
    return _run_beside(types, tests)


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(command: list[str]) -> int:
    _show(command)
    return subprocess.run(command, check=False, **_SETTING).returncode


def _run_beside(quiet: list[str], loud: list[str]) -> int:
    """Run both at once, as tests often wait; what the quiet one says comes last. 0 where both succeed."""
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(quiet, **_SETTING, stdout=said, stderr=subprocess.STDOUT) as beside,
    ):
        try:
            status = _run(loud)
            beside.wait()
        except BaseException:
            beside.kill()
            raise
        _show(quiet)
        said.seek(0)
        sys.stdout.write(said.read().decode(errors="replace"))
    return status or beside.returncode


def _show(command: list[str]) -> None:
    print("$", Path(command[0]).name, *command[1:], flush=True)


if __name__ == "__main__":
    sys.exit(main())
