"""What happens when processes are killed at any moment: only who is concerned fails, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from swift_thyme.config import SandboxSettings
from swift_thyme.errors import SandboxError, SessionDead
from swift_thyme.sandbox import ZygoteSandbox
from swift_thyme.sandbox.supervisor import janitor
from swift_thyme.types import Outcome

from .test_backend import alive, wait_for


@pytest.fixture(scope='module')
def own():
    """A sandbox that may be damaged: what is killed of it must come back for the next test."""
    made = ZygoteSandbox(SandboxSettings(allow_tier_b=True))
    yield made
    made.close()


def run(session, code, timeout_s=5.0):
    return asyncio.run(session.run(code, timeout_s=timeout_s))


def test_a_killed_session_is_dead_and_the_others_go_on(own):
    victim, other = asyncio.run(own.open()), asyncio.run(own.open())
    run(victim, 'x = 1')
    run(other, 'x = 2')
    for pid in own.stats()['sessions'][victim._ident]:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(SessionDead, match='outside'):
        run(victim, 'print(x)')
    with pytest.raises(SessionDead):
        run(victim, 'print(x)')
    assert run(other, 'print(x)').text == '2\n'


def test_a_session_killed_while_it_runs_is_dead(own):
    async def turn():
        session = await own.open()
        await session.run('x = 1')
        work = asyncio.ensure_future(session.run('while True: pass', timeout_s=10))
        await asyncio.sleep(0.3)
        for pid in (await asyncio.to_thread(own.stats))['sessions'][session._ident]:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(SessionDead):
            await work

    begin = time.monotonic()
    asyncio.run(turn())
    assert time.monotonic() - begin < 8


def test_sessions_survive_the_zygote_and_new_ones_get_another(own):
    session = asyncio.run(own.open())
    run(session, 'x = 1')
    before = own.stats()['zygote_pid']
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: not alive(before))
    assert run(session, 'print(x)').text == '1\n'
    assert run(session, '1/0').outcome is Outcome.CODE_ERROR
    assert run(session, 'print(x)').text == '1\n'
    fresh = asyncio.run(own.open())
    assert run(fresh, 'print(2)').text == '2\n'
    assert own.stats()['zygote_pid'] != before


def test_a_lost_supervisor_fails_its_sessions_and_is_replaced(own):
    session = asyncio.run(own.open())
    stats = own.stats()
    os.kill(stats['pid'], signal.SIGKILL)
    with pytest.raises(SandboxError):
        run(session, 'pass')
    pids = [stats['zygote_pid'], *stats['spares'], *(pid for pids in stats['sessions'].values() for pid in pids)]
    wait_for(lambda: not any(alive(pid) for pid in pids))
    assert not any(alive(pid) for pid in pids)
    fresh = asyncio.run(own.open())
    assert run(fresh, 'print(2)').text == '2\n'
    assert not os.path.exists(stats['run_dir'])


def test_a_spare_that_was_killed_while_it_waited_costs_no_session(own):
    asyncio.run(own.open()).close_soon()
    wait_for(lambda: own.stats()['spares'])
    for pid in own.stats()['spares']:
        os.kill(pid, signal.SIGKILL)
    session = asyncio.run(own.open())
    assert run(session, 'print(1)').text == '1\n'


def test_each_spare_is_used_once_and_replaced(own):
    wait_for(lambda: len(own.stats()['spares']) == 2)
    before = own.stats()['spares']
    sessions = [asyncio.run(own.open()) for _ in range(2)]
    stats = own.stats()
    taken = [stats['sessions'][session._ident][0] for session in sessions]
    wait_for(lambda: len(own.stats()['spares']) == 2)
    after = own.stats()['spares']
    for session in sessions:
        asyncio.run(session.close())
    assert taken == before
    assert not {*before} & {*after}


def decoders(sandbox):
    """Processes of the zygote that are neither a session's nor spare."""
    stats = sandbox.stats()
    others = {pid for pids in stats['sessions'].values() for pid in pids} | {*stats['spares']}
    with open(f'/proc/{stats["zygote_pid"]}/task/{stats["zygote_pid"]}/children') as file:
        return {int(pid) for pid in file.read().split()} - others


