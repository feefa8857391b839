#!/usr/bin/env bash
# The whole job in miniature on a laptop: set-up, data, SFT, GRPO, one answer.
#   usage: bash scripts/quickstart.sh [--out DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh all
exec "$python" -m swift_thyme.cli quickstart "$@"
