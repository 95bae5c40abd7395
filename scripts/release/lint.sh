#!/usr/bin/env bash
# Check the release workflow without running it: scripts/release/lint.sh
# Its shape against GitHub's schema (check-jsonschema), its security (zizmor, offline), and with shellcheck and actionlint
# where they are installed, the scripts and the expressions.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools="$(mktemp -d)"
trap 'rm -rf "$tools"' EXIT
"${PYTHON:-python3}" -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check check-jsonschema==0.39.0 zizmor==1.32.0
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$tools/bin/zizmor" --offline --no-progress .github/workflows
if command -v shellcheck > /dev/null; then shellcheck scripts/release/*.sh; fi
if command -v actionlint > /dev/null; then actionlint; fi
