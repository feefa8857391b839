#!/usr/bin/env bash
# Makes a virtual environment with swift-thyme in it, if it is not there yet.
#   usage: source scripts/setup_env.sh EXTRAS      sets $python; THYME_VENV names the folder (default .venv)
# Needs Python 3.10 to 3.12; PYTHON names the interpreter.
venv=${THYME_VENV:-.venv}
python=$venv/bin/python
unset PYTHONDONTWRITEBYTECODE # each of many processes would compile everything again
stamp=$venv/.thyme-installed${1:+-$1}
if [ ! -x "$python" ]; then
  for candidate in "${PYTHON:-}" python3.12 python3.11 python3.10 python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null; then
      found=$candidate && break
    fi
  done
  [ -n "${found:-}" ] || { echo 'no Python 3.10, 3.11 or 3.12 found; install one or set PYTHON=/path/to/it' >&2; exit 1; }
  echo "making $venv with $found (once; a few minutes, about 7 GB)" >&2
  "$found" -m venv "$venv"
fi
if [ ! -f "$stamp" ] || [ setup.py -nt "$stamp" ]; then
  # Compiling all of 7 GB takes pip a minute; only what is imported needs it, and this imports most of that.
  "$python" -m pip install -qq --no-compile --disable-pip-version-check -e ".${1:+[$1]}"
  LOG_LEVEL=ERROR "$python" -W ignore -c 'import swift.pipelines.train.rlhf, swift.rlhf_trainers.grpo_trainer, swift_thyme.cli'
  touch "$stamp"
fi
