#!/usr/bin/env bash
# The host's window, `swift app --base_url`, in a browser over `thyme serve`: the test of it, with a Gradio it works with.
#   usage: THYME_VENV=.venv bash scripts/swift_app.sh [FOLDER]     FOLDER keeps the environment (default .gradio)
# Needs Chromium on the PATH and what `pip install -e '.[dev]'` installs. A screenshot is left in the test's folder.
set -euo pipefail
cd "$(dirname "$0")/.."
base=$(cd "${THYME_VENV:-.venv}" && pwd)/bin/python
venv=${1:-.gradio}/gradio5
if [ ! -x "$venv/bin/python" ]; then
  "$base" -m venv "$venv"
  site=$("$base" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  echo "$site" > "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/zz_base.pth"
  "$venv/bin/python" -m pip install -qq --disable-pip-version-check 'gradio>=5,<6'
fi
PYTHONPATH=. exec "$venv/bin/python" -m pytest -q tests/serve/test_swift_app.py
