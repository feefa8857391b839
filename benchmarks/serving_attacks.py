"""Clients that `benchmarks/serving.py` lets loose on a server: slow, large, or sent for pictures elsewhere.

Each runs in a process of its own at the lowest priority: on the net it would use another machine's processor.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import multiprocessing
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

import httpx
from PIL import Image

ROUTE = '/v1/chat/completions'
PAUSE_S = 0.25
"""Between two requests of a client that does not wait for anything else."""
_SLOW_CONNECTIONS = 200
_PICTURE_WAITERS = 64
_PACKED_BYTES = 600 << 20


def question(text: str, *urls: str) -> bytes:
    """A chat request."""
    parts = [{'type': 'image_url', 'image_url': {'url': url}} for url in urls]
    content = [*parts, {'type': 'text', 'text': text}]
    return json.dumps({'messages': [{'role': 'user', 'content': content}]}).encode()


def picture(width: int, height: int, kind: str = 'JPEG') -> str:
    """A data URL: soft noise as JPEG, of the size in bytes that a photograph has, or one colour as PNG."""
    if kind == 'JPEG':
        noise = Image.effect_noise((width // 3, height // 3), 60).convert('RGB')
        image = noise.resize((width, height), Image.Resampling.BICUBIC)
    else:
        image = Image.new('RGBA', (width, height))
    content = io.BytesIO()
    image.save(content, kind, quality=90)
    return f'data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}'


async def _drip(host: str, port: int, head: bytes) -> None:
    """Begins requests that never end, a byte a second."""

    async def one() -> None:
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(host, port)
                writer.write(head)
                while not writer.is_closing():
                    await asyncio.sleep(1)
                    writer.write(b' ')
                    await writer.drain()
            await asyncio.sleep(PAUSE_S)

    await asyncio.gather(*(one() for _ in range(_SLOW_CONNECTIONS)))


async def slow_bodies(host: str, port: int, _: int) -> None:
    """Bodies of a byte a second."""
    await _drip(host, port, f'POST {ROUTE} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{{'.encode())


async def slow_headers(host: str, port: int, _: int) -> None:
    """Headers of a byte a second."""
    await _drip(host, port, f'POST {ROUTE} HTTP/1.1\r\nX:'.encode())


async def _ask(host: str, port: int, clients: int, bodies: Iterator[bytes]) -> None:
    async with httpx.AsyncClient(timeout=300, limits=httpx.Limits(max_connections=None)) as client:

        async def one() -> None:
            while True:
                with suppress(httpx.HTTPError):
                    await client.post(f'http://{host}:{port}{ROUTE}', content=next(bodies))
                await asyncio.sleep(PAUSE_S)

        await asyncio.gather(*(one() for _ in range(clients)))


async def _host(port: int, reply: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b'\r\n\r\n')
            await reply(writer)
            await writer.drain()
        writer.close()

    await asyncio.start_server(answer, '127.0.0.1', port)


async def slow_hosts(host: str, port: int, pictures_port: int) -> None:
    """Pictures of a host that sends a byte a second."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
        while not writer.is_closing():
            writer.write(b' ')
            await writer.drain()
            await asyncio.sleep(1)

    await _host(pictures_port, reply)
    urls = (question('x', f'http://127.0.0.1:{pictures_port}/{i}.png') for i in count())
    await _ask(host, port, _PICTURE_WAITERS, urls)


async def packed_pictures(host: str, port: int, pictures_port: int) -> None:
    """Pictures of a host that packs 600 MiB of nothing twice."""
    content = gzip.compress(gzip.compress(bytes(_PACKED_BYTES)))
    head = f'HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: {len(content)}\r\n\r\n'.encode()

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(head + content)

    await _host(pictures_port, reply)
    urls = (question('x', f'http://127.0.0.1:{pictures_port}/{i}.png') for i in count())
    await _ask(host, port, 4, urls)


async def large_pictures(host: str, port: int, _: int) -> None:
    """Pictures of 49 megapixels in 250 KB."""
    body = question('x', picture(7000, 7000, 'PNG'))
    await _ask(host, port, 4, (body for _ in count()))


async def large_texts(host: str, port: int, _: int) -> None:
    """Texts of 60 MiB."""
    body = question('x' * (60 << 20))
    await _ask(host, port, 4, (body for _ in count()))


ATTACKS = {
    '200 slow bodies': slow_bodies,
    '200 slow headers': slow_headers,
    '64 of a slow picture host': slow_hosts,
    '4 of a host that packs twice': packed_pictures,
    '4 with 49-MP pictures': large_pictures,
    '4 with 60-MiB texts': large_texts,
}


def _run(name: str, host: str, port: int, pictures_port: int) -> None:
    os.nice(19)
    asyncio.run(ATTACKS[name](host, port, pictures_port))


@contextmanager
def attack(name: str, host: str, port: int, pictures_port: int) -> Iterator[None]:
    """One of `ATTACKS` for as long as the block."""
    process = multiprocessing.get_context('spawn').Process(target=_run, args=(name, host, port, pictures_port))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()
