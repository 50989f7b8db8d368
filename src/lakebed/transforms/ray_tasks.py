"""Slices as tasks of a Ray cluster; a task whose node is lost runs again on another one."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable
from contextlib import closing

from ..loader.ray_cluster import ray_map
from .packing import pack_items, pack_job, work_packed
from .work import Job, Outcome, Slice

_HINT = "every node needs lakebed, the module of the function, and a way to the data; see docs/compute.md"


def ray_batches(job: Job, slices: Iterable[Slice], workers: int) -> Generator[list[Outcome], None, None]:
    """Outcomes in order; with `workers` 0, as many tasks at once as the cluster has processors.

    Raises:
        StateError: Ray is not installed, or `ray.init` was not called.
        WorkerError: a task could not be done on any node.
    """
    packed_slices = (pack_items(part) for part in slices)
    packed_job = pack_job(job, same_program=False)
    with closing(ray_map(work_packed, packed_job, packed_slices, workers, _HINT)) as results:
        for packed in results:
            yield pickle.loads(packed)
