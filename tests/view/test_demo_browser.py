"""The demo in a real browser: upload, ask, the crop and the answer appear; Stop frees the sandbox session.

Runs with the Gradio that is installed; `scripts/demo_versions.sh` runs it with both.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from swift_thyme import protocol

from . import browser

_MISSING = browser.missing() or (
    '' if importlib.util.find_spec('gradio') else "no gradio; pip install 'swift-thyme[demo]'"
)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_MISSING), reason=_MISSING or 'never')]

ROOT = Path(__file__).parents[2]
WORDS = 'The sign is *small* <b>so</b> I crop it. $$x$$ ![pic](http://example.invalid/x.png)'
CROP = (
    f'{protocol.THINK_OPEN}{WORDS} {protocol.CODE_OPEN}\n```python\nimport cv2\nimage = cv2.imread(image_path)\n'
    "crop = image[100:240, 60:200]\nprocessed_path = 'crop.png'\ncv2.imwrite(processed_path, crop)\n"
    f'print(processed_path)\n```\n{protocol.CODE_CLOSE}'
)
SLOW = f'{protocol.THINK_OPEN}Wait. {protocol.CODE_OPEN}\nimport time\ntime.sleep(9)\n{protocol.CODE_CLOSE}'
END = f'It says 42.{protocol.THINK_CLOSE}\n{protocol.ANSWER_OPEN}42{protocol.ANSWER_CLOSE}'
CHECK = f'Check. {protocol.CODE_OPEN}\nprint(6 * 7)\n{protocol.CODE_CLOSE}'


class Server:
    """A running demo."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process, self.address = process, address

    def stats(self) -> dict[str, Any]:
        """What is under way."""
        return self._say(None)

    def script(self, *turns: str) -> None:
        """Sets what the policy says."""
        self._say([list(turns)])

    def _say(self, line: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + '\n')
        self._process.stdin.flush()
        reply = next(line for line in self._process.stdout if line.startswith('{'))  # the host logs there too
        value: dict[str, Any] = json.loads(reply)
        return value


@contextmanager
def serve(*arguments: str) -> Iterator[Server]:
    argv = [sys.executable, '-m', 'tests.view.demo_server', *arguments]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        address = next((line for line in process.stdout if line.startswith('http')), '').strip()
        assert address, 'the demo did not start'
        yield Server(process, address)
        process.stdin.close()
        process.wait(30)


@pytest.fixture(scope='module')
def sign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('sign') / 'sign.png'
    image = Image.new('RGB', (640, 480), 'lightsteelblue')
    draw = ImageDraw.Draw(image)
    draw.rectangle((70, 120, 190, 220), fill='ivory', outline='black', width=3)
    draw.text((95, 140), '42', fill='black', font_size=50)
    draw.ellipse((400, 100, 560, 260), fill='darkgreen')
    image.save(path)
    return path


@pytest.fixture(scope='module')
def server(tiny: Path, sign: Path) -> Iterator[Server]:
    with serve('--model', str(tiny), '--example', str(sign)) as running:
        yield running


@pytest.fixture(scope='module')
def chromium() -> Iterator[Any]:
    with browser.chromium() as found:
        yield found


def opened(chromium: Any, address: str) -> Any:
    page = chromium.new_page(viewport={'width': 1280, 'height': 950})
    page.foreign = []
    page.on('request', lambda r: page.foreign.append(r.url) if 'example.invalid' in r.url else None)
    page.goto(address)
    page.wait_for_selector('#ask')
    return page


def test_an_uploaded_picture_is_cropped_and_the_question_answered(chromium: Any, server: Server, sign: Path) -> None:
    server.script(CROP, CHECK, END)
    page = opened(chromium, server.address)
    page.set_input_files('#picture input[type=file]', str(sign))
    page.wait_for_selector('#picture img')
    page.fill('#question textarea', 'Which number is on the sign?')
    page.click('#ask')
    page.wait_for_function("document.querySelector('#answer textarea').value === '42'", timeout=60_000)
    assert 'stopped by: answer' in page.inner_text('#status')
    chat = page.inner_text('#chat')
    assert WORDS.split('$$')[0] in chat
    assert '![pic]' in chat
    assert 'Code 1 · ran in' in chat
    crops = (
        "[...document.querySelectorAll('#chat img')].filter((i) => i.naturalWidth === 140 && i.naturalHeight === 140)"
    )
    page.wait_for_function(f'{crops}.length === 1')
    page.wait_for_selector('#looked img')
    assert page.foreign == []
    page.screenshot(path=str(sign.parent / 'answered.png'))
    page.close()


def test_stop_ends_the_answer_and_frees_the_session(chromium: Any, server: Server) -> None:
    server.script(SLOW, END)
    page = opened(chromium, server.address)
    page.click('text=Which number is on the sign?')
    page.wait_for_selector('#picture img')
    ask_and_wait_for_code(page)
    wait_until_held(page, server, 1)
    page.click('#stop')
    page.wait_for_function("document.querySelector('#status').innerText.includes('Stopped')", timeout=8_000)
    page.wait_for_selector('#ask:not([disabled])')
    wait_until_held(page, server, 0)
    page.close()


def test_closing_the_page_frees_the_session(chromium: Any, server: Server) -> None:
    server.script(SLOW, END)
    page = opened(chromium, server.address)
    page.fill('#question textarea', 'Compute.')
    ask_and_wait_for_code(page)
    wait_until_held(page, server, 1)
    page.close()
    other = opened(chromium, server.address)
    wait_until_held(other, server, 0)
    other.close()


def ask_and_wait_for_code(page: Any) -> None:
    page.click('#ask')
    page.wait_for_function("document.querySelector('#status').innerText.includes('running the code')", timeout=60_000)


def test_a_question_is_needed(chromium: Any, server: Server) -> None:
    page = opened(chromium, server.address)
    page.click('#ask')
    page.wait_for_selector('text=Write a question first.')
    page.close()


def wait_until_held(page: Any, server: Server, number: int) -> None:
    """Waits until as many questions are under way, each with its sandbox session."""
    for _ in range(150):
        stats = server.stats()
        if stats['under_way'] == len(stats['sandbox']['sessions']) == number:
            return
        page.wait_for_timeout(100)
    pytest.fail(f'{number} expected to be held, got {server.stats()}')
