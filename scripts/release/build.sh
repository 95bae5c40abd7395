#!/usr/bin/env bash
# Fill OUT with everything of a release: scripts/release/build.sh OUT
# Wheel, sdist, alya-mcp.mcpb, server.json, the binary for this system, the parts list (CycloneDX) and SHA256SUMS, all
# from a clean clone of the commit that is checked out. PYTHON names the Python to use (python3); it has to be a shared
# library. Also needed: a C compiler, git, and Node with npm for the bundle.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
root="$(cd "$(dirname "$0")/../.." && pwd)"
python="${PYTHON:-python3}"
mkdir -p "$1"
out="$(cd "$1" && pwd)"
[ -z "$(ls -A "$out")" ] || { echo "build.sh: $out is not empty" >&2; exit 2; }
[ -z "$(git -C "$root" status --porcelain)" ] || echo "build.sh: what isn't committed is left out" >&2

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
step() { echo "== $*" >&2; }

step "a clean clone of $(git -C "$root" rev-parse --short HEAD)"
git clone --quiet --no-hardlinks "$root" "$work/source"
cd "$work/source"
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"

"$python" -m venv "$work/tools"
pip=("$work/tools/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" -r scripts/release/requirements.txt

step "wheel and sdist"
"$work/tools/bin/python" -m build --outdir "$out" . > "$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
wheel="$(echo "$out"/*.whl)"
version="$(basename "$wheel" | cut -d- -f2)"

step "bundle and server.json"
"$python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt "${wheel}[s3]"
"$work/env/bin/python" packaging/bundle/build.py "$out" --wheel "$wheel"
cp packaging/registry/server.json "$out/server.json"
stated="$(grep -o '"version": "[^"]*"' "$out/server.json" | sort -u)"
[ "$stated" = "\"version\": \"$version\"" ] || { echo "build.sh: server.json names other versions: $stated" >&2; exit 1; }

step "parts list"
"$work/env/bin/python" -m pip uninstall --quiet --yes pip
"$work/tools/bin/cyclonedx-py" environment --pyproject pyproject.toml --output-reproducible --of JSON \
  -o "$out/alya-mcp.cdx.json" "$work/env/bin/python" 2> "$work/parts.log" || { cat "$work/parts.log" >&2; exit 1; }

step "binary"
"$python" packaging/binary/build.py "$out" --wheel "$wheel"

step "checksums"
(cd "$out" && sha256sum -- *) > "$work/SHA256SUMS"
mv "$work/SHA256SUMS" "$out/SHA256SUMS"
ls -l "$out" >&2
