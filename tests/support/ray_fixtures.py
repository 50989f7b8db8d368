"""A Ray cluster of two nodes on this machine, for tests that use one and for those that lose a node."""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MISSING = importlib.util.find_spec("ray") is None
needs_ray = pytest.mark.skipif(MISSING, reason='Ray is not installed: pip install "lakebed[ray]"')


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes with two processors each, to which this process is connected."""
    from ray.cluster_utils import Cluster

    ray: Any = importlib.import_module("ray")

    with pytest.MonkeyPatch.context() as patch:
        # Nodes must be able to import the functions' module, as on a real cluster.
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
        made.add_node(num_cpus=2)
        ray.init(address=made.address, log_to_driver=False)
        yield made
        ray.shutdown()
        made.shutdown()


@contextmanager
def losing_a_node(cluster: Any, marks: Path, enough: int) -> Iterator[None]:
    """Ends the second node once it has done some work and a part of the whole is done, as `leave_mark` tells.

    At the end the node is gone for sure, and was at work before.
    """
    lost = next(iter(cluster.worker_nodes))

    def lose() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done = [mark.name for mark in marks.iterdir()]
            if len(done) > enough and any(lost.node_id in name for name in done):
                cluster.remove_node(lost, allow_graceful=False)
                return
            time.sleep(0.05)

    ending = threading.Thread(target=lose)
    ending.start()
    yield
    ending.join()
    assert lost not in cluster.worker_nodes
    assert any(lost.node_id in mark.name for mark in marks.iterdir())
