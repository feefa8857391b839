"""Rows of a GRPO batch that are encoded ahead: the same rows, in the same order, a bounded number at a time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from swift_thyme.host.ahead import RowsAhead


class Samples(list[Any]):
    """Samples that compare by identity, as the host's do."""

    @classmethod
    def of(cls, n: int) -> Samples:
        return cls(SimpleNamespace(at=i) for i in range(n))


def test_rows_come_as_asked_and_no_more_than_the_window_are_in_memory() -> None:
    samples, begun, lock = Samples.of(40), [], threading.Lock()

    def encode(sample: Any) -> dict[str, Any]:
        with lock:
            begun.append(sample.at)
        return {'at': sample.at}

    with RowsAhead(samples, encode, threads=2) as rows:
        for i, sample in enumerate(samples):
            assert rows.take(sample) == {'at': i}
            time.sleep(0.001)
            assert len(begun) <= i + 1 + 4


def test_rows_are_encoded_beside_each_other() -> None:
    together = threading.Barrier(2)

    def encode(sample: Any) -> dict[str, Any]:
        together.wait(timeout=30)
        return {'at': sample.at}

    samples = Samples.of(4)
    with RowsAhead(samples, encode, threads=2) as rows:
        assert [rows.take(sample)['at'] for sample in samples] == [0, 1, 2, 3]


def test_a_sample_of_another_batch_and_one_asked_again_are_encoded_now() -> None:
    samples, other = Samples.of(3), SimpleNamespace(at=99)
    with RowsAhead(samples, lambda sample: {'at': sample.at}, threads=1) as rows:
        assert [rows.take(sample)['at'] for sample in (samples[2], other, samples[2], samples[0])] == [2, 99, 2, 0]


def test_the_error_of_a_row_is_raised_where_the_row_is_asked_for() -> None:
    def encode(sample: Any) -> dict[str, Any]:
        if sample.at == 1:
            raise ValueError('row 1 cannot be read')
        return {'at': sample.at}

    samples = Samples.of(3)
    with RowsAhead(samples, encode, threads=2) as rows:
        assert rows.take(samples[0]) == {'at': 0}
        with pytest.raises(ValueError, match='row 1'):
            rows.take(samples[1])
        assert rows.take(samples[2]) == {'at': 2}


def test_the_trainer_gets_the_same_ids_and_pixels_to_the_bit(o3_template: Any, tmp_path: Path) -> None:
    from swift.rl_core.data import GRPOSample
    from swift.rlhf_trainers import grpo_trainer

    from swift_thyme.host.patch import encode_ahead

    template = o3_template()
    samples = [_sample(template, tmp_path, i) for i in range(8)]
    trainer = SimpleNamespace(template=template, _template_context=_nothing_changed)
    alone = grpo_trainer.encode_sample
    one_by_one = [alone(sample, template) for sample in samples]
    threads = set()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(grpo_trainer.GRPOTrainer, '_prepare_batch_inputs', _as_the_host_does)
        patched.setattr(grpo_trainer, 'encode_sample', lambda *args: threads.add(threading.get_ident()) or alone(*args))
        encode_ahead()
        encode_ahead()
        together = grpo_trainer.GRPOTrainer._prepare_batch_inputs(trainer, samples)
        assert isinstance(samples[0], GRPOSample) and threads and threading.get_ident() not in threads
    for ours, expected in zip(together, one_by_one, strict=True):
        assert ours.keys() == expected.keys()
        for name, value in expected.items():
            same = torch.equal(ours[name], value) if torch.is_tensor(value) else ours[name] == value
            assert same, name


def _as_the_host_does(trainer: Any, samples: list[Any]) -> list[dict[str, Any]]:
    from swift.rlhf_trainers import grpo_trainer

    return [grpo_trainer.encode_sample(sample, trainer.template) for sample in samples]


def _nothing_changed(template: Any) -> Any:
    from contextlib import nullcontext

    return nullcontext()


def _sample(template: Any, folder: Path, seed: int) -> Any:
    from swift.rl_core.data import GRPOSample

    paths = [folder / f'{seed}-{kind}' for kind in ('asked.jpg', 'crop.png')]
    for path, side in zip(paths, (300, 120), strict=True):
        noise = np.random.default_rng(seed).integers(0, 256, (side, side + seed, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    output = '<sandbox_output><|vision_start|><|image_pad|><|vision_end|></sandbox_output>'
    parts = [(f'<code>crop {seed}</code>', 1), (output, 0), ('<answer>7</answer>', 1)]
    ids = [(template.tokenizer.encode(text), trained) for text, trained in parts]
    return GRPOSample(
        messages=[{'role': 'user', 'content': '<image>Which?'}, {'role': 'assistant', 'content': 'x'}],
        images=list(map(str, paths)),
        response_token_ids=[[token for part, _ in ids for token in part]],
        response_loss_mask=[[trained for part, trained in ids for _ in part]],
    )
