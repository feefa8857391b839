"""What runs on a node of the Ray pool, without Ray: its bound, and the end of what a trainer left."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from swift_thyme.config import SandboxSettings
from swift_thyme.errors import SessionDead
from swift_thyme.sandbox import InputImage, Limits
from swift_thyme.sandbox.ray_node import NodeSandbox, Reply


def node(capacity, lease_s=300.0, end=lambda: None):
    return NodeSandbox(SandboxSettings(allow_tier_b=True), capacity, lease_s, end)


async def run(made, name, code):
    """What a snippet gives, and its pictures."""
    return msgspec.msgpack.decode(await made.run(msgspec.msgpack.encode((name, code.encode(), None))), type=Reply)


async def filled(made, picture):
    """Opens two sessions."""

    async def content():
        return picture.read_bytes()

    await made.renew('of no session', [])
    for name in 'ab':
        assert await made.open(name, [content()], [InputImage(b'', f'/data/{name}.jpg')], Limits())


def test_a_full_node_says_so_and_a_closed_session_gives_its_place_back(picture):
    async def fill():
        made = node(2)
        await filled(made, picture)
        result, contents = await run(made, 'b', "Image.open('/data/b.jpg').save('c.png'); print('c.png')")
        refused = await made.open('third', [], [], Limits())
        left = await made.close('a'), await made.open('third', [], [], Limits())
        with pytest.raises(SessionDead, match='closed'):
            await run(made, 'a', 'print(1)')
        await made._sandbox.aclose()
        return result, contents, refused, left

    result, contents, refused, left = asyncio.run(fill())
    assert len(result.images) == 1 and contents[0].startswith(b'\x89PNG')
    assert refused is False and left == (1, True)


def test_a_picture_that_cannot_be_had_leaves_the_place_free():
    async def gone():
        raise OSError('not in the object store any more')

    async def try_it():
        made = node(1)
        with pytest.raises(OSError, match='any more'):
            await made.open('a', [gone()], [InputImage(b'')], Limits())
        opened = await made.open('b', [], [], Limits())
        await made._sandbox.aclose()
        return opened

    assert asyncio.run(try_it()) is True


def test_a_session_that_nobody_names_ends_and_without_any_trainer_the_actor_does(picture):
    async def leave():
        ended = asyncio.Event()
        made = node(4, 5.0, ended.set)
        await (await made._sandbox.open()).close()  # warm: what follows takes less than a lease
        await filled(made, picture)
        while await made.renew('another', ['b', 'of another node']) > 1:
            await asyncio.sleep(0.1)
        kept = await run(made, 'b', 'print(6 * 7)')
        await asyncio.wait_for(ended.wait(), 60)
        return kept[0].text, await made.close('none')

    assert asyncio.run(leave()) == ('42\n', 0)


def test_what_a_trainer_does_not_name_any_more_ends_at_once_and_others_stay(picture):
    async def come_again():
        made = node(4)
        await filled(made, picture)
        left = await made.renew('a', []), await made.renew('b', ['b'])
        said = (await run(made, 'b', 'print(42)'))[0].text
        await made._sandbox.aclose()
        return left, said

    assert asyncio.run(come_again()) == ((1, 1), '42\n')
