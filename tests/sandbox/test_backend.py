"""The zygote backend's own promises: loops, threads, pictures that outlive a session, special tokens, the ledger."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme.config import SandboxSettings
from swift_thyme.errors import ConfigError, DataError, SessionDead
from swift_thyme.sandbox import BlockingSandbox, InputImage, Limits, ZygoteSandbox, linux, shared_sandbox, wire
from swift_thyme.types import Outcome

SAVE = "p = Image.new('RGB', (90, 60), 'red'); p.save('a.png'); print('a.png')"


def test_a_session_is_usable_from_one_event_loop_after_another(sandbox, picture):
    session = asyncio.run(sandbox.open([InputImage(picture)]))
    results = [asyncio.run(session.run(code)) for code in ('x = 20', 'x += 1', 'print(x * 2)')]
    asyncio.run(session.close())
    assert results[-1].text == '42\n'


def test_sessions_are_usable_from_many_threads(sandbox):
    def trajectory(number):
        async def turns():
            async with await sandbox.open() as session:
                await session.run(f'x = {number}')
                return (await session.run('print(x)')).text

        return asyncio.run(turns())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(trajectory, range(24))) == [f'{number}\n' for number in range(24)]


def test_a_second_call_waits_for_the_first(sandbox):
    async def both():
        async with await sandbox.open() as session:
            slow = session.run("import time\ntime.sleep(0.2)\nx = 'slow'")
            fast = session.run('print(x)')
            return (await asyncio.gather(slow, fast))[1].text

    assert asyncio.run(both()) == 'slow\n'


def test_the_event_loop_is_not_blocked_while_64_snippets_run(sandbox):
    async def measure():
        sessions = await asyncio.gather(*(sandbox.open() for _ in range(64)))
        work = asyncio.gather(*(s.run('sum(i * i for i in range(300_000))') for s in sessions))
        lags = []
        while not work.done():
            begin = time.perf_counter()
            await asyncio.sleep(0.002)
            lags.append(time.perf_counter() - begin - 0.002)
        await asyncio.gather(*(s.close() for s in sessions))
        assert all(result.outcome is Outcome.OK for result in await work)
        return sorted(lags)

    lags = asyncio.run(measure())
    assert lags[int(len(lags) * 0.95)] < 0.02


def test_opening_a_session_holds_no_thread_of_the_event_loop(sandbox, monkeypatch):
    """Others use them, too: hundreds of sessions that wait for processes once held up all of them."""

    async def measure():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        await (await sandbox.open()).close()
        client, answer = sandbox.connect(), Future()
        ask = client.request
        monkeypatch.setattr(client, 'request', lambda op, **fields: answer if op == 'open' else ask(op, **fields))
        opening = asyncio.create_task(sandbox.open())
        await asyncio.sleep(0.2)
        await asyncio.wait_for(asyncio.to_thread(int), 10)
        answer.set_result({'session': 'none', 'dir': ''})
        await opening

    asyncio.run(measure())


def test_a_session_whose_caller_is_cancelled_while_it_opens_is_closed(sandbox, monkeypatch):
    async def cancelled():
        await (await sandbox.open()).close()
        client = sandbox.connect()
        ask = client.request

        def request(op, **fields):
            asked.append(ask(op, **fields))
            return asked[-1]

        monkeypatch.setattr(client, 'request', request)
        opening = asyncio.create_task(sandbox.open())
        while not asked:
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    before, asked = sandbox.stats()['sessions'], []
    asyncio.run(cancelled())
    asked[0].result(10)
    wait_for(lambda: sandbox.stats()['sessions'].keys() == before.keys())
    assert sandbox.stats()['sessions'].keys() == before.keys()


def test_closing_twice_and_from_sync_code_is_fine(sandbox):
    session = asyncio.run(sandbox.open())
    session.close_soon()
    asyncio.run(session.close())
    with pytest.raises(SessionDead):
        asyncio.run(session.run('pass'))


def test_a_forgotten_session_is_closed(sandbox):
    session = asyncio.run(sandbox.open())
    directory = session.directory
    del session
    gc.collect()
    wait_for(lambda: not os.path.exists(directory))
    assert not os.path.exists(directory)


@pytest.mark.parametrize('ends_by', ['finalizer', 'close_soon'])
def test_a_session_that_is_collected_while_a_request_is_made_does_not_block_it(sandbox, monkeypatch, ends_by):
    """Garbage is collected anywhere, also in the middle of a request; this once stopped a trainer for good."""
    sessions = [asyncio.run(sandbox.open())]
    directory = sessions[0].directory
    frame = wire.frame

    def collects_garbage(message):
        if message['op'] == 'stats' and sessions:
            session = sessions.pop()
            if ends_by == 'close_soon':
                session.close_soon()
        return frame(message)

    monkeypatch.setattr(wire, 'frame', collects_garbage)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(sandbox.stats()), daemon=True)
    asking.start()
    asking.join(20)
    assert len(answers) == 1
    wait_for(lambda: not os.path.exists(directory))
    assert not os.path.exists(directory)


def test_close_leaves_no_file_and_no_process(sandbox):
    session = asyncio.run(sandbox.open())
    asyncio.run(session.run("open('a', 'w').write('x')"))
    pids = sandbox.stats()['sessions'][session._ident]
    asyncio.run(session.close())
    assert not os.path.exists(os.path.dirname(session.directory))
    assert not any(alive(pid) for pid in pids)


def test_large_arrays_get_huge_pages_where_they_are_cheap_and_spares_none(sandbox):
    session = asyncio.run(sandbox.open())
    wait_for(lambda: sandbox.stats()['spares'])
    stats = sandbox.stats()
    assert stats['spares']
    cheap = int(not linux.reports_free_memory())
    for pids, expected in ((stats['sessions'][session._ident], cheap), (stats['spares'], 0)):
        for pid in pids:
            wait_for(partial(huge_pages_are, pid, expected))  # a fork is counted before it has run its first line
            assert huge_pages_are(pid, expected)
    asyncio.run(session.close())


def test_pictures_in_output_dir_outlive_the_session_and_do_not_change(sandbox, tmp_path):
    async def turns():
        async with await sandbox.open(output_dir=tmp_path / 'kept') as session:
            first = (await session.run(SAVE)).images[0]
            await session.run("Image.new('RGB', (90, 60), 'blue').save('a.png')")
            return first

    image = asyncio.run(turns())
    with open(image.path, 'rb') as file:
        assert hashlib.sha256(file.read()).hexdigest() == image.sha256
    assert Image.open(image.path).getpixel((0, 0)) == (255, 0, 0)


def test_pictures_without_output_dir_live_as_long_as_the_session(sandbox):
    async def turns():
        async with await sandbox.open() as session:
            image = (await session.run(SAVE)).images[0]
            assert os.path.exists(image.path)
            return image

    assert not os.path.exists(asyncio.run(turns()).path)


def test_two_sessions_share_an_output_dir(sandbox, tmp_path):
    async def turns():
        async with await sandbox.open(output_dir=tmp_path) as a, await sandbox.open(output_dir=tmp_path) as b:
            return [(await s.run(SAVE)).images[0].path for s in (a, b)]

    assert len(set(asyncio.run(turns()))) == 2


@pytest.mark.parametrize(
    'code',
    [
        "img = cv2.imread('{prompt}'); print(img.shape)",
        "import os\nimg = cv2.imread(os.path.join('{folder}', '{name}')); print(img.shape)",
        "p = '/'.join('{prompt}'.split('/')); print(np.array(Image.open(p)).shape)",
        "image_path = '{prompt}'\nimport os\nassert os.path.exists(image_path)\nprint(cv2.imread(image_path).shape)",
        "d = open('{prompt}', 'rb').read(); print(cv2.imdecode(np.frombuffer(d, 'u1'), 1).shape)",
        'print(cv2.imread(image_path).shape)',
    ],
)
@pytest.mark.parametrize('prompt', ['/mllm/data/temp_processed_images/x_1.jpg', '/etc/hostname', 'photo.jpg'])
def test_the_prompts_path_gives_the_real_picture_without_a_repair(sandbox, picture, prompt, code):
    async def turn():
        async with await sandbox.open([InputImage(picture, prompt)]) as session:
            code_here = code.format(prompt=prompt, folder=os.path.dirname(prompt), name=os.path.basename(prompt))
            return await session.run(code_here)

    result = asyncio.run(turn())
    assert (result.text, result.repairs) == ('(480, 640, 3)\n', ())


def test_the_prompts_path_is_what_the_model_sees(sandbox, picture):
    async def turn():
        async with await sandbox.open([InputImage(picture, '/data/photo.jpg')]) as session:
            return await session.run('print(image_path)')

    assert asyncio.run(turn()).text == '/data/photo.jpg\n'


def test_a_picture_given_as_bytes_is_read_and_removed(sandbox, picture):
    async def turn():
        async with await sandbox.open(
            [InputImage(picture.read_bytes(), '/data/a.jpg'), InputImage(picture)]
        ) as session:
            result = await session.run("print(len(image_paths), cv2.imread('/data/a.jpg').shape)")
            return result, session._inputs

    result, inputs = asyncio.run(turn())
    assert result.text == '2 (480, 640, 3)\n'
    wait_for(lambda: not os.path.exists(inputs[0]))
    assert not os.path.exists(inputs[0])


@pytest.mark.parametrize('source', ['/no/such/picture.jpg', b'not a picture', __file__])
def test_an_unreadable_input_names_itself(sandbox, source):
    with pytest.raises(DataError, match='picture'):
        asyncio.run(sandbox.open([InputImage(source)]))


def test_special_tokens_may_be_set_later(sandbox):
    async def turn(session):
        return (await session.run("print('[IMG] <s>')")).text

    session = asyncio.run(sandbox.open())
    before = asyncio.run(turn(session))
    sandbox.special_tokens = ['[IMG]', '<s>']
    after = asyncio.run(turn(session))
    sandbox.special_tokens = []
    asyncio.run(session.close())
    assert before == '[IMG] <s>\n'
    assert '[IMG]' not in after and '<s>' not in after


def test_the_ledger_tells_raw_success_from_repaired(picture):
    with BlockingSandbox(ZygoteSandbox(SandboxSettings(repairs={'clamp': 'report'}))) as sandbox:
        with sandbox.open([InputImage(picture)]) as session:
            session.run('  x = 1')
            session.run('y = cv2.imread(image_path)[-5:100, -5:100]')
            session.run('1/0')
        state = sandbox.sandbox.ledger.state()
    assert (state.snippets, state.succeeded, state.succeeded_raw) == (3, 2, 1)
    assert (state.repairs, state.helped, state.seen) == ({'indentation': 1}, {'indentation': 1}, {'clamp': 1})


def test_repairs_can_be_switched_off(picture):
    settings = SandboxSettings(repairs=dict.fromkeys(('indentation', 'image_path', 'cv_alias'), 'off'))
    with BlockingSandbox(ZygoteSandbox(settings)) as sandbox, sandbox.open([InputImage(picture)]) as session:
        outcomes = [session.run(code).outcome for code in ('  x = 1', "open('/no/a.jpg')", 'cv.imread(image_path)')]
    assert outcomes == [Outcome.CODE_ERROR] * 3


def test_an_unknown_repair_is_a_config_error():
    with pytest.raises(ConfigError, match='THYME_REPAIRS'):
        ZygoteSandbox(SandboxSettings(repairs={'spelling': 'on'})).connect()


def test_large_state_outlives_many_failed_snippets(sandbox):
    make = "a = np.ones((2000, 2000, 3), 'u1'); d = [[i] * 50 for i in range(2000)]\n"
    make += 'b = [a[:500, :500] * i for i in range(8)]'
    change = 'a = a + 1; b = [x + 1 for x in b]; del b[3]; b.append(a[:500, :500].copy()); assert len(d) == 2000'
    fail = "d.clear(); b = a = None; x = np.zeros(9_000_000, 'u1'); 1/0"

    async def turns():
        async with await sandbox.open() as session:
            results = [await session.run(make)]
            for _ in range(6):
                results += [await session.run(change), await session.run(fail)]
            shown = await session.run('print(int(a.sum()) // a.size, len(b), sum(map(len, d)), int(b[0][0, 0, 0]))')
            return [result.outcome for result in results], shown.text

    outcomes, text = asyncio.run(turns())
    assert outcomes == [Outcome.OK] + [Outcome.OK, Outcome.CODE_ERROR] * 6
    assert text == '7 8 100000 6\n'


def test_without_rollback_an_error_keeps_what_was_done(picture):
    with BlockingSandbox(ZygoteSandbox(SandboxSettings(rollback=False))) as sandbox, sandbox.open() as session:
        session.run('x = 1')
        session.run('x = 2\n1/0')
        assert session.run('print(x)').text == '2\n'
        assert session.run('while True: pass', timeout_s=0.3).outcome is Outcome.TIMEOUT
        assert session.run("print('x' in globals())").text == 'False\n'


def test_limits_of_a_session_win(sandbox):
    async def turn():
        async with await sandbox.open(limits=Limits(timeout_s=0.2, output_bytes=100)) as session:
            return await session.run("print('y' * 1000)"), await session.run('while True: pass')

    printed, endless = asyncio.run(turn())
    assert len(printed.text.encode()) <= 100 and printed.text.endswith('truncated')
    assert endless.outcome is Outcome.TIMEOUT


def test_shared_sandbox_is_one_per_process():
    with ThreadPoolExecutor(8) as pool:
        assert len({id(made) for made in pool.map(lambda _: shared_sandbox(), range(16))}) == 1


def test_a_closed_sandbox_starts_again():
    sandbox = ZygoteSandbox(SandboxSettings())

    async def turn():
        async with await sandbox.open() as session:
            return (await session.run('print(1)')).text

    assert asyncio.run(turn()) == '1\n'
    sandbox.close()
    assert asyncio.run(turn()) == '1\n'
    sandbox.close()


def test_a_fork_of_the_trainer_leaves_the_sandbox_to_its_parent(sandbox):
    session = asyncio.run(sandbox.open())
    pid = os.fork()
    if pid == 0:
        os._exit(0 if sandbox._client is None else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert asyncio.run(session.run('print(1)')).text == '1\n'
    asyncio.run(session.close())


def test_the_client_has_one_thread(sandbox):
    asyncio.run(sandbox.open()).close_soon()
    names = [thread.name for thread in threading.enumerate()]
    assert names.count('thyme-sandbox') == sum(name == 'thyme-sandbox' for name in names) >= 1


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def huge_pages_are(pid: int, allowed: int) -> bool:
    return f'THP_enabled:\t{allowed}' in Path(f'/proc/{pid}/status').read_text()


def wait_for(condition, timeout_s: float = 10.0) -> None:
    """Waits until a condition holds."""
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


def test_random_numbers_differ_between_sessions(sandbox):
    code = (
        'import sympy, random\nprint(random.random(), np.random.rand(), cv2.randu(np.zeros(4, "f4"), 0, 1).ravel(), '
        'sympy.core.random.rng.random(), hash("a word"), sep=";")'
    )

    async def draw():
        async with await sandbox.open() as session:
            return (await session.run(code)).text.strip().split(';')

    async def some():
        return await asyncio.gather(*(draw() for _ in range(3)))

    asyncio.run(some())
    wait_for(lambda: len(sandbox.stats()['zygotes']) == 3, 300)
    asyncio.run(some())
    *drawn, words = zip(*asyncio.run(some()), *asyncio.run(some()), strict=True)
    assert all(len(set(values)) == 6 for values in drawn), drawn
    assert len(set(words)) == 3, words  # three zygotes take turns; sessions opened at once may meet one twice


@pytest.mark.parametrize('root', ['/tmp', '/mnt/data', '/mnt/data/temp_processed_images'])
def test_a_picture_that_the_machine_has_there_does_not_stand_in_the_way(sandbox, root):
    """Others save crops in these folders, too; once every later save of the same name was refused."""
    path = Path(root) / f'thyme-test-{os.getpid()}.png'
    if not os.access(root, os.W_OK):
        pytest.skip(f'{root} cannot be written here')
    path.write_bytes(b'of another')

    async def turns():
        async with await sandbox.open() as session:
            before = await session.run(f'import os\nprint(os.path.exists({str(path)!r}))')
            code = f'p.save({str(path)!r}); print({str(path)!r}, Image.open({str(path)!r}).size)'
            return before.text, await session.run("p = Image.new('RGB', (90, 60))\n" + code)

    try:
        before, result = asyncio.run(turns())
        assert before == 'False\n'
        assert (result.outcome, len(result.images)) == (Outcome.OK, 1), result
        assert path.read_bytes() == b'of another'
    finally:
        path.unlink()


def test_what_a_snippet_sets_in_its_output_does_not_last(sandbox):
    async def turns():
        async with await sandbox.open() as session:
            await session.run('import sys, logging\nlogging.basicConfig(stream=sys.stdout, format="%(message)s")')
            for spoil in ("setattr(sys.stdout, '_cap', -10**12)", 'vars(sys.stdout).clear()', 'sys.stdout.write = len'):
                await session.run(spoil)
            return (await session.run("print('heard'); logging.error('too')")).text

    assert asyncio.run(turns()) == 'heard\ntoo\n'


def test_the_name_of_a_session_directory_cannot_be_guessed(sandbox):
    async def names():
        async with await sandbox.open() as one, await sandbox.open() as other:
            return [Path(session.directory).parent.name for session in (one, other)]

    one, other = asyncio.run(names())
    assert one != other and len(one) == len(other) == 16


def test_files_that_outgrow_the_quota_faster_than_a_look_are_refused_at_the_end(sandbox):
    code = "for name in 'abc':\n    with open(name, 'wb') as file:\n        file.truncate(60 << 20)\nprint('MADE')"
    with BlockingSandbox(sandbox).open() as session:
        result = session.run(code)
        assert (result.outcome, 'the files together' in result.text) == (Outcome.REFUSED, True)
        assert session.run('import os; print(os.listdir())').text == '[]\n'
