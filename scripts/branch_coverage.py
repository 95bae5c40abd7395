"""Run tests folder by folder and print which lines and branches of each package they cover.

scripts/coverage.sh                      every folder of tests/, then the table
scripts/coverage.sh tests/gate -n 0      this folder again; its new figures replace its old ones in the table
scripts/coverage.sh --table              the table of what was measured so far
scripts/coverage.sh --missing gate       the lines and branches that nothing reached in alya_mcp/gate

Processes that tests start are counted (servers, workers, command lines): coverage's .pth file starts it in
each. One that is killed with SIGKILL counts for nothing. Status 1 when a test failed, or fewer than 95 % of
the branches are covered.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import environment

LEAST = 95.0
DATA = environment.ROOT / ".coverage"
COUNTS = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def main() -> int:
    words = sys.argv[1:]
    if words[:1] in (["-h"], ["--help"]):
        print((__doc__ or "").strip())
        return 0
    python = environment.ready(tests=True)
    if words[:1] == ["--missing"]:
        return _missing(python, words[1:])
    failed: list[Path] = []
    if words != ["--table"]:
        first_option = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
        pieces = [Path(word) for word in words[:first_option]] or _folders()
        failed = [piece for piece in pieces if not _measure(python, piece, words[first_option:])]
    enough = _table(python)
    if failed:
        print(f"failed: {' '.join(map(str, failed))}", file=sys.stderr)
    return 0 if enough and not failed else 1


def _folders() -> list[Path]:
    """Every folder of tests/ that has tests of its own; what an earlier run measured is forgotten."""
    shutil.rmtree(DATA, ignore_errors=True)
    root = environment.ROOT
    return sorted({file.parent.relative_to(root) for file in (root / "tests").rglob("test_*.py")})


def _measure(python: Path, piece: Path, options: list[str]) -> bool:
    """Run the tests of a folder (without those of its subfolders) or of a file. True if all passed."""
    whole = environment.ROOT / piece
    files = [str(file) for file in sorted(whole.glob("test_*.py"))] if whole.is_dir() else [str(whole)]
    kept = DATA / ".".join(piece.with_suffix("").parts)
    raw = kept.with_name(f"{kept.name}.raw")
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    command = [str(python), "-m", "pytest", "-q", "-n", "auto", "--dist", "loadfile", *files]
    command += ["-m", "not slow and not gpu", *options]
    print("$ pytest", piece, *options, flush=True)
    settings = {
        "COVERAGE_PROCESS_START": str(environment.ROOT / "pyproject.toml"),
        "COVERAGE_FILE": str(raw / kept.name),
    }
    ended = subprocess.run(command, cwd=environment.ROOT, env=environment.variables() | settings, check=False)
    # A process that is killed while it writes leaves a file that can't be read: combine says so and goes on.
    _coverage(python, kept, "combine", "--quiet", str(raw))
    shutil.rmtree(raw)
    return ended.returncode in (0, 5)  # 5: all of them are slow or need a GPU


def _table(python: Path) -> bool:
    """Print each package's coverage. True if enough branches are covered."""
    figures = _combined(python)
    packages: dict[str, Counter[str]] = {}
    for name, file in figures["files"].items():
        parts = Path(name).parts[1:]
        folder = parts[0] if len(parts) > 1 else "(modules)"
        package = "/".join(parts[:2]) if folder == "tools" and len(parts) > 2 else folder
        counts = {count: file["summary"][count] for count in COUNTS}
        packages.setdefault(package, Counter()).update(counts)
    whole = sum(packages.values(), Counter[str]())
    print(f"\n{'package':20} {'lines':>8} {'branches':>9} {'not taken':>10}")
    for package, counts in [*sorted(packages.items()), ("all", whole)]:
        lines, branches = (_share(counts, *pair) for pair in (COUNTS[:2], COUNTS[2:]))
        left = counts["num_branches"] - counts["covered_branches"]
        print(f"{package:20} {lines:6.1f} % {branches:7.1f} % {left:10}")
    return _share(whole, *COUNTS[2:]) >= LEAST


def _missing(python: Path, packages: list[str]) -> int:
    for name, file in _combined(python)["files"].items():
        if packages and not any(Path(name).is_relative_to(Path("alya_mcp", one)) for one in packages):
            continue
        arcs = [f"{start}->{'exit' if end < 0 else end}" for start, end in file["missing_branches"]]
        if arcs or file["missing_lines"]:
            print(f"{name}: lines {file['missing_lines']}, branches {' '.join(arcs) or '-'}")
    return 0


def _combined(python: Path) -> dict:
    parts = [str(file) for file in sorted(DATA.glob("tests*")) if file.is_file()]
    if not parts:
        sys.exit(f"Nothing was measured yet: {DATA.name} is empty. Run scripts/coverage.sh first.")
    whole = DATA / "all"
    _coverage(python, whole, "combine", "--quiet", "--keep", *parts)
    # Tests run copies of the package too; and a file may have gone since it was measured.
    ours = ["--ignore-errors", "--include", str(environment.ROOT / "alya_mcp" / "*")]
    _coverage(python, whole, "json", "--quiet", *ours, "-o", str(DATA / "figures.json"))
    return json.loads((DATA / "figures.json").read_bytes())


def _coverage(python: Path, data: Path, *words: str) -> None:
    command = [str(python), "-m", "coverage", *words]
    subprocess.run(command, cwd=environment.ROOT, env={**os.environ, "COVERAGE_FILE": str(data)}, check=True)


def _share(counts: Counter[str], covered: str, existing: str) -> float:
    return 100 * counts[covered] / counts[existing] if counts[existing] else 100.0


if __name__ == "__main__":
    sys.exit(main())
