"""Options in which the vLLM engine of a colocated run has a part: trained ids are the sampled ids with each.

`matrix.py` has the whole table, on the transformers engine. Slow: an engine starts for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme.demo.host_command import HostCommand, run
from swift_thyme.host.trace import read_batches
from swift_thyme.host.verify import trained_ids
from swift_thyme.trajectories import read_records
from swift_thyme.trajectories.record import FOLDER
from swift_thyme.types import StopReason

from .conftest import NEEDS_VLLM, VLLM_DTYPE, VLLM_FLAGS, gpu, grpo_flags, run_environment, write_rl_rows

pytestmark = [pytest.mark.host, pytest.mark.slow, NEEDS_VLLM, pytest.mark.vllm]

OPTIONS: dict[str, Mapping[str, object]] = {
    'full': {},
    'lora': {'tuner_type': 'lora', 'lora_rank': 4, 'beta': 0.05},
    'dynamic_sample': {'dynamic_sample': 'true', 'max_resample_times': 1},
    'steps_per_generation': {'steps_per_generation': 2, 'max_steps': 2},
    'context_end': {'vllm_max_model_len': 480},
    'exif': {},
}
CAMERA_ON_ITS_SIDE = 6


@pytest.mark.parametrize('option', OPTIONS)
def test_trained_ids_are_the_sampled_ids(
    tiny: Path, script_file: Path, judge_address: str, tmp_path: Path, option: str
) -> None:
    dataset = write_rl_rows(tmp_path)
    if option == 'exif':
        for path in tmp_path.glob('*.png'):
            exif = Image.Exif()
            exif[0x0112] = CAMERA_ON_ITS_SIDE
            Image.open(path).save(path, exif=exif)
    engine = {'use_vllm': 'true', 'vllm_mode': 'colocate', 'torch_dtype': VLLM_DTYPE, 'sleep_level': 0, **VLLM_FLAGS}
    flags = {'max_steps': 1, 'callbacks': 'thyme_rewards', **engine, **OPTIONS[option]}
    env = run_environment(script_file, judge_address, tmp_path / 'batches') | {'CUDA_VISIBLE_DEVICES': gpu(0)}
    run(HostCommand('rlhf', grpo_flags(tiny, dataset, tmp_path / 'out', **flags)), log=tmp_path / 'log', env=env)
    records = [record for record in read_records(tmp_path / 'out' / FOLDER) if not record.quarantined]
    sampled = Counter(str(list(record.sampled_ids)) for record in records)
    trained = Counter(str(trained_ids(row)) for batch in read_batches(tmp_path / 'batches') for row in batch)
    reasons = Counter(record.stop_reason for record in records)
    assert (StopReason.LENGTH in reasons) is (option == 'context_end'), max(map(len, (r.sampled_ids for r in records)))
    assert records and not trained - sampled
    assert trained == sampled or option == 'dynamic_sample'  # which leaves groups out
