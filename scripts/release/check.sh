#!/usr/bin/env bash
# Use each file of a release as a user would: scripts/release/check.sh OUT [--without-picture]
# Every file is used in a temporary folder, by environments that know nothing of this checkout. Drawing a picture
# installs the image engine twice, from a folder of wheels; --without-picture leaves that out. A part that this machine
# can't check is named and counts as a failure, unless ALLOW_UNCHECKED is set.
set -euo pipefail
exec "${PYTHON:-python3}" "$(dirname "$0")/check.py" "$@"
