"""A preparation killed with SIGKILL at any moment ends, run again, in the same bytes but for the report's times."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import public

MOMENTS = 20


def tree(out: Path) -> dict[str, bytes | dict[str, object]]:
    """Every file of a finished set; of the reports all but how long it took."""
    found: dict[str, bytes | dict[str, object]] = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob('*'))
        if path.is_file() and '.thyme' not in path.parts and not path.name.startswith('report.')
    }
    return {**found, 'report.json': {**json.loads((out / 'report.json').read_text()), 'seconds': 0}}


def written(out: Path) -> int:
    """How far a run is: files in the set and in its own records."""
    return sum(len(files) for _, _, files in os.walk(out))


def prepare_until(command: list[str], out: Path, files: int) -> bool:
    """Starts a preparation and kills it, with all its processes, once so many files are there; whether it was."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while process.poll() is None:
            if written(out) >= files:
                os.killpg(process.pid, signal.SIGKILL)
                return True
            time.sleep(0.001)
    return False


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills_change_no_byte(tmp_path: Path) -> None:
    source = tmp_path / 'source'
    for i in range(5):  # the last repeats the first: its rows are duplicates in whatever order the shards are done
        public.write_parquet(source / f'train-{i:05d}.parquet', public.sft_shard(i % 4, good=4).rows)

    def command(out: Path) -> list[str]:
        program = [sys.executable, '-m', 'swift_thyme.cli', 'prepare', 'sft', str(source)]
        return [*program, '--out', str(out), '--workers', '2']

    whole = tmp_path / 'whole'
    subprocess.run(command(whole), capture_output=True, check=True)
    expected, total = tree(whole), written(whole)
    killed = 0
    for moment in range(MOMENTS):
        out = tmp_path / f'killed-{moment}'
        killed += prepare_until(command(out), out, 1 + total * moment // MOMENTS)
        subprocess.run(command(out), capture_output=True, check=True)
        got = tree(out)
        assert got.keys() == expected.keys(), f'moment {moment}: {sorted(got.keys() ^ expected.keys())[:5]}'
        assert not [name for name in got if got[name] != expected[name]], f'moment {moment}'
    assert killed >= MOMENTS - 1, 'a run may end before its last files are seen'
