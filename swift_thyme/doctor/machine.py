"""GPU, driver, flash-attn, disk, shared memory and ports."""

from __future__ import annotations

import importlib.util
import os
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
    """GPUs as torch sees them, and the driver."""
    try:
        import torch
    except ImportError as error:
        return Finding('gpu', State.FAILED, f'torch cannot be imported: {error}', ('pip install torch',))
    driver = Path('/proc/driver/nvidia/version')
    number = driver.read_text().split('Module')[-1].split()[0] if driver.is_file() else 'none'
    count = torch.cuda.device_count()
    if not torch.cuda.is_available() or count == 0:
        built = f'torch is built for CUDA {torch.version.cuda}' if torch.version.cuda else 'torch is a CPU build'
        what = (
            'install a driver for it' if number == 'none' else 'install a torch for this driver, or check the devices'
        )
        return Finding(
            'gpu', State.WARNING, f'none that torch can use; driver {number}; {built}',
            (f'only small runs are possible; for real ones {what}',),
        )  # fmt: skip
    devices = [torch.cuda.get_device_properties(i) for i in range(count)]
    text = f'{count} x {devices[0].name}, {devices[0].total_memory / GIB:.0f} GiB each, driver {number}'
    old = [d.name for d in devices if (d.major, d.minor) < OLDEST_CAPABILITY]
    if old:
        return Finding(
            'gpu', State.WARNING, text, (f'no bf16 on {", ".join(sorted(set(old)))}: --torch_dtype float16',)
        )
    return Finding('gpu', State.OK, text)


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
