"""No state is lost whatever step of the supervisor takes long: the same turns with delays put into its code."""

from __future__ import annotations

import asyncio
import platform
import subprocess

import pytest

from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import ZygoteSandbox, client
from swift_thyme.types import Outcome

SLOW_SUPERVISOR = """
import time
from swift_thyme.sandbox.supervisor import notify, process, procfs, session

def delay(owner, name):
    function = getattr(owner, name)
    def late(*args):
        result = function(*args)
        time.sleep(0.015)
        return result
    setattr(owner, name, late)

for owner, name in %r:
    owners = {'process': process, 'procfs': procfs, 'session': session, 'notify': notify, 'Process': process.Process}
    delay(owners[owner], name)

from swift_thyme.sandbox.supervisor.__main__ import main
main()
"""
PLACES = {
    'looking-at-a-process': [(owner, 'read_state') for owner in ('procfs', 'process', 'session')]
    + [('Process', 'owns')],
    'receiving-a-message': [('Process', '_take')],
    'answering-a-call': [('notify', 'receive'), ('notify', 'answer')],
    'sending-a-signal': [('Process', 'signal')],
}
FAILURES = {
    'import os\nos._exit(0)': Outcome.DIED,
    'import ctypes\nctypes.string_at(1)': Outcome.DIED,
    '1/0': Outcome.CODE_ERROR,
    'while True: pass': Outcome.TIMEOUT,
}


def slow_sandbox(monkeypatch, place):
    """A sandbox whose supervisor is slow in one place."""
    start = subprocess.Popen

    def popen(args, **options):
        if args[1:3] == ['-m', 'swift_thyme.sandbox.supervisor']:
            args = [args[0], '-c', SLOW_SUPERVISOR % (PLACES[place],), *args[3:]]
        return start(args, **options)

    monkeypatch.setattr(client.subprocess, 'Popen', popen)
    return ZygoteSandbox(SandboxSettings())


@pytest.mark.parametrize(
    'place', [p if p.startswith('looking') else pytest.param(p, marks=pytest.mark.slow) for p in PLACES]
)
def test_what_a_failed_snippet_found_is_there_afterwards(monkeypatch, place):
    """Once, a child that ended between two looks at it was taken for a stranger, and the session began anew."""
    slow = slow_sandbox(monkeypatch, place)

    async def turns(code):
        async with await slow.open() as session:
            await session.run("x = 1\nopen('f', 'w').write('kept')")
            results = []
            for _ in range(3):
                results.append((await session.run(code, timeout_s=0.4)).outcome)
                results.append((await session.run("print(x, open('f').read())")).text)
            return results

    async def all_of_them():
        return dict(zip(FAILURES, await asyncio.gather(*map(turns, FAILURES)), strict=True))

    found = asyncio.run(all_of_them())
    slow.close()
    assert found == {code: [outcome, '1 kept\n'] * 3 for code, outcome in FAILURES.items()}


DEAF_SUPERVISOR = """
import asyncio
from swift_thyme.sandbox.supervisor.process import Process

hear = Process._hear
def late(self):
    loop = asyncio.get_running_loop()
    fd = self._channel.fileno()
    loop.remove_reader(fd)
    def now():
        if not self.lost:
            loop.add_reader(fd, self._hear)
            hear(self)
    loop.call_later(0.05, now)
Process._hear = late

from swift_thyme.sandbox.supervisor.__main__ import main
main()
"""
FORKS = (
    'import ctypes\nlibc = ctypes.CDLL(None)\n'
    'for _ in range(9):\n'
    '    pid = libc.syscall(56, ctypes.c_ulong(0x1200011), 0, 0, 0, 0)\n'
    '    if pid == 0: libc.syscall(60, 0)\n'
    "    if pid > 0: print('MADE')"
)


@pytest.mark.skipif(platform.machine() != 'x86_64', reason='calls clone by its number on x86-64')
def test_a_snippet_cannot_fork_before_the_supervisor_hears_of_its_snapshot(monkeypatch):
    """The leave for the snapshot's fork once lasted until its word was heard, and a quick snippet used it."""
    start = subprocess.Popen

    def popen(args, **options):
        if args[1:3] == ['-m', 'swift_thyme.sandbox.supervisor']:
            args = [args[0], '-c', DEAF_SUPERVISOR, *args[3:]]
        return start(args, **options)

    monkeypatch.setattr(client.subprocess, 'Popen', popen)
    deaf = ZygoteSandbox(SandboxSettings())

    async def turns():
        async with await deaf.open() as session:
            return [await session.run(code) for code in ('x = 1', FORKS, 'print(x)')]

    try:
        _, forks, after = asyncio.run(turns())
    finally:
        deaf.close()
    assert (forks.outcome, forks.own_text) == (Outcome.OK, '')
    assert after.text == '1\n'
