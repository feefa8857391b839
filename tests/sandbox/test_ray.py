"""The Ray backend on two nodes of one machine, each bound to a few sessions."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme.config import SandboxSettings
from swift_thyme.errors import DataError, SandboxError, SandboxUnavailable, SessionDead
from swift_thyme.sandbox import InputImage, PatientSandbox, make_sandbox, ray_backend, ray_node
from swift_thyme.sandbox.conformance import CASES, World, run_cases, table
from swift_thyme.sandbox.conformance.machinery import MACHINERY
from swift_thyme.sandbox.conformance.reach import REACH
from swift_thyme.types import Outcome

from .ray_pool import pool, ray

pytestmark = pytest.mark.timeout(600)
SIZE = 3
"""Sessions of a node."""
EVERY_40TH = [*CASES[::40], *REACH[:3], *MACHINERY[:2]]
CROP = "Image.open(image_path).crop((0, 0, 60, 40)).save('c.png'); print('c.png', image_path)"


@pytest.fixture(scope='module')
def cluster():
    with pool(SIZE, SIZE) as made:
        yield made


@pytest.fixture(scope='module')
def made(cluster):
    sandbox = make_sandbox(SandboxSettings(backend='ray', allow_tier_b=True))
    yield sandbox
    asyncio.run(sandbox.aclose())


def test_two_nodes_of_n_sessions_hold_two_n_and_the_next_one_waits_its_turn(made, monkeypatch, picture):
    async def fill():
        made.figures()
        sessions = [await made.open([InputImage(picture)]) for _ in range(2 * SIZE)]
        pids = [(await session.run('print(os.getpid())')).text for session in sessions]
        waiting = asyncio.ensure_future(made.open())
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await sessions.pop().close()
        sessions.append(await asyncio.wait_for(waiting, 20))
        figures = made.figures()
        monkeypatch.setattr('swift_thyme.sandbox.ray_backend.QUEUE_S', 0.1)
        with pytest.raises(SandboxUnavailable, match=f'all {2 * SIZE} places.*thyme_sandbox'):
            await made.open()
        await PatientSandbox(made, 1).until_it_works()  # full is not broken
        for session in sessions:
            await session.close()
        return pids, figures

    pids, figures = asyncio.run(fill())
    assert len(set(pids)) == 2 * SIZE
    assert (figures['nodes'], figures['capacity'], figures['open']) == (2, 2 * SIZE, 2 * SIZE)
    assert figures['queue_p50_s'] < figures['queue_p99_s'] >= 0.4 and figures['most_on_one_node'] <= 4 / 7
    assert figures['lost_nodes'] == figures['lost_sessions'] == 0


def test_results_are_those_of_the_local_sandbox_and_pictures_come_to_this_machine(made, sandbox, picture, tmp_path):
    codes = (CROP, 'kept = 1;', 'print(kept)', '1 / 0', "print(len('\ud800'), kept)")

    async def both(one, folder):
        async with await one.open([InputImage(picture, '/data/asked.jpg')], output_dir=folder) as session:
            return [await session.run(code) for code in codes]

    far, near = (asyncio.run(both(one, tmp_path / name)) for one, name in ((made, 'far'), (sandbox, 'near')))
    assert far[0].outcome is Outcome.OK and '/data/asked.jpg' in far[0].text
    facts = [
        [(r.outcome, r.text, r.note, r.repairs, [(i.sha256, i.width_px, i.source) for i in r.images]) for r in results]
        for results in (far, near)
    ]
    assert facts[0] == facts[1]
    kept, original = Path(far[0].images[0].path), Path(near[0].images[0].path)
    assert kept.parent == tmp_path / 'far' and kept.read_bytes() == original.read_bytes()


def test_a_picture_without_a_path_in_the_prompt_shows_nothing_of_its_own_folder(made, sandbox, picture):
    codes = ("Image.open('none.png')", f'print(image_path, os.listdir({str(picture.parent)!r}))', 'print(image_path)')

    async def look(one):
        async with await one.open([InputImage(picture)]) as session:
            return [(result.outcome, result.text) for result in [await session.run(code) for code in codes]]

    far, near = asyncio.run(look(made)), asyncio.run(look(sandbox))
    assert far == near and str(picture) not in far[0][1] and far[2][1].strip() == str(picture)


def test_pictures_without_a_folder_go_with_their_session(made, picture):
    async def look():
        session = await made.open([InputImage(picture.read_bytes())])
        image = Path((await session.run(CROP)).images[0].path)
        before = image.read_bytes()[:4]
        await session.close()
        return image, before

    image, before = asyncio.run(look())
    assert before == b'\x89PNG' and not image.exists()


def test_a_picture_is_put_into_the_object_store_once_for_all_sessions_that_share_it(made, monkeypatch, tmp_path):
    picture, put = tmp_path / 'new.png', []  # a session of another test may still hold the module's
    Image.new('RGB', (64, 48), 'teal').save(picture)
    monkeypatch.setattr('ray.put', lambda content, real=ray.put: put.append(len(content)) or real(content))

    async def group():
        sessions = await asyncio.gather(*(made.open([InputImage(picture, f'/data/{i}.jpg')]) for i in range(4)))
        said = [(await session.run('print(image_path)')).text for session in sessions]
        for session in sessions:
            await session.close()
        return said

    assert asyncio.run(group()) == [f'/data/{i}.jpg\n' for i in range(4)]
    assert put == [picture.stat().st_size]


def test_a_snippet_finds_nothing_of_ray(made, cluster):
    host, port = cluster.address.rsplit(':', 1)
    ways = ("os.listdir('/tmp/ray')", "open('/proc/%d/environ' % os.getppid()).read()", "os.listdir('/proc')",
            f"open({str(Path.home() / '.ray' / 'auth_token')!r}).read()",
            f'socket.create_connection(({host!r}, {port}), 2)', "__import__('ray').init(address='auto')")  # fmt: skip

    async def look():
        async with await made.open() as session:
            named = await session.run("import os\nprint([name for name in os.environ if 'RAY' in name.upper()])")
            return named, [await session.run(f"import os, socket\nprint('REACHED', {way})") for way in ways]

    named, looked = asyncio.run(look())
    assert named.text == '[]\n'
    for way, one in zip(ways, looked, strict=True):
        assert one.outcome is not Outcome.OK and 'REACHED' not in one.text and cluster.address not in one.text, way


def test_a_picture_that_is_none_is_the_data_s_fault(made, tmp_path):
    (tmp_path / 'no.jpg').write_text('no picture')
    with pytest.raises(DataError, match='cannot be read'):
        asyncio.run(made.open([InputImage(tmp_path / 'no.jpg')]))


def test_a_session_that_nobody_holds_any_more_gives_its_place_back(made):
    async def drop():
        session = await made.open()
        await session.run('x = 1')
        del session
        gc.collect()
        end = time.monotonic() + 20
        while made.figures()['open'] and time.monotonic() < end:
            await asyncio.sleep(0.1)
        return made.figures()['open']

    assert asyncio.run(drop()) == 0


def test_a_part_of_the_suite_passes(made, tmp_path):
    with World(tmp_path) as world:
        verdicts = asyncio.run(run_cases(EVERY_40TH, made, world, at_a_time=2))
    assert not any(verdict.problems for verdict in verdicts.values()), table(verdicts)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_suite_passes(made, tmp_path):
    with World(tmp_path) as world:
        verdicts = asyncio.run(run_cases(CASES, made, world, at_a_time=4))
    assert not any(verdict.problems for verdict in verdicts.values()), table(verdicts)


def test_an_actor_ends_where_no_trainer_is_left(made, cluster, monkeypatch):
    monkeypatch.setattr(ray_node, 'LEASE_S', 10.0)
    asyncio.run(made.examine())  # joins
    actor = ray_backend.actor_of(cluster.nodes[0].node_id, SIZE, SandboxSettings(rollback=False, allow_tier_b=True))
    with suppress(SandboxError):  # its start may take longer than the lease
        assert ray.get(actor.renew.remote('nobody', [])) == 0
    before = len(cluster.actors(cluster.nodes[0]))
    with pytest.raises(ray.exceptions.RayActorError):
        for _ in range(600):
            time.sleep(0.1)
            ray.get(actor.close.remote('none'))
    end = time.monotonic() + 20
    while len(cluster.actors(cluster.nodes[0])) == before and time.monotonic() < end:
        time.sleep(0.1)
    assert len(cluster.actors(cluster.nodes[0])) == before - 1


def test_joining_the_cluster_draws_none_of_the_run_s_random_numbers(made, cluster, monkeypatch):
    asyncio.run(made.examine())  # joins, once
    monkeypatch.setattr('ray.is_initialized', lambda: False)
    monkeypatch.setattr('ray.init', lambda **_: random.random())
    random.seed(5)
    expected, _ = random.random(), random.seed(5)
    assert len(ray_backend.nodes_of_the_pool(join=True)) == 2 and random.random() == expected


def test_every_node_is_tried(made):
    found = asyncio.run(made.examine())
    assert len(found) == 2 and set(found.values()) == {''}


def test_a_node_that_is_silent_loses_its_sessions_and_is_taken_in_again_when_it_answers(made, cluster, monkeypatch):
    monkeypatch.setattr('swift_thyme.sandbox.ray_backend.SILENCE_S', 3.0)

    async def freeze():
        made.figures()
        sessions = [await made.open() for _ in range(2)]
        await sessions[0].run('kept = 1')
        frozen = cluster.actors(cluster.nodes[0])
        for process in frozen:
            process.suspend()
        try:
            slow = (session.run('print(42)') for session in sessions)
            ends = await asyncio.wait_for(asyncio.gather(*slow, return_exceptions=True), 30)
            lost = made.figures()
        finally:
            for process in frozen:
                process.resume()
        end = time.monotonic() + 60
        while made.figures()['nodes'] < 2 and time.monotonic() < end:
            await asyncio.sleep(0.2)
        for session in sessions:
            await session.close()
        return ends, lost, made.figures()['nodes'], await made.examine()

    ends, lost, nodes, found = asyncio.run(freeze())
    assert sorted(isinstance(end, SessionDead) for end in ends) == [False, True], ends
    assert 'no answer' in str(next(end for end in ends if isinstance(end, SessionDead)))
    assert (lost['lost_nodes'], lost['lost_sessions'], nodes) == (1, 1, 2) and set(found.values()) == {''}


def test_a_node_that_is_killed_takes_its_own_sessions_and_no_others(made, cluster, picture):
    """Last: one node less."""

    async def lose():
        made.figures()
        patient = PatientSandbox(made, 60)
        old = [await made.open([InputImage(picture)]) for _ in range(2)]
        new = [await patient.open([InputImage(picture)]) for _ in range(2)]
        before = [(await session.run('kept = 6')).outcome for session in old]
        slow = [asyncio.ensure_future(session.run('import time\ntime.sleep(3)\nprint(kept * 7)')) for session in old]
        await asyncio.sleep(0.5)
        cluster.kill(cluster.nodes[0])
        ends = await asyncio.gather(*slow, return_exceptions=True)
        again = await asyncio.gather(*(session.run('print(kept)') for session in old), return_exceptions=True)
        fresh = [(await session.run('print(42)')).text for session in new]
        figures = made.figures()
        for session in [*old, *new]:
            await session.close()
        return before, ends, again, fresh, figures

    before, ends, again, fresh, figures = asyncio.run(lose())
    assert set(before) == {Outcome.OK}
    lost = [isinstance(end, SessionDead) for end in ends]
    assert sorted(lost) == [False, True], ends
    assert [isinstance(end, SessionDead) for end in again] == lost
    assert [end.text for end in ends if not isinstance(end, SessionDead)] == ['42\n']
    assert fresh == ['42\n', '42\n']
    assert (figures['nodes'], figures['lost_nodes']) == (1, 1) and figures['lost_sessions'] >= 1
