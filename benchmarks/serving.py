"""Measures `thyme serve` over a model that sleeps: all else (HTTP, admission, loop, sandbox) is real.

    python benchmarks/serving.py [hostile] [pictures] [sessions] [replicas] [load] [--nginx PROGRAM] [--quick]

- `hostile`: a healthy client, one request at a time (a picture, a crop, an answer; a model that costs nothing), alone
  and beside clients that are slow, large or sent elsewhere; ratios are to the quiet periods before and after.
- `pictures`: processor time of a request with a picture beside that of one full decode of it.
- `sessions`: 64 requests at once, three rounds of 2 s each.
- `replicas`: 1, 2 and 4 servers behind nginx as docs/serving.md configures it, each with eight places for requests of
  two rounds of 1 s. The model sleeps, so the servers do not compete for a processor as models would for a GPU.
- `load`: see `serving_load`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import getpass
import http.client
import io
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from PIL import Image

from serving_attacks import ATTACKS, ROUTE, attack, picture, question
from serving_load import load
from serving_processes import Process, free_port, serving

CROP = (
    '<think>Closer. <code>\n```python\nfrom PIL import Image\n'
    'Image.open(image_path).crop((0, 0, 112, 84)).save("c.png")\nprint("c.png")\n```\n</code>'
)
PRINT = '<code>\n```python\nprint(1 + 1)\n```\n</code>'
ANSWER = '</think><answer>B</answer>'
_NGINX_FILES = ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi')
_DOCS = Path(__file__).parents[1] / 'docs' / 'serving.md'


def times_ms(server: Process, body: bytes, n: int) -> list[float]:
    """Asks n times, one after another; how long each took."""
    client = http.client.HTTPConnection(*server.address, timeout=300)
    times = []
    for _ in range(n):
        begun = time.perf_counter()
        client.request('POST', ROUTE, body)
        reply = client.getresponse()
        content = reply.read()
        assert reply.status == 200, content
        times.append(1e3 * (time.perf_counter() - begun))
    client.close()
    return times


def percentile(values: list[float], share: float) -> float:
    """The value that a share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


@contextmanager
def peak_memory(server: Process) -> Iterator[list[float]]:
    """Looks twice a second for as long as the block; the largest found, MiB, is in the list afterwards."""
    found, done = [0.0], threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            found[0] = max(found[0], server.memory_mib())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        done.set()
        looking.join()


def hostile(quick: bool) -> None:
    """A healthy client beside others."""
    n, port = (60 if quick else 200), free_port()
    body = question('Which?', picture(800, 600))
    with serving([CROP, ANSWER], 0.0, '--allow-image-host', f'127.0.0.1:{port}') as server:
        times_ms(server, body, 20)

        def quiet() -> list[float]:
            return times_ms(server, body, n)

        print(f'{"beside it":30} {"p50 ms":>8} {"p99 ms":>8} {"alone p50":>9} {"alone p99":>9} {"ratio":>6} {"MiB":>6}')
        before = quiet()
        for name in ATTACKS:
            with attack(name, *server.address, port), peak_memory(server) as peak:
                time.sleep(5)
                during = quiet()
            time.sleep(2)
            after = quiet()
            alone = [*before, *after]
            ratio = percentile(during, 0.99) / percentile(alone, 0.99)
            print(
                f'{name:30} {statistics.median(during):8.1f} {percentile(during, 0.99):8.1f} '
                f'{statistics.median(alone):9.1f} {percentile(alone, 0.99):9.1f} {ratio:6.2f} {peak[0]:6.0f}',
                flush=True,
            )
            before = after


def pictures(quick: bool) -> None:
    """What a request with a picture costs beside the model."""
    n = 10 if quick else 40
    print(f'{"picture":12} {"decoded by":12} {"request, CPU ms":>15} {"one decode, CPU ms":>18} {"ratio":>6}')
    for width, height in ((2048, 1152), (4096, 2304)):
        url = picture(width, height)
        content = base64.b64decode(url.partition(',')[2])
        for who, flags in (('server', ()), ('engine', ('--decodes',))):
            with serving([ANSWER], 0.0, *flags) as server:
                asyncio.run(ask_all(server.url, question('Which?', url), 24, 8))  # starts every process
                before = server.cpu_s()
                times_ms(server, question('Which?', url), n)
                used_ms = 1e3 * (server.cpu_s() - before) / n
            before = time.process_time()
            for _ in range(n):
                Image.open(io.BytesIO(content)).convert('RGB')
            decode_ms = 1e3 * (time.process_time() - before) / n
            ratio = used_ms / decode_ms
            print(f'{width}x{height:<6} {who:12} {used_ms:15.1f} {decode_ms:18.1f} {ratio:6.2f}', flush=True)


