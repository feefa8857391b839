#!/usr/bin/env bash
# What to run before a commit: style, types and the tests that need no host command.
#   usage: bash scripts/check.sh
set -euo pipefail
cd "$(dirname "$0")/.."
exec bash scripts/test.sh -x -q -m 'not slow and not host'
