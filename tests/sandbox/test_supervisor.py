"""Parts of the supervisor alone: who ended, who may say what, how long pictures may take."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest
from PIL import Image

from swift_thyme.errors import SandboxUnavailable
from swift_thyme.sandbox import linux, wire
from swift_thyme.sandbox.base import Limits
from swift_thyme.sandbox.naming import Mention
from swift_thyme.sandbox.supervisor import decoders, pictures, zygote
from swift_thyme.sandbox.supervisor.clock import Stopwatch
from swift_thyme.sandbox.supervisor.exits import Exits
from swift_thyme.sandbox.supervisor.process import Process
from swift_thyme.sandbox.supervisor.zygote import Child, ZygoteHandle

from .test_backend import alive

NONCE = b'n' * wire.NONCE_BYTES


def test_an_end_is_told_once_whether_it_comes_before_or_after_the_question():
    exits, told = Exits(), []
    exits.ask(7, lambda status: told.append((7, status)))
    exits.note(7, 256)
    exits.note(8, 9)
    exits.ask(8, lambda status: told.append((8, status)))
    exits.note(8, 0)
    assert told == [(7, 256), (8, 9)]


def test_an_end_nobody_asks_about_any_more_is_not_told():
    exits, told = Exits(), []
    exits.ask(7, told.append)
    exits.forget(7)
    exits.note(7, 0)
    assert told == []


def test_an_old_end_is_not_told_of_a_new_process_with_the_same_pid():
    """Pids come again after some thousand forks; a session once ended with the process that had its pid before."""
    exits, told = Exits(), []
    exits.note(7, 9)
    exits.born(7)
    exits.ask(7, told.append)
    exits.note(7, 0)
    assert told == [0]


def from_forks(count, messages):
    """Events of a process in whose place `count` forks sent `messages[i]` each; forks are in a group of their own."""

    async def turn():
        (ours, theirs), (held, lifeline) = wire.socket_pair(), socket.socketpair()
        ours.setblocking(False)
        ready, go = os.pipe()
        pids = []
        for number in range(count):
            pid = os.fork()
            if pid == 0:
                os.setpgid(0, pids[0] if pids else 0)
                held.close()
                linux.end_with_peer(lifeline.fileno())
                os.read(ready, 1)
                for data in messages[number]:
                    theirs.send(data)
                signal.pause()
            os.setpgid(pid, pids[0] if pids else pid)
            pids.append(pid)
        process = Process(Child(ours, held, pids[0]), Exits(), 8, 100_000)
        process.begin(NONCE, may_fork=True)
        for _ in pids:
            os.write(go, b'.')
            await asyncio.sleep(0.05)
        events = [(kind, payload) for kind, payload in process._events]
        holder = process.holder
        process.kill()
        for pid in pids:
            os.waitpid(pid, 0)
        for end in (ready, go):
            os.close(end)
        theirs.close()
        lifeline.close()
        return events, {pid: number for number, pid in enumerate(pids)}.get(holder)

    return asyncio.run(turn())


def test_only_another_process_can_be_the_snapshot():
    assert from_forks(1, [[wire.FORKED + NONCE]]) == ([], None)
    assert from_forks(2, [[], [wire.FORKED + NONCE]]) == ([(wire.FORKED, b'')], 1)


def test_only_the_running_process_can_report():
    report = wire.REPORT + NONCE + b'text'
    assert from_forks(2, [[], [report]])[0] == []
    assert from_forks(2, [[report], []])[0] == [(wire.REPORT, b'text')]


@pytest.mark.parametrize('kind', [b'x', b'X', b'eof', b'end', wire.READY])
def test_no_message_says_that_a_process_ended(kind):
    assert from_forks(1, [[kind + NONCE + struct.pack('i', 9)]])[0] == []


def test_the_pictures_of_one_snippet_share_the_time_for_decoding(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, 'DECODE_TIMEOUT_S', 0.5)
    asked = []

    class Slow:
        async def examine(self, picture, limits, timeout_s):
            asked.append(timeout_s)
            reason = decoders.Refused('no')
            reason.taken_s = 0.3
            raise reason

    live = tmp_path / 'live'
    live.mkdir()
    names = [f'{number}.png' for number in range(5)]
    for name in names:
        (live / name).write_bytes(b'x')
    gallery = pictures.Gallery(str(live), str(tmp_path / 'out'), '', Limits(), Slow())
    mentions = [Mention(name, name) for name in names]
    _, problems = asyncio.run(gallery.accept(mentions))
    assert asked == [0.5, pytest.approx(0.2)]
    assert [text.endswith('took too long') for text in problems] == [False, False, True, True, True]


def test_a_zygote_that_died_unheard_is_replaced_when_a_fork_is_asked_of_it(tmp_path):
    """The message to a dead one fails at once, eight times before the event loop hears of its end."""

    async def forked_after_death():
        zygote = ZygoteHandle(str(tmp_path), str(tmp_path), Exits())
        try:
            await zygote.start()
            os.kill(zygote.pid, signal.SIGKILL)
            os.waitpid(zygote.pid, 0)
            child = await zygote.fork(wire.ZYGOTE_SPARE)
            lives = alive(child.pid)
            child.end()
            return lives
        finally:
            zygote.stop()

    assert asyncio.run(forked_after_death())


def test_a_fork_that_the_zygote_did_not_live_to_tell_shares_no_channel_with_the_next(tmp_path, monkeypatch):
    """Both once held one channel: the first became the session, and the snippet's code went to the second."""
    told = []
    hear = ZygoteHandle._hear

    def loses_the_first(zygote, control):
        data = control.recv(65536, socket.MSG_PEEK)
        if data and wire.ZYGOTE.unpack(data)[0] == wire.ZYGOTE_FORKED and not told:
            told.append(wire.ZYGOTE.unpack(control.recv(65536))[2])
            os.kill(zygote.pid, signal.SIGKILL)
        hear(zygote, control)

    async def fork():
        zygote = ZygoteHandle(str(tmp_path), str(tmp_path), Exits())
        try:
            child = await zygote.fork(wire.ZYGOTE_SPARE)
            await asyncio.sleep(1)
            lives = [alive(told[0]), alive(child.pid)]
            child.end()
            return lives, child.pid
        finally:
            zygote.stop()

    monkeypatch.setattr(ZygoteHandle, '_hear', loses_the_first)
    lives, pid = asyncio.run(fork())
    assert pid != told[0]
    assert lives == [False, True]


