"""Pictures that are kept by content."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from swift_thyme import picture

WRITERS = 8


def test_ranks_that_keep_the_same_picture_at_once_do_not_take_it_from_each_other(tmp_path: Path) -> None:
    together = threading.Barrier(WRITERS)

    def keep(content: bytes) -> Path:
        together.wait(timeout=30)
        return picture.save(content, tmp_path / 'images')

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in range(50):
            content = b'\x89PNG\r\n\x1a\n' + os.urandom(4096)
            paths = set(pool.map(keep, [content] * WRITERS))
            assert len(paths) == 1 and paths.pop().read_bytes() == content
    assert not list((tmp_path / 'images').glob('*.part'))
