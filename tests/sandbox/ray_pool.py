"""A Ray cluster on this machine for tests: a head that runs no code, and nodes that hold a few sessions each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest

ray = pytest.importorskip('ray', reason='needs Ray: pip install "swift-thyme[ray]"')

STORE_BYTES = 80 << 20


class Pool:
    """The cluster."""

    def __init__(self, *sizes: int) -> None:
        """
        Args:
            sizes: sessions of each node.
        """
        common = {'object_store_memory': STORE_BYTES, 'include_dashboard': False}
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args={**common, 'num_cpus': 0})
        self.address: str = self.cluster.address
        self.nodes = [self.add(size) for size in sizes]
        self.cluster.wait_for_nodes()

    def add(self, size: int) -> Any:
        """Starts a node that may hold so many sessions."""
        return self.cluster.add_node(num_cpus=1, resources={'thyme_sandbox': size}, object_store_memory=STORE_BYTES)

    def kill(self, node: Any) -> None:
        """`kill -9` of everything that runs on a node, its sandbox included."""
        for process in self._processes(node):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def actors(self, node: Any) -> list[psutil.Process]:
        """The processes that own a node's sandboxes."""
        found = []
        for one in self._processes(node):
            with suppress(psutil.NoSuchProcess):  # a zombie is one, too
                found += [one] * ('NodeSandbox' in ''.join(one.cmdline()))
        return found

    def _processes(self, node: Any) -> list[psutil.Process]:
        raylet = psutil.Process(node.all_processes['raylet'][0].process.pid)
        return [raylet, *raylet.children(recursive=True)]

    def close(self) -> None:
        """Ends all processes."""
        ray.shutdown()
        self.cluster.shutdown()


@contextmanager
def pool(*sizes: int) -> Iterator[Pool]:
    """A cluster whose address the backend finds."""
    made = Pool(*sizes)
    before = os.environ.get('RAY_ADDRESS')
    os.environ['RAY_ADDRESS'] = made.address
    try:
        yield made
    finally:
        os.environ.pop('RAY_ADDRESS')
        if before is not None:
            os.environ['RAY_ADDRESS'] = before
        made.close()
