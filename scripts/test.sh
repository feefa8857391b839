#!/usr/bin/env bash
# Set-up, style, types and tests.
#   usage: bash scripts/test.sh [--all] [pytest arguments]     --all runs the slow tests too
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh dev
slow=(-m 'not slow')
[ "${1:-}" = --all ] && slow=() && shift
THYME_VENV=${THYME_VENV:-.venv} bash scripts/lint.sh
exec "$python" -m pytest "${slow[@]}" "$@"
