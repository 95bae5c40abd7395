#!/usr/bin/env bash
# Branch coverage of alya_mcp: [FOLDER or FILE of tests]... [arguments for pytest], or --table, or --missing [PACKAGE]...
set -euo pipefail
exec python3 "$(dirname "$0")/branch_coverage.py" "$@"
