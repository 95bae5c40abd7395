#!/usr/bin/env bash
# mcp 2.3.0, Python 3.11
#
# Importing any part of the SDK, its types alone too, runs the package's `__init__`, which imports the client, the server
# and with them the HTTP server's stack. A server that speaks over stdin and stdout pays for it at each start.
#
# Seen: `import mcp.types` loads uvicorn, starlette, sse_starlette, cryptography and opentelemetry, more than 400 modules in
# all; the separate distribution mcp-types (`import mcp_types`), which it installs, loads none of these.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet mcp==2.3.0
cat > "$folder/see.py" <<'PYTHON'
import subprocess
import sys

HTTP = ("uvicorn", "starlette", "sse_starlette", "cryptography", "opentelemetry")


def loaded(module):
    code = f"import sys, {module}; print(len(sys.modules), *(name for name in {HTTP} if name in sys.modules))"
    count, *names = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout.split()
    print(f"import {module}:", int(count), "modules,", b" ".join(names).decode() or "none of the HTTP server's")
    return int(count), names


whole, types = loaded("mcp.types"), loaded("mcp_types")
sys.exit(0 if whole[0] > 400 and len(whole[1]) == len(HTTP) and not types[1] else 1)
PYTHON
cd "$folder" && "$folder/env/bin/python" see.py
