"""Puts this sandbox beside what a user could run snippets with instead: the same sessions in turns, then hostile cases.

    python benchmarks/sandbox_peers.py [--rounds N] [--parts speed,hostile] [--peers NAME,NAME]

`rollback`: after the snippets of a session one fails; the time from it until the session is as before it. Who cannot
do that runs the snippets that went well again in a new session; a fresh process runs them again with every snippet.
`ratio`: this package's seconds by the peer's, of the snippets that the peer did.

A hostile case has a process and a session of its own, 1 s a snippet; a peer may roll back after it. It survives if none
of this is so: its caller ended, hangs or was changed; the session's variables are gone; a later session does not work;
the snippet got what it must not; its input or the folder beside its own was changed; processes stay or go on working;
text comes back without bound. **The machine is not harmed**: each process is held to 2 GiB (so "memory" asks for 640
MiB, where this package is told 512 and the others cannot be told) and 30 s, forks are counted, what is left is ended.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from sandbox_limits import picture
from sandbox_peer_host import PEERS
from sandbox_peer_snippets import HOSTILE, SESSIONS
from sandbox_rows import TreeCpu

LATER, WORKS = 'print(cv2.resize(cv2.imread(image_path), (8, 8)).shape)', '(8, 8, 3)'


class Lost(Exception):
    """The process that called the peer ended or does not answer."""


class Host:
    """A peer in a process of its own."""

    def __init__(self, name: str, folder: Path, timeout_s: float, memory_mib: int) -> None:
        (folder / 'work').mkdir()
        self.image = picture(folder)
        script, pipe = Path(__file__).with_name('sandbox_peer_host.py'), subprocess.PIPE
        words = [sys.executable, script, name, folder / 'work', self.image, timeout_s, memory_mib]
        self.process = subprocess.Popen([*map(str, words)], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)

    def ask(self, *request: str, limit_s: float = 60) -> Any:
        """`[what the peer's method gave, its seconds]`."""
        with suppress(OSError):
            self.process.stdin.write(json.dumps(request).encode() + b'\n')
            self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], limit_s)[0]:
            raise Lost('caller hangs')
        if not (line := self.process.stdout.readline()):
            raise Lost('caller ended')
        return json.loads(line)

    def end(self) -> None:
        """Ends the process and all that it left, which is this one's by now."""
        self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        while left := descendants():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(-1, 0)


def descendants(pid: str = 'self') -> list[str]:
    """The children of a process and theirs."""
    found: list[str] = []
    for path in Path(f'/proc/{pid}/task').glob('*/children'):
        with suppress(OSError):
            found += path.read_text().split()
    return found + [below for child in found for below in descendants(child)]