BOUNDS = Limits(image_bytes=1 << 20)
SOUND = {'width': 90, 'height': 60, 'suffix': '.png', 'copied': True}


@pytest.mark.parametrize(
    'change',
    [
        {'suffix': '/../../x.png'},
        {'suffix': ''},
        {'suffix': ['.png']},
        {'width': 0},
        {'width': True},
        {'width': '90'},
        {'height': 10**9},
        {'height': 5},
        {'copied': 1},
    ],
)
def test_a_decoder_that_says_what_none_would_say_is_not_believed(change):
    assert decoders.read_verdict(json.dumps(SOUND).encode(), BOUNDS).width_px == 90
    with pytest.raises(decoders.Refused):
        decoders.read_verdict(json.dumps(SOUND | change).encode(), BOUNDS)


@pytest.mark.parametrize('reply', [b'', b'{', b'[]', b'7', b'{"width": 90}', b'\xff', b'[' * 60_000])
def test_a_reply_that_is_no_verdict_refuses_the_picture(reply):
    with pytest.raises(decoders.Refused):
        decoders.read_verdict(reply, BOUNDS)


def test_a_copy_is_held_against_what_its_verdict_says(tmp_path):
    def check(data, verdict=SOUND):
        path = tmp_path / 'copy'
        path.write_bytes(data)
        with path.open('rb') as file:
            decoders.check_file(file.fileno(), decoders.read_verdict(json.dumps(verdict).encode(), BOUNDS), BOUNDS)

    buffer = io.BytesIO()
    Image.new('RGB', (90, 60)).save(buffer, 'PNG')
    png = buffer.getvalue()
    check(png)
    for data in (bytes(100) + png, png + bytes(1 << 20), b'', b'\xff\xd8\xff' + png):
        with pytest.raises(decoders.Refused):
            check(data)
    with pytest.raises(decoders.Refused):
        check(png, SOUND | {'width': 91})


def test_waiting_for_a_processor_costs_a_process_no_time_but_sleeping_does():
    def measure(code):
        process = subprocess.Popen([sys.executable, '-S', '-c', code], stdout=subprocess.PIPE)
        process.stdout.read(1)
        watch = Stopwatch(process.pid)
        time.sleep(1)
        try:
            return watch.elapsed_s()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    one_core = 'import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(end=".", flush=True)\n'
    hogs = [subprocess.Popen([sys.executable, '-S', '-c', one_core + 'while True: pass']) for _ in range(4)]
    try:
        starved = measure(one_core + 'while True: pass')
        asleep = measure('import time; print(end=".", flush=True)\ntime.sleep(60)')
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert starved < 0.6
    assert asleep > 0.7


def test_a_zygote_that_does_not_come_up_is_ended(monkeypatch, tmp_path):
    """It used to go on with its imports beside the next one, more of them the busier the machine."""
    monkeypatch.setattr(zygote, '_START_TIMEOUT_S', 0.1)
    handle, started = ZygoteHandle(str(tmp_path), '', Exits()), []

    def start_silent(control_fd):
        started.append(subprocess.Popen(['sleep', '600'], pass_fds=[control_fd]))
        return started[0].pid

    monkeypatch.setattr(handle, '_spawn', start_silent)
    with pytest.raises(SandboxUnavailable, match='did not start'):
        asyncio.run(handle.start())
    assert not os.path.exists(f'/proc/{started[0].pid}')
    started[0].returncode = -signal.SIGKILL
