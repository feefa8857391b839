"""Trajectories on disk: bounded, while several ranks write, each picture with its turn."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from PIL import Image

from swift_thyme.rewards.trajectory import record_of_row
from swift_thyme.trajectories import Record, RecordedTurn, read_records
from swift_thyme.trajectories.record import Recorder


def test_a_rank_may_trim_while_others_write_and_remove(tmp_path: Path) -> None:
    done, rounds = threading.Event(), list[int]()

    def other_rank() -> None:
        while not done.is_set():
            folder = tmp_path / 'step-000000' / 'images'
            folder.mkdir(parents=True, exist_ok=True)
            for n in range(20):
                (folder / f'{n}.part').write_bytes(b'picture')
                (folder / f'{n}.part').replace(folder / f'{n}.png')
            shutil.rmtree(folder.parent)
            rounds.append(1)

    writer = threading.Thread(target=other_rank)
    writer.start()
    try:
        recorder = Recorder(tmp_path, max_bytes=1 << 30)
        for _ in range(300):
            recorder.write([], step=1, groups=0)
    finally:
        done.set()
        writer.join()
    assert len(rounds) > 1


def test_the_oldest_steps_go_once_the_folder_outgrows_its_bound(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, max_bytes=30_000)
    for step in range(6):
        recorder.write([(Record(turns=(RecordedTurn('x' * 10_000),)), 0)], step, 1)
    assert [folder.name for folder in sorted(tmp_path.iterdir())] == ['step-000004', 'step-000005']


def test_each_returned_picture_stands_with_the_turn_that_returned_it(tmp_path: Path) -> None:
    paths = []
    for level in range(5):
        paths.append(str(tmp_path / f'{level}.png'))
        Image.new('L', (8, 8), 40 * level).save(paths[-1])
    turns = [
        {'text': 'a', 'images': paths[1:3]},
        {'text': 'b', 'images': paths[3:4]},
        {'text': 'c', 'images': paths[4:]},
    ]
    row = {'rollout_infos': {'thyme': {'text': 'abc', 'turns': turns}}, 'images': paths[:4]}
    Recorder(tmp_path / 'run').write([(record_of_row(row), 0)], 3, 1)
    (record,) = read_records(tmp_path / 'run')
    found = [[Image.open(record.folder / name).convert('L').getpixel((0, 0)) for name in names]
             for names in (record.images, *(one.images for one in record.turns))]  # fmt: skip
    assert found == [[0], [40, 80], [120], [160]]
