"""The viewer at size: seconds and memory to build the page, and the browser's first paint, filters and search.

    PYTHONPATH=. python benchmarks/view.py [--n 5000] [--keep FOLDER]

Trajectories are those of the tests: groups of eight share a 2048x1536 picture, three in five have a crop of
their own. The browser part needs Chromium and playwright and is left out without them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.view import browser
from tests.view.make import write_run

ROUNDS = 3


def main() -> None:
    """Generates, builds, looks; one line of JSON for the building and one for each look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--n', type=int, default=5000)
    parser.add_argument('--keep', type=Path, help='folder for run and page; made anew where it holds no run')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        run, page = folder / 'run', folder / 'page.html'
        if not run.is_dir():
            write_run(run, args.n)
        print(json.dumps(build(run, page)), flush=True)
        if browser.missing():
            print(f'browser part left out: {browser.missing()}')
            return
        for _ in range(ROUNDS):
            print(json.dumps(look(page, args.n)), flush=True)


def build(run: Path, page: Path) -> dict[str, float]:
    """Builds the page in a process of its own."""
    start = time.monotonic()
    argv = [sys.executable, '-m', 'swift_thyme.cli', 'view', str(run), '--out', str(page)]
    process = subprocess.Popen(argv, stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0
    return {
        'seconds': round(time.monotonic() - start, 1),
        'cpu_s': round(used.ru_utime + used.ru_stime, 1),
        'peak_rss_mb': round(used.ru_maxrss / 1024),
        'page_mb': round(page.stat().st_size / 1e6, 1),
    }


def look(page: Path, n: int) -> dict[str, float]:
    """Opens the page in a fresh browser."""
    with browser.chromium() as chromium:
        opened: Any = chromium.new_page(viewport={'width': 1360, 'height': 900})
        start = time.monotonic()
        opened.goto(page.as_uri(), wait_until='commit')
        opened.wait_for_selector('body[data-ready=yes]')
        ready = time.monotonic() - start
        paint = opened.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        opened.wait_for_load_state('load')
        loaded = time.monotonic() - start
        return {
            'first_paint_s': round(paint / 1e3, 2),
            'first_trajectory_s': round(ready, 2),
            'all_read_s': round(loaded, 2),
            'filter_s': timed(
                opened, lambda: opened.click('[data-filter=failed]'), sum(i % 10 in (4, 6) for i in range(n))
            ),
            'clear_s': timed(opened, lambda: opened.keyboard.press('x'), n),
            'search_all_text_s': timed(opened, lambda: opened.fill('#search', f'crop_{n - 9}.png'), 1),
        }


def timed(page: Any, act: Any, found: int) -> float:
    """Seconds until as many trajectories are listed."""
    start = time.monotonic()
    act()
    page.wait_for_selector(f'body[data-found="{found}"]')
    return round(time.monotonic() - start, 2)


if __name__ == '__main__':
    main()
