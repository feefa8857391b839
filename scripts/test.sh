#!/usr/bin/env bash
# Set-up, style, types and tests.
#   usage: bash scripts/test.sh [--all] [pytest arguments]     --all runs the slow tests too
#   THYME_TEST_WORKERS: processes (2); 0 runs the tests in this one
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh dev
slow=(-m 'not slow' --hypothesis-profile ci) # the same examples each time; --all draws new ones
[ "${1:-}" = --all ] && slow=() && shift
THYME_VENV=${THYME_VENV:-.venv} bash scripts/lint.sh
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # as many threads in each process as there are cores would wait for one another
exec "$python" -m pytest -n "${THYME_TEST_WORKERS:-2}" --dist loadfile --no-loadscope-reorder "${slow[@]}" "$@"
