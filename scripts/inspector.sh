#!/usr/bin/env bash
# Ask the MCP Inspector about this checkout's server, in both eras of the protocol; exit 0 when it finds nothing.
# Needs Node 20 or later with npx. PYTHON names another Python than that of .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-.venv/bin/python}"
command -v npx > /dev/null || { echo "inspector.sh needs npx: install Node 20 or later" >&2; exit 2; }
state="$(mktemp -d)"
trap 'rm -rf "$state"' EXIT

inspect() {
  local era="$1"
  shift
  echo "inspector: $era era: $*" >&2
  npx --yes @modelcontextprotocol/inspector@2.12.0 --cli -e ALYA_HOME="$state" \
    --protocol-era "$era" "$@" --format json -- "$python" -m alya_mcp > "$state/answer.json"
}

for era in legacy modern; do
  inspect "$era" --method tools/list --strict
  inspect "$era" --method tools/call --tool-name alya_status --tool-args-json '{}'
  inspect "$era" --method tools/call --tool-name image_gen --app-info --advertise-apps
done
echo "inspector: nothing found" >&2