def test_a_picture_is_accepted_after_the_idle_decoder_was_killed(own):
    session = asyncio.run(own.open())
    code = "cv2.imwrite('%d.png', np.zeros((64, 64, 3), 'u1'))\nprint('%d.png')"
    assert run(session, code % (1, 1)).outcome is Outcome.OK
    wait_for(lambda: len(own.stats()['spares']) == 2)
    killed = decoders(own)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not killed & decoders(own))
    result = run(session, code % (2, 2))
    asyncio.run(session.close())
    assert killed
    assert (result.outcome, len(result.images)) == (Outcome.OK, 1)


def test_a_picture_is_accepted_though_its_decoder_was_killed(own):
    async def turn():
        session = await own.open()
        await session.run(code % (1, 1))
        stopped = await asyncio.to_thread(decoders, own)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        work = asyncio.ensure_future(session.run(code % (2, 2)))
        await asyncio.sleep(0.5)
        for pid in stopped:
            os.kill(pid, signal.SIGKILL)
        result = await work
        await session.close()
        return bool(stopped), result.outcome, len(result.images)

    code = "cv2.imwrite('%d.png', np.zeros((64, 64, 3), 'u1'))\nprint('%d.png')"
    wait_for(lambda: len(own.stats()['spares']) == 2)
    assert asyncio.run(turn()) == (True, Outcome.OK, 1)


TRAINER = """
import asyncio, json, sys
from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import ZygoteSandbox
sandbox = ZygoteSandbox(SandboxSettings(allow_tier_b=True))
async def main():
    sessions = [await sandbox.open() for _ in range(3)]
    await asyncio.gather(*(s.run('x = 1') for s in sessions))
    work = [asyncio.ensure_future(s.run(code, timeout_s=600)) for s, code in zip(sessions, (
        'while True: pass',
        'import time; time.sleep(600)',
        'import threading; threading.Thread(target=print).start()\\nwhile True: pass'))]
    await asyncio.sleep(0.3)
    print(json.dumps(await asyncio.to_thread(sandbox.stats)), flush=True)
    await asyncio.gather(*work)
asyncio.run(main())
"""


@pytest.mark.parametrize('also', ['nothing', 'supervisor', pytest.param('zygote', marks=pytest.mark.slow)])
def test_nothing_outlives_a_killed_trainer(also):
    import json

    trainer = subprocess.Popen([sys.executable, '-c', TRAINER], stdout=subprocess.PIPE, text=True, env=environment())
    stats = json.loads(trainer.stdout.readline())
    pids = [stats['pid'], stats['zygote_pid'], *stats['spares']]
    pids += [pid for pids in stats['sessions'].values() for pid in pids]
    assert all(alive(pid) for pid in pids)
    if also != 'nothing':
        os.kill(stats['pid' if also == 'supervisor' else 'zygote_pid'], signal.SIGKILL)
    trainer.kill()
    trainer.wait()
    trainer.stdout.close()
    wait_for(lambda: not any(alive(pid) for pid in pids))
    assert not any(alive(pid) for pid in pids)
    if also == 'supervisor':
        janitor.sweep(os.path.dirname(stats['run_dir']))
    wait_for(lambda: not os.path.exists(stats['run_dir']))
    assert not os.path.exists(stats['run_dir'])


SABOTAGED_TRAINER = """
import asyncio, json
from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import ZygoteSandbox
sandbox = ZygoteSandbox(SandboxSettings(allow_tier_b=True))
SABOTAGE = '''
import sys, os, ctypes
f = sys._getframe()
while f and not hasattr(f.f_locals.get('self'), '_leave_snapshot'): f = f.f_back
def bad(self, nonce):
    if ctypes.PyDLL(None).fork() == 0:
        x = bytearray(50 << 20)
        while True: pass
    os._exit(0)
type(f.f_locals['self'])._leave_snapshot = bad
'''
DEAF = "import signal\\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\\n"
async def main():
    sessions = [await sandbox.open() for _ in range(4)]
    firsts = 'x = 1', 'x = 1', SABOTAGE, None
    await asyncio.gather(*(s.run(code) for s, code in zip(sessions, firsts) if code))
    stats = await asyncio.to_thread(sandbox.stats)
    spin = DEAF + "open('f', 'w').write('x' * 9999)\\nwhile True: pass"
    loops = spin, 'while True: pass', 'print(1)', spin
    work = [asyncio.ensure_future(s.run(code, timeout_s=600)) for s, code in zip(sessions, loops)]
    await asyncio.sleep(1)
    later = await asyncio.to_thread(sandbox.stats)
    print(json.dumps([stats, later]), flush=True)
    await asyncio.gather(*work)
asyncio.run(main())
"""


