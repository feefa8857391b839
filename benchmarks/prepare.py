"""How fast and how small `thyme prepare` is, against reading the parquet and decoding the base64 alone.

    python benchmarks/prepare.py --gigabytes 5 --dir FOLDER

Builds shards in the public SFT schema (unique JPEG pictures, raw base64 in lists of `large_string`), then measures in
turns, with the same number of processes: the limit (read + decode: the standard library's base64, pybase64, and
every pixel by Pillow) and the whole of `thyme prepare`, plain and with `--decode`, start-up and report included. Prints
one JSON object with every round; the median round is the result. Each round writes into a new folder (ext4 is slow
where files were just deleted) and begins when the kernel has written out the last one's files. The folder is removed
at the end.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pybase64
from PIL import Image

SCHEMA = pa.schema([('image', pa.list_(pa.large_string())), ('question', pa.string()), ('response', pa.string())])
ROW_GROUP = 200
HOWS = ('base64', 'pybase64', 'pillow')
"""Limits: base64 of two libraries, and base64 with every pixel decoded."""


def base_pictures(kib: int, count: int = 24) -> list[bytes]:
    """Photograph-like JPEG files of about `kib` KiB."""
    rng = np.random.default_rng(0)
    side = int((kib * 1024 / 0.33) ** 0.5)
    made = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((side * 4 // 3, side * 3 // 4), Image.Resampling.BICUBIC), dtype=np.int16)
        noise = rng.integers(-14, 15, smooth.shape, dtype=np.int16)
        out = io.BytesIO()
        Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8)).save(out, 'JPEG', quality=80)
        made.append(out.getvalue())
    return made


def unique(picture: bytes, number: int) -> str:
    """The picture with a comment of its own, so that no two are equal; base64."""
    comment = f'picture {number}'.encode()
    data = picture[:2] + b'\xff\xfe' + (len(comment) + 2).to_bytes(2, 'big') + comment + picture[2:]
    return pybase64.b64encode(data).decode()


def build(folder: Path, size_bytes: int, kib: int) -> dict[str, Any]:
    """Writes shards of about 512 MB until `size_bytes` are there."""
    folder.mkdir(parents=True)
    originals, crops = base_pictures(kib), base_pictures(max(kib // 10, 4))
    row_bytes = 4 * (len(originals[0]) + len(crops[0])) // 3
    shard_rows = max(ROW_GROUP, (512 << 20) // row_bytes // ROW_GROUP * ROW_GROUP)
    rows = written = shards = 0
    while written < size_bytes:
        path = folder / f'wo_thinking_thyme_single_round-{shards:05d}-of-00218.parquet'
        with pq.ParquetWriter(path, SCHEMA, compression='snappy') as writer:
            for _ in range(0, shard_rows, ROW_GROUP):
                group = [_row(rows + i, originals, crops) for i in range(ROW_GROUP)]
                writer.write_table(pa.Table.from_pylist(group, SCHEMA))
                rows += ROW_GROUP
        written += path.stat().st_size
        shards += 1
    return {'rows': rows, 'bytes': written, 'shards': shards, 'row_kib': round(written / rows / 1024)}


def _row(number: int, originals: list[bytes], crops: list[bytes]) -> dict[str, Any]:
    name = f'photo_{number}.jpg'
    pictures = [unique(originals[number % 24], 2 * number), unique(crops[number % 24], 2 * number + 1)]
    ask = (
        f'<image>\nWhat does sign {number} say?\n\n### User Image Path:** "/data/someone/{name}"\n'
        '### User Image Size:** "1600x1200"\n\n### **Output Format (strict adherence required):**\n\n'
        '<think>Your reasoning.</think>\n<answer>Your answer.</answer>\n'
    )
    code = '\n'.join(f'x{i}, y{i} = {i * 7}, {i * 11}  # corner {i} of the region' for i in range(40))
    turn = (
        f'<think>The sign is small. <code>\n```python\nimport cv2\nimage_path = "/data/someone/{name}"\n{code}\n'
        'crop = cv2.imread(image_path)[0:99, 0:99]\nprocessed_path = "/mnt/data/temp_processed_images/crop.jpg"\n'
        'cv2.imwrite(processed_path, crop)\nprint(processed_path)\n```\n</code><sandbox_output><image></sandbox_output>'
        ' It says so.</think><answer>So</answer>'
    )
    return {'image': pictures, 'question': ask, 'response': turn}


def read_and_decode(job: tuple[str, str]) -> int:
    """The limit for one shard: read every column, decode every picture, keep nothing."""
    path, how = job
    decode: Callable[[Any], bytes] = base64.b64decode if how == 'base64' else pybase64.b64decode
    size = 0
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        for batch in file.iter_batches(batch_size=32, use_threads=False):
            for row in batch.to_pylist():
                for data in map(decode, row['image']):
                    size += len(data)
                    if how == 'pillow':
                        Image.open(io.BytesIO(data)).load()
    return size


def children_cpu_s() -> float:
    """Processor seconds of all children that have ended: hardly depends on what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_limit(folder: Path, processes: int, how: str) -> dict[str, float]:
    """Wall-clock and processor seconds of the limit over all shards."""
    jobs = [(str(path), how) for path in sorted(folder.glob('*.parquet'))]
    cpu = children_cpu_s()
    with multiprocessing.get_context('spawn').Pool(processes) as pool:
        pool.map(abs, range(processes))
        started = time.perf_counter()
        pool.map(read_and_decode, jobs, chunksize=1)
        seconds = time.perf_counter() - started
        pool.close()
        pool.join()
    return {'seconds': seconds, 'cpu_s': children_cpu_s() - cpu}


