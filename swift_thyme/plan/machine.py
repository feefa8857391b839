"""GPUs as the formulas see them: datasheet figures and the share of them that is reckoned with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU."""

    tflops: float
    """Dense bf16, datasheet, 10^12 operations a second."""
    memory_tb_per_s: float
    """Memory bandwidth, datasheet, 10^12 bytes a second."""
    link_gb_per_s: float
    """To other GPUs of its node, one direction, 10^9 bytes a second."""


GPUS = {
    'a100': Gpu(312, 2.0, 300),
    'h800': Gpu(989, 3.35, 200),
    'h100': Gpu(989, 3.35, 450),
    'h200': Gpu(989, 4.8, 450),
}
NODE_GB_PER_S = 50.0
"""From a GPU to other nodes: one 400 Gbit/s adapter for each, 10^9 bytes a second."""
NODE_GPUS = 8

TRAIN_SHARE = 0.35
"""Share of the datasheet's operations that training reaches. An assumption."""
PREFILL_SHARE = 0.4
"""Share that prefill reaches. An assumption."""
MEMORY_SHARE = 0.5
"""Share of the memory bandwidth that decoding reaches. An assumption."""
LINK_SHARE = 0.6
"""Share of a link that collectives reach. An assumption."""
