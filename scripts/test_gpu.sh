#!/usr/bin/env bash
# The tests that need a CUDA device.
set -euo pipefail
exec python3 "$(dirname "$0")/run_tests.py" -m gpu "$@"
