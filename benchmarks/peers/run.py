"""Puts this package beside what a user could train with instead: the same base, questions, sampling, budget, in turns.

    python benchmarks/peers/run.py --model DIR --rows ROWS.jsonl --trl WHEEL --out DIR
    python benchmarks/peers/run.py --model TINY --rows ROWS.jsonl --trl WHEEL --out DIR --scripted [--hostile]   a CPU

Rows are those of `thyme synth --kind rl`. Flags are those of stage `rl` of `examples/one_gpu/experiment.yaml`, with
learning rate 0: all sample the same policy to the end. All runs are alive at once; each trains one step after another,
A B C D, D C B A, …; the first of each is no part of the table. Seconds are means over steps: `tools` is all between two
generations of a trajectory, `batch` rows made for training, `forward` log-probs with those of the loss, `rest` backward
and optimizer. `idle`: share of looks at the GPU within a peer's own steps, five a second, at which its counter is 0.
`peak`: the trainer's allocator with the engine in it; on a CPU resident memory. `other prompts`: of another length in
the engine than in the trainer. `truth` says how tokens and pictures are counted, over all steps.

`--hostile` has each peer's policy write what none should, each in a run of its own, and says what became of the run.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import datetime
from itertools import chain
from pathlib import Path
from statistics import mean, median
from typing import Any

from host import Ended, Peer
from peer_swift import Swift
from peer_thyme import Thyme
from peer_trl import Trl
from shared import ANSWER, VARIANTS

from swift_thyme.demo.quickstart import judge

SECONDS = ('engine', 'tools', 'weights', 'rewards', 'batch', 'forward', 'rest')
COUNTS = ('sampled', 'prompt tokens', 'computed', 'other prompts')
PARTS_OF = {'rows': 'exact rows', 'pictures': 'in place'}
SECRET = 'opensesame'
HOSTILE = {
    'endless loop': 'while True: pass',
    'SIGKILL to itself': 'import os\nos.kill(os.getpid(), 9)',
    '4 GiB': "held = b'x' * (4 << 30)\nprint(len(held))",
    'a secret file': "print(open('@SECRET@').read())",
}


def peers_of(work: argparse.Namespace) -> list[Peer]:
    """The peers asked for."""
    peers = [Thyme('thyme', work), Thyme('thyme-tau1', work, THYME_ATS='false'), Swift('swift', work), Trl('trl', work)]
    return [peer for peer in peers if peer.name in work.peers]


def take_turns(peers: list[Peer], turns: int, until: float) -> dict[str, list[dict[str, float]]]:
    """The steps of each peer but the first; one that ends says so and is left out from then on."""
    found: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in peers}
    alive = list(peers)
    for peer in peers:
        peer.prepare()
    for turn in range(turns + 1):
        for peer in [peer for peer in peers[:: -1 if turn % 2 else 1] if peer in alive]:
            if turn and time.time() > until:
                break
            try:
                found[peer.name].append(peer.step())
                said = f'{found[peer.name][-1]["s"]:.1f} s'
            except Ended as ended:
                alive.remove(peer)
                said = f'{ended}; see {peer.folder / "log"}'
            print(turn, peer.name, said, file=sys.stderr, flush=True)
    return {name: steps[1:] for name, steps in found.items() if steps[1:]}


def measure(work: argparse.Namespace, until: float) -> dict[str, dict[str, Any]]:
    """The figures of each peer; OUT/all.json has every step."""
    query = ['nvidia-smi', '--query-gpu=timestamp,utilization.gpu', '--format=csv,noheader,nounits', '-lms', '200']
    peers, looks = peers_of(work), work.out / 'looks'
    with ExitStack() as stack:
        if not work.scripted:
            stack.callback(subprocess.Popen(query, stdout=stack.enter_context(looks.open('w'))).kill)
        steps = take_turns(peers, work.steps, until)
        truths = {peer.name: peer.report() for peer in peers}
    lines = [line.split(', ') for line in ([] if work.scripted else looks.read_text().splitlines()[:-1])]
    busy = [(datetime.strptime(at, '%Y/%m/%d %H:%M:%S.%f').timestamp(), int(percent)) for at, percent in lines]
    (work.out / 'all.json').write_text(json.dumps({'steps': steps, 'truth': truths}, indent=1))
    return {name: _row(steps[name], truths[name], work.trajectories, busy) for name in steps}


def _row(steps: Any, truth: dict[str, int], n: int, busy: list[tuple[float, int]]) -> dict[str, Any]:
    own = [percent for at, percent in busy if any(s['done'] - s['s'] < at < s['done'] for s in steps)]
    sampled = truth.get('sampled', 0) or float('nan')
    return {
        'trajectories/s': n / median(s['s'] for s in steps),
        's a step': [s['s'] for s in steps],
        **{key: mean(float(s.get(key, 0)) for s in steps) for key in SECONDS},
        **{key: round(mean(s.get(key, 0) for s in steps)) for key in COUNTS},
        'idle %': 100 * mean(percent == 0 for percent in own) if own else '',
        'peak GiB': max(s['peak GiB'] for s in steps),
        **{f'{what} %': 100 * truth.get(what, 0) / sampled for what in ('not sampled', 'not trained')},
        **{what: f'{truth.get(part, 0)} of {truth.get(what, 0)}' for what, part in PARTS_OF.items()},
    }


def attack(work: argparse.Namespace) -> dict[str, dict[str, str]]:
    """What became of a run whose policy writes each hostile snippet in every step."""
    from transformers import AutoTokenizer

    found: dict[str, dict[str, str]] = defaultdict(dict)
    decode, secret = AutoTokenizer.from_pretrained(work.model).decode, work.out / 'secret'
    secret.write_text(SECRET)
    for case, code in HOSTILE.items():
        turn = f'0. <code>\n{code.replace("@SECRET@", str(secret))}\n</code>'
        (work.out / 'script.json').write_text(json.dumps([[turn, ANSWER]]))
        for peer in peers_of(work):
            peer.folder = work.out / case.replace(' ', '-') / peer.name
            try:
                peer.prepare()
                first, second = peer.step(work.patience_s), peer.step(work.patience_s)
                said = f'goes on: {first["s"]:.0f}, {second["s"]:.0f} s a step, {second["peak GiB"]:.1f} GiB'
            except Ended as ended:
                said = str(ended)
            peer.report()
            steps = map(json.loads, (peer.folder / 'trace').read_text().splitlines()) if 'goes on' in said else []
            rows = chain(*(rows for step in steps for rows, _ in step['trained']))
            found[case][peer.name] = said + ', trains on the secret' * any(SECRET in decode(ids) for ids, _ in rows)
            print(case, peer.name, found[case][peer.name], file=sys.stderr, flush=True)
    return found


def markdown(rows: dict[str, dict[str, Any]]) -> str:
    """A table with a row for each, and their keys as columns."""
    keys = list(dict.fromkeys(chain(*rows.values())))
    lines = [['', *keys], ['---'] * (len(keys) + 1)]
    lines += [[name, *(_shown(row.get(key, '')) for key in keys)] for name, row in rows.items()]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _shown(value: Any) -> str:
    several = value if isinstance(value, list) else [value]
    return ', '.join(f'{v:,.2f}' if isinstance(v, float) else str(v) for v in several)


def main() -> None:
    """Runs the peers and prints the table, which is in OUT/table.json, too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('model', 'rows', 'trl', 'out'):
        parser.add_argument(f'--{name}', type=lambda path: Path(path).resolve(), required=True)
    for name, default in {'steps': 7, 'trajectories': 64, 'generations': 8, 'batch': 4, 'pixels': 200704}.items():
        parser.add_argument(f'--{name}', type=int, default=default)
    parser.add_argument('--peers', nargs='+', default=['thyme', 'thyme-tau1', 'swift', 'trl'])
    parser.add_argument('--limit-s', type=float, default=1e9, help='no step begins later than this')
    parser.add_argument('--patience-s', type=float, default=120, help='a hostile step that takes longer hangs')
    parser.add_argument('--scripted', action='store_true', help='a script in place of sampling, transformers, a CPU')
    parser.add_argument('--hostile', action='store_true')
    work = parser.parse_args()
    until = time.time() + work.limit_s
    work.out.mkdir(parents=True)
    (work.out / 'script.json').write_text(json.dumps(VARIANTS))
    with judge(work.out / 'judge.log') as work.judge:
        rows = attack(work) if work.hostile else measure(work, until)
    (work.out / 'table.json').write_text(json.dumps(rows, indent=1))
    print(markdown(rows))


if __name__ == '__main__':
    main()
