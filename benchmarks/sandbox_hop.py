"""Measures what the way to another process of a Ray cluster costs a snippet, beside the local sandbox in the same run.

    python benchmarks/sandbox_hop.py [--count N]

One node of this machine, one session on each side, the same snippets in turn, who is first changing: an empty one, and
one that returns a picture of about 0.2 MB. The way is what a snippet takes beyond the time that the sandbox itself
reports, so that the work of one side after a reply is not counted against the other. Beside them a call of an actor
that does nothing but return as many bytes: what Ray itself takes. The last line is the verdict on the goal: 3 ms more
at the median of the empty one.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import Any

import ray

from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import Session, make_sandbox

GOAL_MS = 3.0
WARM_S, REST_S = 20.0, 0.03
"""For what starts beside the first sessions, and for what is done after a reply."""
PICTURE_BYTES = 200_000
SNIPPETS = {
    'empty': 'pass;',
    'picture': (
        'import numpy as np\n'
        "Image.fromarray(np.random.default_rng(0).integers(0, 255, (256, 256, 3), 'u1')).save('p.png')\n"
        "print('p.png')"
    ),
}


class Idle:
    """An actor without a sandbox."""

    async def run(self, code: str, timeout_s: float | None, size: int) -> bytes:
        """So many bytes."""
        return bytes(size)


async def call_ms(actor: Any, code: str, size: int) -> float:
    """What a call of an idle actor takes, milliseconds."""
    await asyncio.sleep(REST_S)
    begun = time.perf_counter()
    await asyncio.wrap_future(actor.run.remote(code, None, size).future())
    return (time.perf_counter() - begun) * 1e3


async def way_ms(session: Session, code: str) -> float:
    """What one snippet takes beyond its own time, milliseconds."""
    await asyncio.sleep(REST_S)
    begun = time.perf_counter()
    result = await session.run(code)
    return (time.perf_counter() - begun - result.elapsed_s) * 1e3


async def measure(count: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by snippet and backend; each session is renewed before its pictures run out."""
    sandboxes = {name: make_sandbox(SandboxSettings(backend=name)) for name in ('local', 'ray')}
    idle = ray.remote(Idle).options(num_cpus=0, max_concurrency=1000).remote()
    for sandbox in sandboxes.values():
        await (await sandbox.open()).close()
    await asyncio.sleep(WARM_S)
    found: dict[str, dict[str, list[float]]] = {}
    for snippet, code in SNIPPETS.items():
        found[snippet] = {name: [] for name in (*sandboxes, 'idle')}
        for _ in range(-(-count // 8)):
            sessions = {name: await sandbox.open() for name, sandbox in sandboxes.items()}
            for session in sessions.values():
                await session.run(code)
            for i in range(8):
                for name in sorted(sessions, reverse=bool(i % 2)):
                    found[snippet][name].append(await way_ms(sessions[name], code))
                found[snippet]['idle'].append(await call_ms(idle, code, PICTURE_BYTES * (snippet == 'picture')))
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
    ray.init(num_cpus=1, resources={'thyme_sandbox': 8}, include_dashboard=False, log_to_driver=False)
    try:
        found = asyncio.run(measure(options.count))
    finally:
        ray.shutdown()
    print(f'{"snippet":8} {"local p50 ms":>13} {"ray p50 ms":>11} {"more ms":>8} {"idle actor p50 ms":>18}')
    hops = {}
    for snippet, by_backend in found.items():
        near, far, idle = (statistics.median(by_backend[name]) for name in ('local', 'ray', 'idle'))
        hops[snippet] = far - near
        print(f'{snippet:8} {near:13.2f} {far:11.2f} {far - near:8.2f} {idle:18.2f}')
    verdict = 'PASS' if hops['empty'] <= GOAL_MS else 'FAIL'
    print(f'{verdict}: the hop costs {hops["empty"]:.2f} ms (at most {GOAL_MS:g})')


if __name__ == '__main__':
    main()
