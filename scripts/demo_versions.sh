#!/usr/bin/env bash
# The demo's browser tests with Gradio 5 and with Gradio 6, each in a virtual environment that adds only Gradio.
#   usage: THYME_VENV=.venv bash scripts/demo_versions.sh [FOLDER]     FOLDER keeps the environments (default .gradio)
# Needs Chromium on the PATH and what `pip install -e '.[dev]'` installs.
set -euo pipefail
cd "$(dirname "$0")/.."
base=$(cd "${THYME_VENV:-.venv}" && pwd)/bin/python
folder=${1:-.gradio}
site=$("$base" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
for version in 5 6; do
  venv=$folder/gradio$version
  if [ ! -x "$venv/bin/python" ]; then
    "$base" -m venv "$venv"
    echo "$site" > "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/zz_base.pth"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check "gradio>=$version,<$((version + 1))"
  fi
  "$venv/bin/python" -c 'import gradio; print("gradio", gradio.__version__)'
  PYTHONPATH=. "$venv/bin/python" -m pytest -q tests/view/test_demo_browser.py
done