@contextlib.contextmanager
def ruler():
    """The time that a process of the sessions' priority gets: on a quiet machine, that of the clock on the wall."""
    code = 'import os\nos.nice(5)\nos.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))\nwhile True: pass'
    spinning = subprocess.Popen([sys.executable, '-S', '-c', code])
    try:
        yield lambda: time.clock_gettime(~spinning.pid << 3 | 2)
    finally:
        spinning.kill()
        spinning.wait()


def in_groups(groups):
    """Processes of these groups that can run, with their groups."""
    found = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/stat') as file:
                state, _, group, *_ = file.read().rpartition(')')[2].split()
        except OSError:
            continue
        if int(group) in groups and state not in 'ZX':
            found[int(name)] = int(group)
    return found


@pytest.mark.parametrize('seed', [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 40))])
def test_whoever_is_killed_in_whatever_order_nothing_is_left_a_second_later(seed):
    """Spinning snippets that ignore signals, a sabotaged snapshot whose maker is gone, and every guardian killed."""
    import json

    rng = random.Random(seed)
    trainer = subprocess.Popen(
        [sys.executable, '-c', SABOTAGED_TRAINER], stdout=subprocess.PIPE, text=True, env=environment()
    )
    before, stats = json.loads(trainer.stdout.readline())
    groups = {os.getpgid(pids[0]) for pids in stats['sessions'].values() if pids[0] > 0 and alive(pids[0])}
    groups |= {pids[0] for pids in before['sessions'].values()} | {*stats['spares']}
    sessions = [*in_groups(groups)]
    assert len(sessions) >= 6  # four that loop, two of them with a snapshot, and spares
    guardians = [trainer.pid, stats['pid'], stats['zygote_pid']]
    members = guardians + rng.sample(sessions, rng.randrange(4))
    rng.shuffle(members)
    for pid in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        time.sleep(rng.choice([0, 0, 0.002, 0.05]))
    trainer.wait()
    trainer.stdout.close()
    with ruler() as time_s:
        wait_for(lambda: (not in_groups(groups) and not os.path.exists(stats['run_dir'])) or time_s() > 1, 600)
    left = in_groups(groups)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
    assert not os.path.exists(stats['run_dir'])


def test_the_janitor_removes_only_abandoned_directories(tmp_path):
    mine = janitor.claim(str(tmp_path), others_may_pass=False)
    abandoned = janitor.claim(str(tmp_path), others_may_pass=False)
    os.close(abandoned.lock_fd)
    (tmp_path / 'another-directory').mkdir()
    assert janitor.sweep(str(tmp_path)) == [abandoned.path]
    assert os.path.exists(mine.path)
    mine.remove()
    assert not os.path.exists(mine.path)


def test_joining_a_thread_and_forking_never_stalls(own):
    """A fork between `Thread.join` and the real end of a thread once left OpenCV's lock held in the child."""
    code = textwrap.dedent("""
        import threading
        def work():
            cv2.resize(np.zeros((64, 64, 3), 'u1'), None, fx=2, fy=2)
        for _ in range(4):
            t = threading.Thread(target=work); t.start(); t.join()
        cv2.resize(np.zeros((64, 64, 3), 'u1'), None, fx=2, fy=2)
    """)

    async def trajectory():
        async with await own.open() as session:
            return [(await session.run(code, timeout_s=20)).outcome for _ in range(25)]

    async def all_of_them():
        return await asyncio.gather(*(trajectory() for _ in range(4)))

    assert {outcome for outcomes in asyncio.run(all_of_them()) for outcome in outcomes} == {Outcome.OK}


async def _soak(own, sessions, turns, seed=0):
    """Runs sessions with hostile snippets among ordinary ones; every result must be its own session's."""
    hostile = [
        'import os; os._exit(1)',
        'import ctypes; ctypes.string_at(1)',
        '1/0',
        'import os\nos.closerange(0, 2000)',
    ]
    hostile += [
        "open('x.png', 'w').write('x'); print('x.png')",
        'import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n1/0',
    ]
    rng = random.Random(seed)
    wrong = []

    async def trajectory(number):
        async with await own.open() as session:
            value = 0
            for turn in range(turns):
                if rng.random() < 0.05:
                    await session.run(rng.choice(hostile), timeout_s=5)
                result = await session.run(
                    f'x = {number} * 1000 + {turn}\nprint(x)' if turn % 2 == 0 else 'print(x)', timeout_s=20
                )
                value = number * 1000 + turn - turn % 2
                if result.text != f'{value}\n':
                    wrong.append((number, turn, result))

    for start in range(0, sessions, 16):
        await asyncio.gather(*(trajectory(n) for n in range(start, min(start + 16, sessions))))
    return wrong


