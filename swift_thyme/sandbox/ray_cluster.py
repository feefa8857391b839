"""What the Ray backend asks of Ray: to be of the cluster, which nodes are in the pool, and the actor of each."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .. import __version__
from ..config import SandboxSettings
from ..errors import SandboxUnavailable
from .ray_node import NodeSandbox

RESOURCE = 'thyme_sandbox'
"""Of a node: the sessions that it may hold. `ray start --resources='{"thyme_sandbox": 256}'`."""
SESSIONS_PER_CPU = 8
"""Of a node that does not say: most of a trajectory's life its session waits for the next generation."""


def join_cluster() -> None:
    """Makes this process one of the cluster's, unless it is already.

    Raises:
        SandboxUnavailable: there is none that can be joined from this machine.
    """
    if ray.is_initialized():
        return
    try:
        ray.init(address='auto', configure_logging=False, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        raise SandboxUnavailable(
            f'THYME_SANDBOX=ray, and no Ray cluster can be joined: {error}; on this machine run `ray start --head`, or '
            '`ray start --address=HOST:6379` for a cluster that is there'
        ) from error


def nodes_of_the_pool(named: bool) -> tuple[dict[str, tuple[str, int]], bool]:
    """Ray's name of every node in the pool → a name for people, and the number of its sessions.

    Args:
        named: whether some node had the resource before: then nodes without it are none of the pool, even where those
            that had it are gone.

    Returns:
        The nodes, and whether some node has or had the resource.
    """
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    alive = {node['NodeID']: node for node in nodes if node['Alive']}
    sizes = {ident: int(node['Resources'].get(RESOURCE, 0)) for ident, node in alive.items()}
    named = named or any(sizes.values())
    if not named:
        sizes = {ident: int(SESSIONS_PER_CPU * node['Resources'].get('CPU', 0)) for ident, node in alive.items()}
    return {i: (f'{alive[i]["NodeManagerHostname"]}/{i[:8]}', size) for i, size in sizes.items() if size}, named


def actor_of(ident: str, capacity: int, settings: SandboxSettings) -> Any:
    """The actor of a node, shared by all trainers with these settings; made where there is none."""
    plain = SandboxSettings()  # a session's limits come with it
    same = replace(settings, backend='local', outage_limit_s=0, timeout_s=plain.timeout_s, memory_mib=plain.memory_mib)
    digest = hashlib.sha256(repr((same, capacity, __version__)).encode()).hexdigest()[:12]
    options = {
        'name': f'{ident}-{digest}',
        'namespace': 'swift_thyme',
        'get_if_exists': True,
        'lifetime': 'detached',
        'num_cpus': 0,
        'max_concurrency': 2 * capacity + 1000,
        'scheduling_strategy': NodeAffinitySchedulingStrategy(ident, soft=False),
    }
    return ray.remote(NodeSandbox).options(**options).remote(same, capacity, _end_actor)


def _end_actor() -> None:
    ray.kill(ray.get_runtime_context().current_actor)
