"""What no sandbox can go below on this machine: the snippet's own work, and the kernel's price of a process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from swift_thyme.sandbox.supervisor.zygote import clean_environment


def picture(directory: Path) -> Path:
    """A 2048x1536 JPEG with detail like a photograph's."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 255, (96, 128, 3), dtype='u1'), (2048, 1536), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(-6, 7, smooth.shape)
    path = directory / 'input.jpg'
    cv2.imwrite(str(path), np.clip(smooth.astype('i2') + grain, 0, 255).astype('u1'), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path


LIMIT = """
import ctypes, os, sys, time, cv2, json
cv2.setNumThreads(1)
path, out = sys.argv[1:]
def work(decode):
    img = cv2.imread(path)
    big = cv2.resize(img[400:900, 600:1300], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(out, big)
    if decode:
        cv2.imread(out)
def timed(decode):
    begin, used = time.perf_counter(), time.process_time()
    work(decode)
    return time.perf_counter() - begin, time.process_time() - used
def timed_in_fork():
    ctypes.CDLL(None).malloc_trim(0)  # else a fork inherits what was touched, and copies it
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, json.dumps(timed(False)).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    with open(read) as file:
        return json.load(file)
for line in sys.stdin:
    how, count = line.split()
    work(True)
    one = timed_in_fork if how == 'fresh' else lambda: timed(how == 'decode')
    print(json.dumps([one() for _ in range(int(count))]), flush=True)
"""


LIMITS = {
    'limit': 'plain',
    'limit + decode': 'decode',
    'limit in a fresh fork': 'fresh',
}
"""Name of a row → `how` of `Limits.run`."""


class Limits:
    """The OpenCV work alone, in a plain process that keeps running and works when it is told to."""

    def __init__(self, image: Path, directory: Path) -> None:
        """
        Args:
            image: what it reads.
            directory: for what it writes.
        """
        self._process = subprocess.Popen(
            [sys.executable, '-c', LIMIT, str(image), str(directory / 'limit.jpg')],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, how: str, count: int) -> list[tuple[float, float]]:
        """Works some times, after once that is not measured.

        Args:
            how: `plain`; `decode`, which also decodes the written picture once; or `fresh`, each time in a new fork of
                the process, whose memory it is the first to touch (the fork itself is not counted).
            count: how often.

        Returns:
            Wall and CPU seconds of each time.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f'{how} {count}\n')
        self._process.stdin.flush()
        return [(wall_s, cpu_s) for wall_s, cpu_s in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


FLOOR = """
import json, mmap, os, resource, socket, sys, time
import cv2
from swift_thyme.sandbox import linux, zygote
from swift_thyme.sandbox.runner import Runner

def cpu_s():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

def per_call(work, count):
    begin, used = time.perf_counter(), cpu_s()
    for _ in range(count):
        work()
    return (time.perf_counter() - begin) / count * 1e3, (cpu_s() - used) / count * 1e3

def in_child(work):
    read, write = os.pipe()
    pid = linux.fork()
    if pid == 0:
        os.write(write, json.dumps(work()).encode())
        os._exit(0)
    os.close(write)
    found = json.loads(os.read(read, 65536))
    os.close(read)
    os.waitpid(pid, 0)
    return found

def fork_and_exit():
    pid = linux.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

def as_session():
    img = cv2.imread(sys.argv[1])
    big = cv2.resize(img[400:900, 600:1300], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return per_call(fork_and_exit, 50)

def touch(memory, step):
    begin = time.perf_counter()
    for at in range(0, len(memory), step):
        memory[at] = 1
    return (time.perf_counter() - begin) / (len(memory) // step) * 1e6

def region(advice):
    memory = mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(advice)
    return memory

def wake_up():
    ours, theirs = socket.socketpair()
    pid = linux.fork()
    if pid == 0:
        for _ in range(500):
            theirs.send(theirs.recv(1))
        os._exit(0)
    def there_and_back():
        ours.send(b'.')
        ours.recv(1)
    found = per_call(there_and_back, 500)[0] / 2 * 1e3
    os.waitpid(pid, 0)
    return found

zygote.warm_up()
runner = Runner()
zygote.pack_memory()
small, huge = region(mmap.MADV_NOHUGEPAGE), region(mmap.MADV_HUGEPAGE)
floor = dict(zip(('fork_exit_zygote_ms', 'fork_exit_zygote_cpu_ms'), per_call(fork_and_exit, 50)))
floor.update(zip(('fork_exit_session_ms', 'fork_exit_session_cpu_ms'), in_child(as_session)))
floor['fresh_4k_page_us'] = touch(small, 4096) - touch(small, 4096)
floor['copied_4k_page_us'] = in_child(lambda: touch(small, 4096) - touch(small, 4096))
floor['fresh_2m_page_us'] = touch(huge, 2 << 20)
floor['wake_up_us'] = wake_up()
print(json.dumps(floor))
"""


def floor(image: Path) -> dict[str, float]:
    """The kernel's price, in a process like the zygote: forks, pages, one wake-up of another process.

    `fork_exit_session` is the least that a rollback by fork costs: a process like a session's that has run the
    snippet forks, the fork ends at once, and is waited for. It copies and trims nothing.
    """
    with tempfile.TemporaryDirectory() as run_dir:
        done = subprocess.run(
            [sys.executable, '-c', FLOOR, str(image)],
            capture_output=True,
            text=True,
            check=True,
            env=clean_environment(run_dir),
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found
