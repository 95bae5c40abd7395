"""Make the Claude Code plugin: python packaging/plugin/build.py OUT --wheel alya_mcp-VERSION-...whl.

OUT becomes a marketplace of one plugin, which carries the wheel and starts it by uvx.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--wheel", type=Path, required=True)
    given = parser.parse_args()
    version = given.wheel.name.split("-")[1]
    plugin = given.out / "alya-mcp"
    write(given.out / ".claude-plugin" / "marketplace.json", source("marketplace.json"))
    write(plugin / ".claude-plugin" / "plugin.json", {**source("plugin.json"), "version": version})
    servers = source("mcp.json")
    server = servers["mcpServers"]["alya-mcp"]
    server["args"] = [word.replace("WHEEL", given.wheel.name) for word in server["args"]]
    write(plugin / ".mcp.json", servers)
    shutil.copy(given.wheel, plugin)
    print(given.out)


def source(name: str) -> dict[str, Any]:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def write(file: Path, value: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
