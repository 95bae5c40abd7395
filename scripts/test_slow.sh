#!/usr/bin/env bash
# The tests that take more than a minute; those that make up their cases make up new ones each time.
set -euo pipefail
HYPOTHESIS_PROFILE=random exec python3 "$(dirname "$0")/run_tests.py" -m "slow and not gpu" "$@"
