"""The host's own window, `swift app --base_url`, in a real browser over `thyme serve`.

The window needs gradio below 6: `scripts/swift_app.sh` makes an environment that has it and runs these.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..infer.scripts import ANSWER, SIZE
from ..view import browser


def missing() -> str:
    """What the tests lack; empty when nothing."""
    try:
        found = importlib.metadata.version('gradio')
    except importlib.metadata.PackageNotFoundError:
        return 'no gradio; run scripts/swift_app.sh'
    return browser.missing() or ('' if int(found.split('.')[0]) < 6 else f'swift app needs gradio<6, here is {found}')


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or 'never')]
READY = re.compile(r'local URL:\s+(http://127\.0\.0\.1:\d+)')
LAST_REPLY = "[...document.querySelectorAll('[data-testid=bot]')].map((m) => m.innerText.trim())"


@contextmanager
def window(base_url: str, log: Path) -> Iterator[str]:
    """The host's window on a free port; yields its address."""
    argv = [sys.executable, '-m', 'swift.cli.main', 'app', '--model', 'thyme-tiny', '--base_url', f'{base_url}/v1']
    argv += ['--is_multimodal', 'true', '--lang', 'en', '--stream', 'true']
    env = {**os.environ, 'GRADIO_ANALYTICS_ENABLED': 'False', 'PYTHONUNBUFFERED': '1'}
    with (
        log.open('w') as errors,
        subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=errors, text=True, env=env, start_new_session=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            address = next((found for line in process.stdout if (found := READY.search(line))), None)
            assert address is not None, log.read_text()[-3000:]
            yield address.group(1)
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def ask(page: Any, words: str, replies: int) -> list[str]:
    """Sends words and waits for as many replies; returns them."""
    page.get_by_label('Input').fill(words)
    page.get_by_role('button', name='Send').click()
    page.wait_for_function(f'{LAST_REPLY}.filter((text) => text).length === {replies}', timeout=60_000)
    return list(page.evaluate(LAST_REPLY))


def test_a_picture_and_a_second_question_are_answered_in_the_hosts_window(
    serve: Any, scripted: Any, picture: Path, tmp_path: Path
) -> None:
    scripted([SIZE, ANSWER])
    kept = tmp_path / 'kept'
    with (
        browser.chromium() as chromium,
        window(serve(save=kept).url, tmp_path / 'app.log') as address,
    ):
        page = chromium.new_page(viewport={'width': 1280, 'height': 950})
        page.goto(address)
        page.set_input_files('input[type=file]', str(picture))
        page.wait_for_selector('[data-testid=user] img')
        assert ask(page, 'Which letter is it?', 1) == ['B']
        assert ask(page, 'Are you sure?', 2) == ['B', 'B']
        page.screenshot(path=str(tmp_path / 'window.png'))
    records = [json.loads(path.read_text()) for path in kept.glob('*/trajectory.json')]
    assert [record['turns'][0]['sandbox_text'] for record in records] == ['size (224, 168)\n'] * 2
