"""GPU, driver, flash-attn, disk, shared memory and ports."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import tempfile
from pathlib import Path

from ..env import read_env
from .finding import Finding, State

GIB = 1 << 30
CHECKPOINT_GIB = 150.0
"""Of a 7B model with its optimizer in 32 bits, and one more while it is written."""
SHARED_MEMORY_GIB = 8.0
"""For data loaders and NCCL."""
PORTS = {29500: 'MASTER_PORT of torchrun', 8000: 'rollout server', 51216: 'weight synchronization'}
OLDEST_CAPABILITY = (8, 0)
"""Of a GPU that computes in bf16: Ampere."""


def check_gpu() -> Finding:
    """GPUs as torch sees them, and the driver. Without a driver torch, which takes seconds to import, is not asked."""
    driver = Path('/proc/driver/nvidia/version')
    if not driver.is_file():
        return _no_gpu('none', _cuda_build(), 'install a driver for it')
    number = driver.read_text().split('Module')[-1].split()[0]
    try:
        import torch
    except ImportError as error:
        return Finding('gpu', State.FAILED, f'torch cannot be imported: {error}', ('pip install torch',))
    count = torch.cuda.device_count()
    if not torch.cuda.is_available() or count == 0:
        return _no_gpu(number, _cuda_build(), 'install a torch for this driver, or check the devices')
    devices = [torch.cuda.get_device_properties(i) for i in range(count)]
    text = f'{count} x {devices[0].name}, {devices[0].total_memory / GIB:.0f} GiB each, driver {number}'
    old = [d.name for d in devices if (d.major, d.minor) < OLDEST_CAPABILITY]
    if old:
        return Finding(
            'gpu', State.WARNING, text, (f'no bf16 on {", ".join(sorted(set(old)))}: --torch_dtype float16',)
        )
    return Finding('gpu', State.OK, text)


def _no_gpu(driver: str, cuda: str, advice: str) -> Finding:
    built = f'torch is built for CUDA {cuda}' if cuda else 'torch is a CPU build'
    return Finding(
        'gpu', State.WARNING, f'none that torch can use; driver {driver}; {built}',
        (f'only small runs are possible; for real ones {advice}',),
    )  # fmt: skip


def _cuda_build() -> str:
    """The CUDA version that the installed torch was built for, from its files; empty for a CPU build, or without it."""
    spec = importlib.util.find_spec('torch')
    file = Path(spec.origin).with_name('version.py') if spec is not None and spec.origin else None
    found = re.search(r"^cuda\b.*= '([\d.]+)'", file.read_text(encoding='utf-8'), re.M) if file is not None else None
    return found.group(1) if found else ''


def check_flash_attention() -> Finding:
    """Whether `--attn_impl flash_attn` can work."""
    if importlib.util.find_spec('flash_attn') is not None:
        return Finding('flash-attn', State.OK, 'installed')
    advice = 'pip install flash-attn --no-build-isolation, or use --attn_impl sdpa (more memory for long rows)'
    return Finding('flash-attn', State.WARNING, 'not installed', (advice,))


def check_disk(folder: Path | None = None) -> Finding:
    """Room for checkpoints where one works."""
    place = folder or Path.cwd()
    free = _free_gib(place)
    text = f'{free:.0f} GiB free here'
    if free >= CHECKPOINT_GIB:
        return Finding('disk', State.OK, text)
    advice = (
        f'a checkpoint of a 7B model with its optimizer takes about 100 GB: give --output_dir a disk with '
        f'{CHECKPOINT_GIB:.0f} GiB, or set --save_only_model true and --save_total_limit'
    )
    return Finding('disk', State.WARNING, text, (advice,))


def check_shared_memory(folder: Path = Path('/dev/shm')) -> Finding:
    """Room in the memory file system, which data loaders, NCCL and the sandbox use."""
    if not folder.is_dir():
        advice = f'mount one, or set THYME_SANDBOX_DIR to a folder on disk such as {tempfile.gettempdir()}'
        return Finding('shared memory', State.WARNING, f'no {folder}', (advice,))
    free = _free_gib(folder)
    text = f'{free:.1f} GiB free in {folder}'
    if free >= SHARED_MEMORY_GIB:
        return Finding('shared memory', State.OK, text)
    advice = 'data loaders and NCCL may fail with "Bus error": docker run --shm-size 16g, or --dataloader_num_workers 0'
    return Finding('shared memory', State.WARNING, text, (advice,))


def _free_gib(folder: Path) -> float:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize / GIB


def check_ports() -> Finding:
    """Whether the ports that jobs use by default are free."""
    wanted = {**PORTS, read_env('MASTER_PORT', int, 29500): PORTS[29500]}
    taken = [f'{port} ({what}) is taken' for port, what in sorted(wanted.items()) if not _free(port)]
    if not taken:
        return Finding('ports', State.OK, f'{", ".join(map(str, sorted(wanted)))} are free')
    advice = 'another job may be running; else set MASTER_PORT, --port, or --vllm_server_group_port'
    return Finding('ports', State.WARNING, '; '.join(taken), (advice,))


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('0.0.0.0', port))
        except OSError:
            return False
    return True
