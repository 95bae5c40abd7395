#!/usr/bin/env bash
# Change a module in every small way and list the changes that its tests don't notice, with mutmut:
# scripts/mutants.sh alya_mcp/gate/charges.py tests/gate/test_gate_charges.py [TESTS]...
# The tests run without conftest.py, in a copy of the checkout and an environment in $MUTANTS (a temporary folder).
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
module="$1"
shift
work="${MUTANTS:-$(mktemp -d)}"
if [ ! -x "$work/env/bin/mutmut" ]; then
  "$root/.venv/bin/python" -m venv "$work/env"
  "$root/.venv/bin/python" -c 'import site; print(site.getsitepackages()[0])' \
    > "$("$work/env/bin/python" -c 'import site; print(site.getsitepackages()[0])')/checkout.pth"
  "$work/env/bin/python" -m pip install --quiet --disable-pip-version-check "mutmut==3.8.1"
fi
rm -rf "$work/tree"
mkdir -p "$work/tree"
cd "$root"
git ls-files -z alya_mcp tests pyproject.toml policy.json constraints.txt docs | tar --null -cT - | tar -xC "$work/tree"
cd "$work/tree"
{
  printf '[mutmut]\nsource_paths=\n    alya_mcp\nonly_mutate=\n    %s\n' "$module"
  printf 'pytest_add_cli_args=\n    --noconftest\n    --hypothesis-profile=ci\n    -p\n    no:cacheprovider\npytest_add_cli_args_test_selection=\n'
  printf '    %s\n' "$@"
} > setup.cfg
PYTHONPATH="" "$work/env/bin/mutmut" run --max-children "${JOBS:-2}" > "$work/log" 2>&1 || tail -20 "$work/log"
"$work/env/bin/mutmut" results --all true > "$work/results" || true
awk '{ kinds[$NF]++ } END { for (kind in kinds) print kinds[kind], kind }' "$work/results" | sort -rn
for name in $(awk '$NF == "survived" || $NF == "timeout" { sub(":", "", $1); print $1 }' "$work/results"); do
  "$work/env/bin/mutmut" show "$name" | grep -E '^(# |[-+])' | grep -vE '^(---|\+\+\+)'
done
