#!/usr/bin/env bash
# Style and types, as CI sees them.   usage: bash scripts/lint.sh   (uses .venv if there is one)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${THYME_VENV:-.venv}/bin
[ -x "$bin/ruff" ] || bin=$(dirname "$(command -v ruff)")
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
