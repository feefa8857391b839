#!/usr/bin/env bash
# Rollouts with vLLM on the CPU: colocate, server, the switch at the code tag. Makes an environment of its own for it.
#   usage: bash scripts/test_vllm_cpu.sh [pytest arguments]
#   THYME_VENV_VLLM: where the environment is or will be (.venv-vllm-cpu)      PYTHON: an interpreter, 3.11 or 3.12
# vLLM for CPUs needs the CPU build of torch, which is not on PyPI: name an index or folder that has it in
# PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS. Where the environment cannot be made, one line says why, and the exit code is 0.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${THYME_VENV_VLLM:-.venv-vllm-cpu}
python=$venv/bin/python
stamp=$venv/.thyme-installed
log=$venv/install.log
stand_ins=$PWD/tests/vllm_cpu # for what ms-swift and vLLM lack without a GPU; loaded by every Python process
unset PYTHONDONTWRITEBYTECODE # each of many processes would compile everything again
export VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_NUM_OF_RESERVED_CPU=0 # GiB of cache; no core set aside
export VLLM_PLUGINS= # none: what another package's replaces may be what the stand-ins do

skip() {
  echo "SKIPPED: rollouts with vLLM on the CPU were not tested: $1"
  exit 0
}

find_python() {
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3; do
    if [ -n "$candidate" ] &&
      "$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
      echo "$candidate" && return
    fi
  done
}

install() {
  "$python" -m pip install -q --no-compile --disable-pip-version-check -r tests/vllm_cpu/requirements.txt -e ".[all]" &&
    # come with vLLM, are built for GPUs, and break the import of transformers or vLLM beside a torch for CPUs
    "$python" -m pip uninstall -q -y torchaudio torchcodec triton &&
    PYTHONPATH=$stand_ins "$python" -c '
import swift, swift_thyme.cli, torchvision
from vllm.platforms import current_platform
assert current_platform.is_cpu(), current_platform'
}

if [ ! -f "$stamp" ] || [ setup.py -nt "$stamp" ] || [ tests/vllm_cpu/requirements.txt -nt "$stamp" ]; then
  if [ ! -x "$python" ]; then
    found=$(find_python)
    [ -n "$found" ] || skip 'no Python 3.11 or 3.12 found; install one or set PYTHON=/path/to/it'
    echo "making $venv with $found (once; a few minutes, about 4 GB)" >&2
    "$found" -m venv "$venv"
  fi
  install > "$log" 2>&1 || skip "$(grep -E '^(ERROR|[A-Za-z.]*Error)' "$log" | tail -n 1 || tail -n 1 "$log") (see $log)"
  touch "$stamp"
fi
export PYTHONPATH=$stand_ins${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m pytest -m 'vllm and not slow' --timeout 600 tests/host "$@"
