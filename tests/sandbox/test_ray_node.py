"""What runs on a node of the Ray pool, without Ray: its bound, and the end of what a trainer left."""

from __future__ import annotations

import asyncio

import pytest

from swift_thyme.config import SandboxSettings
from swift_thyme.errors import SessionDead
from swift_thyme.sandbox import Limits, ray_node
from swift_thyme.sandbox.ray_node import NodeSandbox


def node(capacity, end=lambda: None):
    return NodeSandbox(SandboxSettings(allow_tier_b=True), capacity, end)


async def filled(made, picture):
    """Greets for two trainers and opens a session for each."""

    async def content():
        return picture.read_bytes()

    for trainer in 'ab':
        await made.greet(trainer)
        assert await made.open(trainer, f'of {trainer}', [content()], [f'/data/{trainer}.jpg'], Limits())


def test_a_full_node_says_so_and_a_closed_session_gives_its_place_back(picture):
    async def fill():
        made = node(2)
        await filled(made, picture)
        result, contents = await made.run('of b', "Image.open('/data/b.jpg').save('c.png'); print('c.png')", None)
        refused = await made.open('a', 'third', [], [], Limits())
        left = await made.close('of a'), await made.open('a', 'third', [], [], Limits())
        with pytest.raises(SessionDead, match='closed'):
            await made.run('of a', 'print(1)', None)
        await made._sandbox.aclose()
        return result, contents, refused, left

    result, contents, refused, left = asyncio.run(fill())
    assert len(result.images) == 1 and contents[0].startswith(b'\x89PNG')
    assert refused is False and left == (1, True)


def test_a_trainer_that_is_gone_leaves_no_session_and_without_any_the_actor_ends(picture, monkeypatch):
    monkeypatch.setattr(ray_node, 'LEASE_S', 5.0)

    async def leave():
        ended = asyncio.Event()
        made = node(4, ended.set)
        await (await made._sandbox.open()).close()  # warm: what follows takes less than a lease
        await filled(made, picture)
        while 'of a' in made._sessions:
            await made.renew('b')
            await asyncio.sleep(0.1)
        kept = await made.run('of b', 'print(6 * 7)', None)
        await asyncio.wait_for(ended.wait(), 60)
        return kept[0].text, dict(made._sessions)

    assert asyncio.run(leave()) == ('42\n', {})


def test_a_trainer_that_comes_again_finds_nothing_of_before(picture):
    async def again():
        made = node(4)
        await filled(made, picture)
        left = await made.greet('a')
        await made._sandbox.aclose()
        return left

    assert asyncio.run(again()) == 1
