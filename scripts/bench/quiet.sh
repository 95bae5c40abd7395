#!/bin/sh
# Every figure of docs/performance.md that has a goal, one bench after the other; for a machine with nothing else to do.
# Usage: scripts/bench/quiet.sh > figures.txt     About 15 minutes on two cores; add --alone to leave the gate's peer out.
set -e
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
unset PYTHONDONTWRITEBYTECODE
export OMP_WAIT_POLICY=PASSIVE
uname -sr
nproc
cat /proc/loadavg
for bench in "server.py" "gate.py $*" "processes.py" "commands.py" "decoder.py --rounds 20"; do
  echo
  echo "== python scripts/bench/$bench"
  # Its options are words of their own.
  # shellcheck disable=SC2086
  "$python" scripts/bench/$bench
done
echo
echo "== alya-mcp call image_gen, twice within a minute: seconds"
ALYA_HOME=$(mktemp -d)
export ALYA_HOME ALYA_IMAGE_MODEL=sketch
for prompt in "a red circle on a blue background" "a green star on a white background"; do
  began=$(date +%s.%N)
  "$python" -m alya_mcp call image_gen prompt="$prompt" wait:=120 --output json >/dev/null
  echo "$(date +%s.%N) $began" | awk '{ printf "%.2f\n", $1 - $2 }'
done
