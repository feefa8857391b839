"""The harness that puts trainers beside each other: what its interface and its count of tokens and pictures promise."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

PAD = 9
TOLD = "import os; tell = lambda line: os.write(int(os.environ['PEERS_EVENTS']), line + b'\\n'); "
STEP = TOLD + 'tell(b\'{"ready": true}\'); os.read(0, 1); '


@pytest.fixture(autouse=True)
def peers_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / 'benchmarks' / 'peers'))


def judged(folder: Path, ids: list[int], mask: list[int], pictures: list[int]) -> Counter[str]:
    from truth import judge

    trace = folder / 'trace'
    trained = [[[[ids, mask]], pictures]]
    trace.write_text(json.dumps({'sampled': {'0': [1, 2, 3, 4]}, 'returned': {'0': [1]}, 'trained': trained}) + '\n')
    return judge(trace, PAD)


def test_a_row_of_what_was_sampled_with_its_pictures_in_place_counts_as_right(tmp_path: Path) -> None:
    found = judged(tmp_path, [7, PAD, PAD, 7, 1, 2, 7, PAD, 7, 3, 4], [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1], [2, 1])
    assert +found == Counter({'rows': 1, 'exact rows': 1, 'sampled': 4, 'pictures': 2, 'in place': 2})


def test_tokens_trained_and_not_sampled_and_the_reverse_are_counted(tmp_path: Path) -> None:
    found = judged(tmp_path, [7, PAD, 1, 2, 8, 7, PAD, 7, 3, 4], [0, 0, 1, 1, 1, 0, 0, 0, 1, 0], [1, 1])
    assert (found['not sampled'], found['not trained'], found['in place']) == (1, 1, 2)


def test_a_picture_moved_into_the_question_is_not_in_place(tmp_path: Path) -> None:
    found = judged(tmp_path, [7, PAD, 7, PAD, 1, 2, 7, 3, 4], [0, 0, 0, 0, 1, 1, 0, 1, 1], [1, 1])
    assert (found['pictures'], found['in place']) == (2, 1)


def test_a_picture_in_a_trained_stretch_is_in_no_place(tmp_path: Path) -> None:
    found = judged(tmp_path, [7, PAD, 1, 2, PAD, 3, 4], [0, 0, 1, 1, 1, 1, 1], [1, 1])
    assert (found['pictures'], found['in place'], found['not sampled']) == (2, 1, 1)


def test_pads_that_are_not_as_many_as_the_pictures_ask_for_are_in_no_place(tmp_path: Path) -> None:
    found = judged(tmp_path, [7, PAD, PAD, 7, 1, 2, 7, PAD, 7, 3, 4], [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1], [1, 2])
    assert (found['pictures'], found['in place']) == (2, 0)


def stub(folder: Path, code: str) -> Any:
    from host import Peer

    class Stub(Peer):
        def _command(self) -> tuple[list[str], dict[str, str]]:
            return ['-S', '-c', code], {}

    peer = Stub('stub', Namespace(out=folder, pixels=1, scripted=False, model=folder))
    (folder / 'config.json').write_text(json.dumps({'image_token_id': PAD}))
    peer.prepare()
    return peer


def test_a_step_is_what_the_run_tells_of_it(tmp_path: Path) -> None:
    peer = stub(tmp_path, STEP + 'tell(b\'{"s": 2.5}\'); os.read(0, 1)')
    assert peer.step()['s'] == 2.5
    assert peer.report() == {}


@pytest.mark.parametrize(
    ('code', 'said'),
    [('os.kill(os.getpid(), 9)', 'exit code -9'), ('[os.read(0, 1) for _ in [0]]', 'no answer in 1 s')],
)
def test_a_run_that_ends_or_hangs_within_a_step_is_told_apart(tmp_path: Path, code: str, said: str) -> None:
    from host import Ended

    peer = stub(tmp_path, STEP + code)
    with pytest.raises(Ended, match=said):
        peer.step(limit_s=1)
    peer.report()
    assert peer.process.returncode is not None
