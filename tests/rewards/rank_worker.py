"""One rank of a two-rank job: scores two trajectories of a group that lies on both; run by `test_ranks`."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState
from swift.rl_core.data import GRPOSample

from swift_thyme.errors import JudgeUnavailable
from swift_thyme.host.rewards import REWARDS
from swift_thyme.host.state import run_state

RIGHT, WRONG = '<think>B.</think>\n<answer>B</answer>', '<think>A.</think>\n<answer>A</answer>'
LOOSE = '<think>?</think>\n<answer>something bluish</answer>'
TEXTS = {'aside': ([RIGHT, ''], [WRONG, WRONG]), 'outage': ([LOOSE, WRONG], [WRONG, WRONG])}


def main(case: str) -> None:
    rank = PartialState(cpu=True, backend='gloo').process_index
    texts = TEXTS[case][rank]
    infos = [{'thyme': {'text': t, 'stop_reason': 'answer' if t else 'sandbox_failure'}} for t in texts]
    columns: dict[str, list[Any]] = {
        'question': ['Q?\nA. x\nB. y'] * 2 if case == 'aside' else ['Q?'] * 2,
        'solution': ['B'] * 2 if case == 'aside' else ['blue'] * 2,
        'request_id': [f'{rank}-{i}' for i in range(2)],
        'rollout_infos': infos,
    }
    try:
        values = REWARDS['vqa_orm'](args=None)(texts, **columns)
        everybody: list[Any] = [None, None]
        dist.all_gather_object(everybody, values)
        samples = [GRPOSample(messages=[], request_id=f'{rank}-{i}', rollout_infos=infos[i]) for i in range(2)]
        trainer = SimpleNamespace(
            num_generations=4,
            dynamic_num_samples=False,
            model=SimpleNamespace(training=True),
            reward_func_names=['vqa_orm'],
            reward_funcs=[],
        )
        settled = run_state().scoring.settle(trainer, samples, torch.tensor(everybody).reshape(-1, 1))
        result: object = settled.flatten().tolist()
    except JudgeUnavailable as error:
        result = str(error)
    sys.stdout.write(json.dumps(result) + '\n')
    dist.destroy_process_group()


if __name__ == '__main__':
    main(sys.argv[1])
