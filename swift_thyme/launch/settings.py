"""How many processes a job has and where they meet: the variables that torchrun and the host read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..env import FromEnv, read_env, setting
from ..errors import ConfigError

SHOWN = (
    'CUDA_VISIBLE_DEVICES',
    'NPROC_PER_NODE',
    'NNODES',
    'NODE_RANK',
    'MASTER_ADDR',
    'MASTER_PORT',
    'MAX_PIXELS',
    'FPS_MAX_FRAMES',
    'PYTORCH_CUDA_ALLOC_CONF',
    'REWARD_API_ADDRESS',
    'QWEN_API_PORT',
    'THYME_MAX_IMAGES',
    'THYME_SWITCH',
)
"""What changes a run without being a flag of it; shown in front of a printed command where it is set."""


@dataclass(frozen=True)
class LaunchSettings(FromEnv):
    """The processes of one job."""

    nproc_per_node: int | None = setting(None, 'NPROC_PER_NODE', int)
    """Processes (GPUs) of this node; unset for one process without torchrun."""
    nnodes: int = setting(1, 'NNODES', int)
    node_rank: int | None = setting(None, 'NODE_RANK', int)
    """This node's number, from 0; needed with several nodes."""
    master_addr: str = setting('', 'MASTER_ADDR', str)
    """Address of node 0; needed with several nodes."""
    shown: tuple[tuple[str, str], ...] = ()
    """The variables of `SHOWN` that are set, and their values."""

    def __post_init__(self) -> None:
        if self.nnodes < 1 or (self.nproc_per_node is not None and self.nproc_per_node < 1):
            raise ConfigError(
                f'a job needs a process: got NPROC_PER_NODE={self.nproc_per_node} NNODES={self.nnodes}; set both >= 1'
            )
        if self.nnodes > 1 and (self.node_rank is None or not self.master_addr):
            rank = '' if self.node_rank is None else self.node_rank
            raise ConfigError(
                f'NNODES={self.nnodes} does not say which node this is and where node 0 is: got NODE_RANK={rank} '
                f'MASTER_ADDR={self.master_addr}; set NODE_RANK=0, 1, … and MASTER_ADDR to the address of node 0'
            )
        if self.node_rank is not None and not 0 <= self.node_rank < self.nnodes:
            raise ConfigError(
                f'NODE_RANK must be below NNODES, got {self.node_rank} of {self.nnodes}; set NODE_RANK=0, 1, …'
            )

    @property
    def processes(self) -> int:
        """Processes of the whole job."""
        return (self.nproc_per_node or 1) * self.nnodes

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, beneath: Mapping[str, str] | None = None) -> LaunchSettings:
        """Reads the variables named at the fields.

        Args:
            env: where to look; the process's environment by default.
            beneath: values of variables that are not set there.

        Raises:
            ConfigError: one does not parse, or several nodes are asked for without saying where.
        """
        values = {name: read_env(name, str, (beneath or {}).get(name, ''), env) for name in SHOWN}
        shown = tuple((name, value) for name, value in values.items() if value)
        return replace(super().from_env(values), shown=shown)