class Memory(threading.Thread):
    """Watches the memory of a process and its children together."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process, self.peak_rss, self.peak_pss, self.done = process, 0, 0, threading.Event()

    def run(self) -> None:
        """Samples until `done`."""
        while not self.done.wait(0.5):
            rss = pss = 0
            try:
                for process in (self.process, *self.process.children(recursive=True)):
                    full = process.memory_full_info()
                    rss, pss = rss + full.rss, pss + full.pss
            except psutil.Error:
                continue
            self.peak_rss, self.peak_pss = max(self.peak_rss, rss), max(self.peak_pss, pss)


def measure_prepare(source: Path, out: Path, processes: int, *flags: str) -> dict[str, Any]:
    """Runs the command as a user does, without running the rows' code; start-up and report included."""
    command = [sys.executable, '-m', 'swift_thyme.cli', 'prepare', 'sft', str(source), '--out', str(out)]
    command += ['--certify', '0', *flags]
    started, cpu = time.perf_counter(), children_cpu_s()
    with subprocess.Popen([*command, '--workers', str(processes)], stdout=subprocess.PIPE, text=True) as process:
        memory = Memory(psutil.Process(process.pid))
        memory.start()
        said = process.communicate()[0]
        seconds = time.perf_counter() - started
        memory.done.set()
    if process.returncode:
        raise SystemExit(f'thyme prepare failed with {process.returncode}')
    print(said, file=sys.stderr)
    cpu = children_cpu_s() - cpu
    return {'seconds': seconds, 'cpu_s': cpu, 'peak_rss_bytes': memory.peak_rss, 'peak_pss_bytes': memory.peak_pss}


def settle(folder: Path) -> None:
    """Has the kernel write out and forget a folder's files: the next round would pay for the last one's."""
    os.sync()
    for path in folder.rglob('*'):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 3) if isinstance(value, float) else value


def main() -> None:
    """Builds, measures, prints, cleans up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--gigabytes', type=float, default=5)
    parser.add_argument('--picture-kib', type=int, default=600, help='of an original; its crop has a tenth')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--processes', type=int, default=multiprocessing.cpu_count())
    parser.add_argument('--dir', type=Path, required=True, help='a folder to make and remove')
    args = parser.parse_args()
    source, out = args.dir / 'source', args.dir / 'out'
    try:
        facts = build(source, int(args.gigabytes * 1e9), args.picture_kib)
        rounds = []
        for number in range(args.rounds):
            settle(out)
            limits = {how: measure_limit(source, args.processes, how) for how in HOWS}
            ours = measure_prepare(source, out / str(number), args.processes)
            full = measure_prepare(source, out / f'{number}-decode', args.processes, '--decode')
            ratios = {
                name: {key: one[key] / limits['pillow'][key] for key in ('seconds', 'cpu_s')}
                for name, one in (('plain', ours), ('decode', full))
            }
            shares = {how: limit['seconds'] / ours['seconds'] for how, limit in limits.items()}
            cpu_shares = {how: limit['cpu_s'] / ours['cpu_s'] for how, limit in limits.items()}
            rounds.append(
                {
                    'limit': limits,
                    **ours,
                    'decode': full,
                    'share_of_limit': shares,
                    'share_of_limit_cpu': cpu_shares,
                    'ratio_to_read_and_decode': ratios,
                }
            )
            print(json.dumps(_rounded(rounds[-1])), file=sys.stderr, flush=True)
        middle = sorted(rounds, key=lambda one: one['share_of_limit']['base64'])[len(rounds) // 2]
        result = {
            **facts,
            'processes': args.processes,
            'median_round': {
                **middle,
                'mb_per_s': facts['bytes'] / 1e6 / middle['seconds'],
                'rows_per_s': facts['rows'] / middle['seconds'],
            },
            'peak_rss_mib': round(max(one['peak_rss_bytes'] for one in rounds) / 2**20),
            'peak_pss_mib': round(max(one['peak_pss_bytes'] for one in rounds) / 2**20),
            'rounds': rounds,
        }
        print(json.dumps(_rounded(result), indent=1))
    finally:
        shutil.rmtree(args.dir, ignore_errors=True)


if __name__ == '__main__':
    main()