def quiet(limit_s: float, window_s: float = 0.3) -> bool:
    """Waits until all processes together do next to nothing: whether they came to that in time."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        cpu = TreeCpu()
        time.sleep(window_s)
        if cpu.used_s() < 0.1 * window_s:
            return True
    return False


def session(host: Host, number: int, found: dict[str, list[float]]) -> None:
    """Times one session."""
    found['start'].append(host.ask('start')[1])
    for code in SESSIONS[number]:
        (ok, *_), taken_s = host.ask('run', code)
        found['run'].append(taken_s)
        found['ok'].append(ok)
    bad_s = host.ask('run', 'values = None\n1 / 0')[1]
    found['rollback'].append(bad_s + host.ask('rollback')[1])
    host.ask('close')


def speed(names: list[str], rounds: int, folder: Path) -> None:
    """Sessions in turns; the first of each peer is no part of it."""
    hosts = {}
    for name in names:
        (folder / name).mkdir()
        hosts[name] = Host(name, folder / name, 10, 0)
        session(hosts[name], 0, defaultdict(list))
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in names}
    for turn in range(rounds * len(SESSIONS)):
        for name in names if turn % 4 < 2 else reversed(names):
            session(hosts[name], turn % len(SESSIONS), found[name])
    hosts[names[0]].end()  # ends all
    print(f'{"peer":28}  start ms snippets/s  ratio session ms rollback ms not done')
    for name, got in found.items():
        both = [(s, own_s) for s, own_s, ok in zip(got['run'], found[names[0]]['run'], got['ok'], strict=True) if ok]
        theirs, ours = map(sum, zip(*both, strict=True))
        session_ms = (sum(got['start']) + sum(got['run'])) / len(got['start']) * 1e3
        print(
            f'{name:28} {median(got["start"]) * 1e3:9.2f} {len(both) / theirs:10.1f} {ours / theirs:6.2f} '
            f'{session_ms:10.0f} {median(got["rollback"]) * 1e3:11.2f} {len(got["ok"]) - len(both):4}/{len(got["ok"])}'
        )


def attack(host: Host, code: str, outside: Path, server: socket.socket) -> list[str]:
    """What a hostile snippet did that it must not."""
    image, found = host.image.read_bytes(), []
    for key, value in {'OUTSIDE': outside, 'PID': host.process.pid, 'PORT': server.getsockname()[1]}.items():
        code = code.replace(f'@{key}@', str(value))
    try:
        for _ in range(3):  # beside its second and third session this package starts zygotes, kept for all later ones
            host.ask('start')
            host.ask('close')
        host.ask('start')
        host.ask('run', 'kept = 1')
        if not quiet(60, 2):
            raise Lost('not quiet before the case')
        caller, processes = host.ask('caller')[0], len(descendants())
        (ok, text, length), _ = host.ask('run', code, limit_s=8)
        if not ok:
            host.ask('rollback', limit_s=8)
        if 'kept 1' not in host.ask('run', "print('kept', kept)", limit_s=8)[0][1]:
            found.append('session lost')
        if host.ask('caller')[0] != caller:
            found.append('caller changed')
        host.ask('close', limit_s=8)
        host.ask('start', limit_s=8)
        if WORKS not in host.ask('run', LATER, limit_s=8)[0][1]:
            found.append('later session broken')
        found += ['got it'] * ('GOT' in text) + ['text without bound'] * (length > 1_000_000)
        host.ask('close', limit_s=8)
        found += ['goes on working'] * (not quiet(3)) + ['processes stay'] * (len(descendants()) > processes + 20)
    except Lost as lost:
        found.append(str(lost))
    if not host.image.exists() or host.image.read_bytes() != image:
        found.append('input changed')
    return found + ['written outside'] * (os.listdir(outside) != ['secret'])


def hostile(names: list[str], folder: Path) -> None:
    """Every case on every peer."""
    survived: dict[str, int] = defaultdict(int)
    with socket.create_server(('127.0.0.1', 0), backlog=99) as server:
        for case, code in HOSTILE.items():
            for name in names:
                with (
                    tempfile.TemporaryDirectory(dir=folder) as inside,
                    tempfile.TemporaryDirectory(dir=folder) as outside,
                ):
                    Path(outside, 'secret').write_text('nobody should read this')
                    host = Host(name, Path(inside), 1, 2048)
                    found = attack(host, code, Path(outside), server)
                    host.end()
                survived[name] += not found
                print(f'{case:32} {name:28} {", ".join(found) or "survived"}', flush=True)
    for name, count in survived.items():
        print(f'{name:28} survived {count} of {len(HOSTILE)}')


def main() -> None:
    """Runs the parts asked for on the peers that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--parts', default='speed,hostile')
    parser.add_argument('--peers', default=','.join(PEERS))
    options = parser.parse_args()
    names = options.peers.split(',')
    for name, needs in [(name, PEERS[name].needs) for name in names]:
        if not all(map(find_spec, needs.split())):
            print(f'skipped: {name}; pip install {needs}')
            names.remove(name)
    print(f'{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}')
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans become this process's, which ends them
    with tempfile.TemporaryDirectory() as folder:
        if 'speed' in options.parts:
            speed(names, options.rounds, Path(folder))
        if 'hostile' in options.parts:
            hostile([name for name in names if 'no rollback' not in name], Path(folder))


if __name__ == '__main__':
    main()
