"""Real RL steps whose code runs in a Ray pool: the same ids are trained, and a dead node costs its own sessions."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.demo.host_command import HostCommand, run
from swift_thyme.host.trace import read_batches
from swift_thyme.host.verify import trained_ids
from swift_thyme.trajectories import read_records
from swift_thyme.trajectories.model import Fate
from swift_thyme.trajectories.record import FOLDER
from swift_thyme.types import StopReason
from tests.sandbox.ray_pool import Pool, pool, ray

from .conftest import GrpoRun, grpo_flags, run_environment, write_rl_rows

pytestmark = [pytest.mark.host, pytest.mark.slow, pytest.mark.timeout(900)]

SLOW = 'Then. <code>\nimport time\ntime.sleep(10)\nprint(kept)\n</code>'
SCRIPT = [
    *([f'<think>Way {i}. <code>\nkept = {i}\n</code>', SLOW, 'Done.</think>\n<answer>42</answer>'] for i in range(3)),
    ['<think>Easy.</think>\n<answer>42</answer>'],
]
"""One group: three that keep a variable and then need some time, one without code."""


def steps(
    tiny: Path, script: Path, judge: str, rows: Path, folder: Path, *, max_steps: int, **variables: str
) -> GrpoRun:
    """A run with the scripted policy; the prompts of rows tell where their pictures lie."""
    folder.mkdir()
    flags = grpo_flags(tiny, rows, folder / 'out', callbacks='thyme_rewards', max_steps=max_steps)
    env = run_environment(script, judge, folder / 'batches') | variables
    run(HostCommand('rlhf', flags), log=folder / 'log', env=env)
    return GrpoRun(folder / 'out', list(read_records(folder / 'out' / FOLDER)), list(read_batches(folder / 'batches')))


def trained(found: GrpoRun) -> list[tuple[list[int], list[int]]]:
    """What a run trained on: ids of each row, and which of them count."""
    return [(list(row.input_ids), list(row.labels)) for batch in found.batches for row in batch]


def test_a_step_in_the_pool_trains_the_same_ids_as_one_on_this_machine(
    tiny: Path, script_file: Path, judge_address: str, tmp_path: Path
) -> None:
    rows = write_rl_rows(tmp_path)
    near = steps(tiny, script_file, judge_address, rows, tmp_path / 'near', max_steps=1)
    with pool(4):
        far = steps(tiny, script_file, judge_address, rows, tmp_path / 'far', max_steps=1, THYME_SANDBOX='ray')
    assert trained(far) == trained(near) and len(trained(far)) == 4
    assert 'thyme/sandbox/capacity' in (tmp_path / 'far' / 'out' / 'logging.jsonl').read_text(encoding='utf-8')


def sessions_of(cluster: Pool) -> list[int]:
    """Open sessions of each node, as its actor says."""
    found = []
    for node in cluster.nodes:
        names = [one for one in ray.util.list_named_actors(all_namespaces=True) if one['name'].startswith(node.node_id)]
        actors = [ray.get_actor(one['name'], one['namespace']) for one in names]
        found.append(sum(ray.get([actor.renew.remote('this test', []) for actor in actors])))
    return found


def kill_the_node_of_one_session(cluster: Pool, killed: list[int]) -> None:
    """Waits until three sessions are open on two nodes, and ends the one that has one of them."""
    ray.init(cluster.address, log_to_driver=False)
    end = time.monotonic() + 600
    while sorted(found := sessions_of(cluster)) != [1, 2] and time.monotonic() < end:
        time.sleep(0.2)
    time.sleep(3)
    killed.append(found.index(1))
    cluster.kill(cluster.nodes[found.index(1)])


def test_a_node_that_is_killed_in_a_step_costs_its_own_trajectories_and_nothing_else(
    tiny: Path, judge_address: str, tmp_path: Path, tokenizer: Any
) -> None:
    script, killed = tmp_path / 'script.json', list[int]()
    script.write_text(json.dumps(SCRIPT), encoding='utf-8')
    with pool(3, 3) as cluster:
        killer = threading.Thread(target=kill_the_node_of_one_session, args=(cluster, killed))
        killer.start()
        found = steps(
            tiny,
            script,
            judge_address,
            write_rl_rows(tmp_path),
            tmp_path / 'run',
            max_steps=2,
            THYME_SANDBOX='ray',
            THYME_EXEC_TIMEOUT_S='60',
        )
        killer.join()
    assert len(killed) == 1
    reasons = Counter(record.stop for record in found.trajectories)
    assert reasons == {StopReason.ANSWER: 7, StopReason.SANDBOX_FAILURE: 1}
    (lost,) = (record for record in found.trajectories if record.stop == StopReason.SANDBOX_FAILURE)
    assert lost.fate is Fate.SET_ASIDE and lost.correct is None and not lost.advantage and 'is lost' in lost.error
    rest = [record for record in found.trajectories if record is not lost]
    assert {record.fate for record in rest} <= {Fate.TRAINED, Fate.LEFT_OUT} and all(r.correct for r in rest)
    rows = [trained_ids(row) for batch in found.batches for row in batch]
    assert Counter(map(str, rows)) == Counter(
        [str(list(record.sampled_ids)) for record in rest] + [str([tokenizer.eos_token_id])]
    )