_DECODERS = 8
"""A decoder that is first needed during the soak adds a process and four descriptors; a leak would add thousands."""


def usage(own):
    """What could grow: counts that must not, and the resident memory of supervisor and zygote, bytes."""
    wait_for(lambda: not own.stats()['sessions'])
    stats = own.stats()
    pids = stats['pid'], stats['zygote_pid']
    resident = 0
    for pid in pids:
        with open(f'/proc/{pid}/statm') as file:
            resident += int(file.read().split()[1]) * 4096
    counts = {
        'sessions': len(stats['sessions']),
        'processes': sum(1 for name in os.listdir('/proc') if name.isdigit() and parent(name) in pids),
        'descriptors': stats['descriptors'] + len(os.listdir('/proc/self/fd')),
        'threads': threading.active_count(),
        'files': len(os.listdir(stats['run_dir'])),
    }
    return counts, resident


def parent(pid):
    """The parent of a process, ended ones that nobody waited for included."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return int(file.read().rpartition(')')[2].split()[1])
    except OSError:
        return 0


def soak(own, sessions, turns):
    asyncio.run(_soak(own, 32, 3))
    before, resident_before = usage(own)
    wrong = asyncio.run(_soak(own, sessions, turns, seed=1))
    after, resident_after = usage(own)
    assert wrong == []
    assert {name: after[name] - before[name] for name in before if after[name] > before[name] + _DECODERS} == {}
    assert resident_after - resident_before < (16 << 20)


@pytest.mark.slow
def test_soak_short(own):
    soak(own, 48, 6)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_soak_long(own):
    """`THYME_SOAK_SNIPPETS` says how long; 100,000 on one machine is the promise."""
    soak(own, int(os.environ.get('THYME_SOAK_SNIPPETS', '100000')) // 20, 20)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize('seed', range(3))
def test_random_kills_during_a_thousand_snippets(own, seed):
    random_kills(own, 100, 10, seed)


def test_random_kills_short(own):
    random_kills(own, 24, 5, 0)


def random_kills(own, sessions, turns, seed):
    """Kills a session's process or the zygote now and then; every other session must give its own results."""
    rng = random.Random(seed)
    killed, wrong, finished = set(), [], 0

    async def trajectory(number):
        nonlocal finished
        session = await own.open()
        try:
            await session.run(f'x = {number}', timeout_s=20)
            for _ in range(turns):
                if rng.random() < 0.03:
                    stats = await asyncio.to_thread(own.stats)
                    if rng.random() < 0.3 and stats['zygotes']:  # one that is lost has the pid 0, which is this group
                        os.kill(rng.choice(stats['zygotes']), signal.SIGKILL)
                    elif stats['sessions'].get(session._ident):
                        killed.add(number)
                        os.kill(stats['sessions'][session._ident][0], signal.SIGKILL)
                result = await session.run('print(x)', timeout_s=20)
                if result.text != f'{number}\n':
                    wrong.append((number, result))
            finished += 1
        except SessionDead as error:
            if number not in killed:
                wrong.append((number, error))
        except ProcessLookupError:
            finished += 1
        finally:
            await session.close()

    async def all_of_them():
        for start in range(0, sessions, 8):
            await asyncio.gather(*(trajectory(n) for n in range(start, min(start + 8, sessions))))

    asyncio.run(all_of_them())
    assert wrong == []
    assert finished + len(killed) >= sessions
    assert own.stats()['sessions'] == {}


def environment():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return {**os.environ, 'PYTHONPATH': root}


def test_a_call_whose_maker_was_killed_does_not_end_the_answering_of_calls(own):
    """A snippet killed in the middle of making a file once left its session without anyone to allow the next fork."""

    async def trajectory():
        async with await own.open() as session:
            await session.run('x = 1')
            results = []
            for _ in range(12):
                await session.run("while True: open('f', 'w').close()", timeout_s=0.03)
                results.append((await session.run('print(x)', timeout_s=20)).text)
            return results

    async def all_of_them():
        return await asyncio.gather(*(trajectory() for _ in range(6)))

    assert {text for texts in asyncio.run(all_of_them()) for text in texts} == {'1\n'}
