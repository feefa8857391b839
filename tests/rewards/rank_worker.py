"""One rank of a two-rank job: scores two trajectories of a group that lies on both; run by `test_ranks`."""

from __future__ import annotations

import json
import sys

import torch.distributed as dist

from swift_thyme.errors import JudgeUnavailable
from swift_thyme.host.rewards import REWARDS

RIGHT, WRONG = '<think>B.</think>\n<answer>B</answer>', '<think>A.</think>\n<answer>A</answer>'
LOOSE = '<think>?</think>\n<answer>something bluish</answer>'
TEXTS = {'aside': ([RIGHT, ''], [WRONG, WRONG]), 'outage': ([LOOSE, WRONG], [WRONG, WRONG])}


def main(case: str, rank: int, meeting: str) -> None:
    dist.init_process_group('gloo', init_method=f'file://{meeting}', rank=rank, world_size=2)
    texts = TEXTS[case][rank]
    infos = [{'thyme': {'text': t, 'stop_reason': 'answer' if t else 'sandbox_failure'}} for t in texts]
    columns = {
        'question': ['Q?\nA. x\nB. y'] * 2 if case == 'aside' else ['Q?'] * 2,
        'solution': ['B'] * 2 if case == 'aside' else ['blue'] * 2,
        'prompt_id': ['p'] * 2,
        'request_id': [f'{rank}-{i}' for i in range(2)],
        'rollout_infos': infos,
    }
    try:
        result: object = REWARDS['vqa_orm'](args=None)(texts, **columns)
    except JudgeUnavailable as error:
        result = str(error)
    sys.stdout.write(json.dumps(result) + '\n')
    dist.destroy_process_group()


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
