"""Calls of the C library and the kernel, each tried in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from swift_thyme.sandbox import linux
from swift_thyme.sandbox.supervisor.zygote import clean_environment

FREE_MEMORY = """
import ctypes
from swift_thyme.sandbox import linux
pieces = [linux._malloc(3 << 20) for _ in range(8)]
for number, piece in enumerate(pieces):
    ctypes.memset(piece, number, 3 << 20)
for piece in pieces[::2]:
    linux.let_go([piece])
small = [bytes([n % 256]) * (n % 900) for n in range(2_000)]
del small[::3]
held, ranges = linux.hold_free_memory()
for begin, end in ranges:
    ctypes.memset(begin, 0xEE, end - begin)
linux.let_go(held)
more = [b'x' * (n % 5000) for n in range(20_000)]
whole = all(ctypes.string_at(piece, 3 << 20) == bytes([n]) * (3 << 20) for n, piece in enumerate(pieces) if n % 2)
small_whole = all(part == part[:1] * len(part) for part in small)
print(len(held) >= 4, sum(end - begin for begin, end in ranges) >= 4 << 20, whole, small_whole)
"""


@pytest.mark.skipif(linux._heap_state is None, reason='needs glibc 2.33')
def test_nothing_alive_lies_in_memory_that_is_held_as_free(tmp_path):
    done = subprocess.run(
        [sys.executable, '-c', FREE_MEMORY], capture_output=True, text=True, env=clean_environment(str(tmp_path))
    )
    assert done.stdout.split() == ['True'] * 4, done.stderr


HEAP_END = """
import ctypes, struct
from swift_thyme.sandbox import linux
def touched_pages(begin, size):
    with open('/proc/self/pagemap', 'rb') as file:
        file.seek((begin >> 12) * 8)
        return sum(entry >> 63 for (entry,) in struct.iter_unpack('<Q', file.read((size >> 12) * 8)))
piece = linux._malloc(16 << 20)
ctypes.memset(piece, 1, 16 << 20)
linux.let_go([piece])
alive = [bytes([n % 256]) * (n % 900) for n in range(2_000)]
linux.renew_heap_end()
linux.small_pages(True)
small, large = linux._malloc(1 << 20), linux._malloc(8 << 20)
touched = [touched_pages(small, 1 << 20), touched_pages(large, 8 << 20)]
more = [b'x' * (n % 5000) for n in range(2_000)]
whole = all(part == part[:1] * len(part) for part in alive + more)
print(*(pages <= 16 for pages in touched), whole)
"""


@pytest.mark.skipif(linux._heap_state is None, reason='needs glibc 2.33')
def test_a_renewed_heap_keeps_what_is_alive_and_gives_pages_that_nobody_touched(tmp_path):
    done = subprocess.run(
        [sys.executable, '-c', HEAP_END], capture_output=True, text=True, env=clean_environment(str(tmp_path))
    )
    assert done.stdout.split() == ['True'] * 3, done.stderr


@pytest.mark.parametrize(
    ('kind', 'features', 'expected'),
    [('0x0005', '0110010100', True), ('0x0005', '0110000100', False), ('0x0002', '0010011001', False)],
)
def test_only_a_balloon_that_reports_free_pages_makes_huge_pages_dear(tmp_path, kind, features, expected):
    for name, content in (('device', kind), ('features', features)):
        (tmp_path / 'virtio0').mkdir(exist_ok=True)
        (tmp_path / 'virtio0' / name).write_text(content + '\n')
    assert linux.reports_free_memory(str(tmp_path)) is expected


def test_a_machine_without_virtio_devices_keeps_its_free_memory(tmp_path):
    assert linux.reports_free_memory(str(tmp_path / 'none')) is False
