"""How fast and how small `thyme prepare` is, against reading the parquet and decoding its pictures alone.

    python benchmarks/prepare.py --gigabytes 2 --dir FOLDER
    python benchmarks/prepare.py --files 2000 --dir FOLDER

The first builds shards in the public SFT schema (unique JPEG pictures, raw base64 in lists of `large_string`), then
measures in turns, with the same number of processes: the limit (every row read, every picture decoded to pixels by
Pillow; with `--limits` also base64 alone, of two libraries) and the whole of `thyme prepare`, plain and with
`--decode`, start-up and report included. The second makes one-row files of JSON lines and says what one costs. Each
round writes into a new folder (ext4 is slow where files were just deleted) and begins when the kernel has written out
the last one's files. Prints one JSON object with every round, then the ratios. The folder is removed at the end.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
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
GOALS = {'plain / limit': 1.0, 'decode / limit': 1.2}
DECODED = 'pillow'
HOWS = ('base64', 'pybase64', DECODED)
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
    folder.mkdir()
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
                    if how == DECODED:
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
    return {'seconds': seconds, 'cpu_s': cpu, 'rss': memory.peak_rss >> 20, 'pss': memory.peak_pss >> 20}


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


def measure_round(source: Path, out: Path, processes: int, hows: Iterable[str]) -> dict[str, Any]:
    """The limits and both ways to prepare, one after the other, and the ratios of their times."""
    settle(out.parent)
    limits = {how: measure_limit(source, processes, how) for how in hows}
    plain = measure_prepare(source, out / 'plain', processes)
    decode = measure_prepare(source, out / 'decode', processes, '--decode')

    def ratios(key: str) -> dict[str, float]:
        decoded = limits[DECODED][key]
        shares = {f'{how} / plain': limit[key] / plain[key] for how, limit in limits.items() if how != DECODED}
        return {'plain / limit': plain[key] / decoded, 'decode / limit': decode[key] / decoded, **shares}

    return {
        'ratios': {key: ratios(key) for key in ('seconds', 'cpu_s')},
        'limits': limits,
        'plain': plain,
        'decode': decode,
    }


def measure_large(args: argparse.Namespace) -> str:
    """Some gigabytes of shards: prints every round; returns the result in a line."""
    facts = build(args.dir / 'source', int(args.gigabytes * 1e9), args.picture_kib)
    rounds = []
    for number in range(args.rounds):
        hows = dict.fromkeys([DECODED, *args.limits])
        rounds.append(measure_round(args.dir / 'source', args.dir / 'out' / str(number), args.processes, hows))
        print(json.dumps(_rounded(rounds[-1])), file=sys.stderr, flush=True)
    speeds = [facts['bytes'] / 1e6 / one['plain']['seconds'] for one in rounds]
    result = {**facts, 'processes': args.processes, 'mb_per_s': statistics.median(speeds), 'rounds': rounds}
    print(json.dumps(_rounded(result), indent=1))
    peak = {key: max(one[how][key] for one in rounds for how in ('plain', 'decode')) for key in ('rss', 'pss')}
    lines = []
    for key, (name, goal) in itertools.product(('seconds', 'cpu_s'), GOALS.items()):
        each = [one['ratios'][key][name] for one in rounds]
        shown = ', '.join(f'{ratio:.2f}' for ratio in each)
        lines.append(f'{name}, {key}: median {statistics.median(each):.2f} of {shown}; goal at most {goal}')
    return '\n'.join([*lines, f'peak of all processes: {peak["pss"]} MiB PSS ({peak["rss"]} RSS), goal below 1024'])


def measure_small(args: argparse.Namespace) -> str:
    """Many files of one row each; returns what one costs."""
    source, picture = args.dir / 'source', base_pictures(16, 1)
    source.mkdir()
    for number in range(args.files):
        row = _row(number, picture * 24, picture * 24)
        (source / f'{number:05d}.jsonl').write_text(json.dumps(row) + '\n')
    costs = []
    for number in range(args.rounds):
        settle(args.dir / 'out')
        found = measure_prepare(source, args.dir / 'out' / str(number), args.processes)
        costs.append({key: 1000 * found[key] / args.files for key in ('seconds', 'cpu_s')})
    shown = {key: ', '.join(f'{cost[key]:.2f}' for cost in costs) for key in ('seconds', 'cpu_s')}
    return f'{args.files} files: {shown["seconds"]} ms a file, goal at most 5; {shown["cpu_s"]} ms of processor time'


def main() -> None:
    """Builds, measures, prints, cleans up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--gigabytes', type=float, default=2)
    parser.add_argument('--picture-kib', type=int, default=600, help='of an original; its crop has a tenth')
    parser.add_argument('--limits', nargs='+', choices=HOWS, default=[], help='further limits beside all pixels')
    parser.add_argument('--files', type=int, help='measure so many one-row files instead')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--processes', type=int, default=multiprocessing.cpu_count())
    parser.add_argument('--dir', type=Path, required=True, help='a folder to make and remove')
    args = parser.parse_args()
    args.dir.mkdir(parents=True)
    try:
        print(measure_small(args) if args.files else measure_large(args))
    finally:
        shutil.rmtree(args.dir, ignore_errors=True)


if __name__ == '__main__':
    main()