async def ask_all(url: str, body: bytes, n: int, clients: int) -> list[float]:
    """Asks n times from several clients; how many seconds each took."""
    times: list[float] = []
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=300, limits=limits) as client:
        left = iter(range(n))

        async def one() -> None:
            for _ in left:
                begun = time.perf_counter()
                reply = await client.post(f'{url}{ROUTE}', content=body)
                assert reply.status_code == 200, reply.text
                times.append(time.perf_counter() - begun)

        await asyncio.gather(*(one() for _ in range(clients)))
    return times


def sessions() -> None:
    """64 requests at once that all run code."""
    with serving([PRINT, PRINT, ANSWER], 2.0) as server:
        body = question('Which?')
        asyncio.run(ask_all(server.url, body, 1, 1))
        begun = time.perf_counter()
        times = asyncio.run(ask_all(server.url, body, 64, 64))
        took = time.perf_counter() - begun
        print(f'64 requests of three rounds of 2 s: {took:.1f} s; p50 {statistics.median(times):.1f} s', flush=True)


@contextmanager
def proxied(nginx: str, servers: list[Process]) -> Iterator[str]:
    """nginx before servers, with the configuration of docs/serving.md."""
    port = free_port()
    blocks = re.search(r'^    upstream thyme.*?\} \}$', _DOCS.read_text(encoding='utf-8'), re.M | re.S)
    assert blocks is not None, 'docs/serving.md has no configuration of nginx'
    listed = ' '.join(f'server {server.address[0]}:{server.address[1]};' for server in servers)
    config = re.sub(r'(server [\d.]+:\d+; ?)+', f'{listed} ', blocks[0]).replace(
        'listen 80', f'listen 127.0.0.1:{port}'
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = ''.join(f'{kind}_temp_path {folder}/{kind};' for kind in _NGINX_FILES)
        path = Path(folder, 'nginx.conf')
        mine = f'user {getpass.getuser()}; pid {folder}/pid;'  # root's workers would be somebody else's
        path.write_text(f'{mine} events {{}} http {{ access_log off; {paths} {config} }}', encoding='utf-8')
        running = subprocess.Popen([nginx, '-c', str(path), '-g', 'daemon off;', '-e', f'{folder}/error.log'])
        try:
            time.sleep(1)
            yield f'http://127.0.0.1:{port}'
        finally:
            running.terminate()
            running.wait()


def replicas(nginx: str, quick: bool) -> None:
    """Requests per second of several servers behind a proxy."""
    body, first = question('Which?', picture(800, 600)), 0.0
    print(f'{"servers":>7} {"requests/s":>10} {"of one":>7} {"p50 s":>7} {"p99 s":>7}')
    for n in (1, 2, 4):
        with ExitStack() as stack:
            servers = [stack.enter_context(serving([CROP, ANSWER], 1.0, '--max-running', '8')) for _ in range(n)]
            url = stack.enter_context(proxied(nginx, servers))
            asyncio.run(ask_all(url, body, 4 * n, 4 * n))
            asked, begun = 8 * n * (2 if quick else 6), time.perf_counter()
            times = asyncio.run(ask_all(url, body, asked, 16 * n))
            rate = asked / (time.perf_counter() - begun)
        first = first or rate
        print(
            f'{n:7d} {rate:10.2f} {rate / first:7.2f} {statistics.median(times):7.2f} {percentile(times, 0.99):7.2f}',
            flush=True,
        )


def main() -> None:
    """Runs the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ('hostile', 'pictures', 'sessions', 'replicas', 'load')
    parser.add_argument('parts', nargs='*', choices=[*names, []], default=names)
    parser.add_argument('--nginx', default='nginx', help='program (default nginx)')
    parser.add_argument('--quick', action='store_true', help='fewer requests, to see it work')
    args = parser.parse_args()
    parts = {
        'hostile': lambda: hostile(args.quick),
        'pictures': lambda: pictures(args.quick),
        'sessions': sessions,
        'replicas': lambda: replicas(args.nginx, args.quick),
        'load': load,
    }
    for name in args.parts:
        print(f'== {name}', flush=True)
        parts[name]()


if __name__ == '__main__':
    main()
