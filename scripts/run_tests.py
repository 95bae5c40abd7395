"""Check and test this checkout: python3 scripts/run_tests.py [arguments for pytest].

Without arguments: ruff, import-linter, pyright and every test that is marked neither slow nor gpu.
With arguments: pytest alone.
"""

import subprocess
import sys
from pathlib import Path

import environment


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
        [python, "-m", "pyright", "--warnings"],
    ]
    # Files in the order of their folders: by the number of their tests, those that start most processes came
    # last, and one core waited for the other.
    parallel = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    tests = [python, "-m", "pytest", *parallel, *(chosen or ["-m", "not slow and not gpu"])]
    for command in [*([] if chosen else checks), tests]:
        print("$", Path(command[0]).name, *command[1:], flush=True)
        status = subprocess.run(
            command, cwd=environment.ROOT, env=environment.variables(), check=False
        ).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
