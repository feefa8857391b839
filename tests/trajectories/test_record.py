"""Trajectories on disk while several ranks write."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from swift_thyme.trajectories.record import Recorder


def test_a_rank_may_trim_while_others_write_and_remove(tmp_path: Path) -> None:
    done = threading.Event()

    def other_rank() -> None:
        while not done.is_set():
            folder = tmp_path / 'step-000000' / 'images'
            folder.mkdir(parents=True, exist_ok=True)
            for n in range(20):
                (folder / f'{n}.part').write_bytes(b'picture')
                (folder / f'{n}.part').replace(folder / f'{n}.png')
            shutil.rmtree(folder.parent)

    writer = threading.Thread(target=other_rank)
    writer.start()
    try:
        recorder = Recorder(tmp_path, max_bytes=1 << 30)
        for _ in range(300):
            recorder.write([], step=1, groups=0)
    finally:
        done.set()
        writer.join()
