#!/usr/bin/env bash
# The tests on every supported Python that this machine has, then with the lowest versions that pyproject.toml allows.
# Each run has an environment of its own in .venv-VERSION. Arguments go to pytest (default: all but slow and GPU tests).
set -uo pipefail
cd "$(dirname "$0")/.." || exit
failed=()
missing=()

run() { # run NAME PYTHON INSTALLER-OPTIONS... -- PYTEST-OPTIONS...
  local name="$1" python="$2"
  shift 2
  local options=()
  while [ "$1" != "--" ]; do options+=("$1"); shift; done
  shift
  echo "== $name" >&2
  "$python" -m venv ".venv-$name" \
    && ".venv-$name/bin/python" -m pip install --quiet --disable-pip-version-check uv \
    && ".venv-$name/bin/uv" pip install --quiet --python ".venv-$name/bin/python" "${options[@]}" -e '.[all]' --group dev \
    && ".venv-$name/bin/python" -m pytest -q -n auto --dist loadfile "$@" \
    || failed+=("$name")
}

[ $# -gt 0 ] || set -- -m "not slow and not gpu"
for version in 3.11 3.12 3.13 3.14; do
  if command -v "python$version" > /dev/null && "python$version" -c '' 2> /dev/null; then
    run "$version" "python$version" -c constraints.txt -- "$@"
  else
    missing+=("$version")
  fi
done
run lowest "$(command -v python3.11 || command -v python3)" --resolution lowest-direct -- "$@"
[ ${#missing[@]} -eq 0 ] || echo "not on this machine: Python ${missing[*]}" >&2
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
