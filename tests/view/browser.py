"""A headless Chromium for tests, or the reason why there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')


def missing() -> str:
    """What is missing for browser tests; empty when nothing is."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no playwright; pip install 'swift-thyme[dev]'"
    return '' if executable() else f'no Chromium; install one ({", ".join(NAMES)}), such as the Debian package chromium'


def executable() -> str | None:
    """The browser on the PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=['--no-sandbox'])
        try:
            yield browser
        finally:
            browser.close()
