"""Pack the MCP bundle: python packaging/bundle/build.py OUT --wheel alya_mcp-VERSION-py3-none-any.whl.

Writes OUT/alya-mcp.mcpb: the manifest with this version and its tools, the wheel, and a project that installs
it with the versions of constraints.txt. The official tool validates and packs it; it comes from npm, which
needs Node 20 or later.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

MCPB = "@anthropic-ai/mcpb@2.1.2"
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROJECT = """\
[project]
name = "alya-mcp-bundle"
version = "{version}"
requires-python = ">=3.11,<3.15"
dependencies = ["alya-mcp[s3]"]

[tool.uv]
package = false
constraint-dependencies = {constraints}

[tool.uv.sources]
alya-mcp = {{ path = "{wheel}" }}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--wheel", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    target = given.out.resolve() / "alya-mcp.mcpb"
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), given.wheel)
        mcpb("validate", str(Path(folder) / "manifest.json"))
        mcpb("pack", folder, str(target))
    print(target)


def fill(folder: Path, wheel: Path) -> None:
    """Write what the bundle holds."""
    version = wheel.name.split("-")[1]
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    manifest["version"] = version
    manifest["tools"] = tools()
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    project = PROJECT.format(version=version, wheel=wheel.name, constraints=json.dumps(pins()))
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    shutil.copy(HERE / "server.py", folder)
    shutil.copy(ROOT / "packaging" / "icon.png", folder)
    shutil.copy(wheel, folder)


def pins() -> list[str]:
    """The lines of constraints.txt that concern the package with its extra `s3`."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wanted = needed("alya-mcp", "s3", set())
    return [line for line in lines if plain(line.partition("==")[0]) in wanted]


def needed(package: str, extra: str, seen: set[str]) -> set[str]:
    """The packages that one needs, by plain names, as they are installed here."""
    for requirement in requires(package) or ():
        name, _, marker = requirement.partition(";")
        name = plain(re.split(r"[^A-Za-z0-9._-]", name.strip())[0])
        asked = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        if (asked and asked.group(1) != extra) or name in seen:
            continue
        seen.add(name)
        try:
            needed(name, "", seen)
        except PackageNotFoundError:  # for another system
            continue
    return seen


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def tools() -> list[dict[str, str]]:
    """The tools by name, each with the first paragraph of its description."""
    from alya_mcp.tools import load_catalogue

    first = ((name, tool.description.partition("\n\n")[0]) for name, tool in load_catalogue().items())
    return [{"name": name, "description": " ".join(text.split())} for name, text in first]


def mcpb(*words: str) -> None:
    """Run the official tool, fetched once into .cache; end with what it said when it fails."""
    folder = ROOT / ".cache" / "mcpb-2.1.2"
    program = folder / "node_modules" / "@anthropic-ai" / "mcpb" / "dist" / "cli" / "cli.js"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        sys.exit("build.py needs Node 20 or later with npm")
    if not program.is_file():
        options = ["--no-audit", "--no-fund", "--ignore-scripts"]
        run([npm, "install", "--prefix", str(folder), *options, MCPB])
    run([node, str(program), *words])


def run(command: list[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    if ran.returncode:
        sys.exit(f"{' '.join(command[:3])} failed:\n{ran.stdout}{ran.stderr}")


if __name__ == "__main__":
    main()
