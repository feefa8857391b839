"""Measures what the way to another process of a Ray cluster costs a snippet, beside the local sandbox in the same run.

    python benchmarks/sandbox_hop.py [--count N]

One node of this machine, one session on each side, the same snippets in turn: an empty one, and one that returns a
picture of about 0.2 MB. The last line is the verdict on the goal, 3 ms more at the median of the empty one.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

import ray

from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import Session, make_sandbox

GOAL_MS = 3.0
SNIPPETS = {
    'empty': 'pass;',
    'picture': (
        'import numpy as np\n'
        "Image.fromarray(np.random.default_rng(0).integers(0, 255, (256, 256, 3), 'u1')).save('p.png')\n"
        "print('p.png')"
    ),
}


async def ms_of(session: Session, code: str) -> float:
    """One snippet, milliseconds."""
    begun = time.perf_counter()
    await session.run(code)
    return (time.perf_counter() - begun) * 1e3


async def measure(count: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by snippet and backend; each session is renewed before its pictures run out."""
    sandboxes = {name: make_sandbox(SandboxSettings(backend=name)) for name in ('local', 'ray')}
    found: dict[str, dict[str, list[float]]] = {}
    for snippet, code in SNIPPETS.items():
        found[snippet] = {name: [] for name in sandboxes}
        for _ in range(-(-count // 8)):
            sessions = {name: await sandbox.open() for name, sandbox in sandboxes.items()}
            for session in sessions.values():
                await session.run(code)
            for _ in range(8):
                for name, session in sessions.items():
                    found[snippet][name].append(await ms_of(session, code))
            for session in sessions.values():
                await session.close()
    for sandbox in sandboxes.values():
        await sandbox.aclose()
    return found


def main() -> None:
    """Prints a table and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=200, metavar='N', help='snippets of each kind and backend')
    options = parser.parse_args()
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        found = asyncio.run(measure(options.count))
    finally:
        ray.shutdown()
    print(f'{"snippet":8} {"local p50 ms":>13} {"ray p50 ms":>11} {"hop ms":>7}')
    hops = {}
    for snippet, by_backend in found.items():
        near, far = (statistics.median(by_backend[name]) for name in ('local', 'ray'))
        hops[snippet] = far - near
        print(f'{snippet:8} {near:13.2f} {far:11.2f} {far - near:7.2f}')
    verdict = 'PASS' if hops['empty'] <= GOAL_MS else 'FAIL'
    print(f'{verdict}: the hop costs {hops["empty"]:.2f} ms (at most {GOAL_MS:g})')


if __name__ == '__main__':
    main()
