#!/usr/bin/env bash
# The tests that take more than a minute.
set -euo pipefail
exec python3 "$(dirname "$0")/run_tests.py" -m "slow and not gpu" "$@"
