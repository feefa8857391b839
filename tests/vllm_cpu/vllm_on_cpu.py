"""What ms-swift 4.6 and vLLM 0.32 lack on a machine without a GPU, put in place as their modules are imported.

For tests only: `scripts/test_vllm_cpu.sh` puts this folder on the path, and then `sitecustomize` calls `install` in
every process (trainer, rollout server, engine cores) before anything else is imported, so that no order of imports
matters. Generation, sampling, training and the order of weight sync stay the real ones. Owns what is replaced, each
with its reason; the product knows nothing of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class StoreCommunicator:
    """Stands in for vLLM's `PyNcclCommunicator`, by which the host sends weights to a rollout server.

    NCCL needs GPUs. This one sends through the TCP store of the same process group; ranks, order and barriers are the
    host's.
    """

    available, disabled = True, False

    def __init__(self, group: Any, device: Any, library_path: str | None = None) -> None:
        import torch

        self.group, self.device = group, torch.device('cpu')
        self.rank, self.world_size = group.rank, group.world_size

    def broadcast(self, tensor: torch.Tensor, src: int, stream: Any = None) -> None:
        """Sends a tensor from rank `src`; the others' `tensor` is overwritten."""
        received = self.group.broadcast(tensor.detach().contiguous(), src)
        if self.rank != src:
            tensor.copy_(received)


def declare_torchvision_operators() -> None:
    """Lets torchvision's wheel for GPUs be imported beside a torch for CPUs.

    Its library of operators links CUDA and is not loaded there, and the import ends at the first operator it describes
    (`torchvision::nms` does not exist). Declared without code they are enough: resizing and the like are plain torch.
    """
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        schema = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
        for name in ('nms', 'qnms'):
            torch.library.define(f'torchvision::{name}', schema)


def keep_weights(layers: ModuleType) -> None:
    """Stands in for vLLM's packing of linear layers for the CPU.

    It drops the parameter of a layer once its packed copy is made; weights that a trainer sends later then have no
    place to go. Plain matrix products on the living parameter give the same function.
    """

    def use_parameter(layer: torch.nn.Module, remove_weight: bool) -> None:
        import torch

        layer.cpu_linear = torch.nn.functional.linear

    _replace(layers, 'dispatch_cpu_unquantized_gemm', use_parameter)


def communicate_by_store(pynccl: ModuleType) -> None:
    """See `StoreCommunicator`."""
    _replace(pynccl, 'PyNcclCommunicator', StoreCommunicator)


def wait_for_nothing(torch_utils: ModuleType) -> None:
    """Stands in for the host's `synchronize`, which calls `torch.cuda.synchronize` where there is no GPU, too."""
    _replace(torch_utils, 'synchronize', lambda device=None: None)


def send_plainly(vllm_client: ModuleType) -> None:
    """Stands in for the host's sending of weights, which enters a device's context; `torch.cpu` has none."""

    def send(communicator: Any, tensors: Sequence[torch.Tensor]) -> None:
        for tensor in tensors:
            communicator.broadcast(tensor, src=communicator.rank)

    _replace(vllm_client, '_broadcast_tensors_for_vllm_weight_sync', send)


def count_the_cpu(deploy_args: ModuleType) -> None:
    """Stands in for the count of devices in the arguments of `swift rollout`, which refuses a machine without any."""
    _replace(deploy_args, 'get_device_count', lambda: 1)


BEFORE: dict[str, Callable[[], None]] = {'torchvision': declare_torchvision_operators}
"""Module → what is done before it runs."""
AFTER: dict[str, Callable[[ModuleType], None]] = {
    'vllm.distributed.device_communicators.pynccl': communicate_by_store,
    'vllm.model_executor.layers.utils': keep_weights,
    'swift.utils.torch_utils': wait_for_nothing,
    'swift.rlhf_trainers.vllm_client': send_plainly,
    'swift.arguments.deploy_args': count_the_cpu,
}
"""Module → what is replaced in it once it has run, and before anybody imports from it."""


def _replace(module: ModuleType, name: str, value: Any) -> None:
    if not hasattr(module, name):
        raise AttributeError(
            f'{module.__name__} has no {name} any more; see what tests/vllm_cpu replaces there, and why'
        )
    setattr(module, name, value)


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name not in BEFORE and name not in AFTER:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_replaced(module: ModuleType) -> None:
                BEFORE.get(name, lambda: None)()
                load(module)
                AFTER.get(name, lambda _: None)(module)

            spec.loader.exec_module = load_replaced  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Watches imports from now on. Idempotent."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
