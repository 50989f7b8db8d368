"""Slices as tasks of a Ray cluster; a task whose node is lost runs again on another one."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable
from typing import Any

from ..loader.errors import WorkerError
from ..storage.errors import StateError
from .ordering import AHEAD, ordered
from .packing import pack_items, pack_job, work_packed
from .work import Job, Outcome, Slice

RETRIES = 5
"""Times that a task is run again after its node or process died."""


def ray_batches(job: Job, slices: Iterable[Slice], workers: int) -> Generator[list[Outcome], None, None]:
    """Outcomes in order; with `workers` 0, as many tasks at once as the cluster has processors.

    Raises:
        StateError: Ray is not installed, or `ray.init` was not called.
        WorkerError: a task could not be done on any node.
    """
    ray = _running_ray()
    held = ray.put(pack_job(job, same_program=False))
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(work_in_task)
    count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    under_way: set[Any] = set()

    def submit(part: Slice) -> Any:
        reference = task.remote(held, pack_items(part))
        under_way.add(reference)
        return reference

    def result(reference: Any) -> Any:
        packed = ray.get(reference)
        under_way.discard(reference)
        return packed

    try:
        for packed in ordered(submit, result, slices, count * AHEAD):
            yield pickle.loads(packed)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise WorkerError(
            f"a Ray task could not be done: {type(cause).__name__}: {str(cause).strip()}",
            hint="every node needs lakebed, the module of the function, and a way to the data; see docs/compute.md",
        ) from error
    finally:
        for reference in under_way:
            ray.cancel(reference)


def _running_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise StateError(
            "scheduler='ray' needs the package ray, which is not installed",
            kind="missing-library",
            hint='pip install "lakebed[ray]"',
        ) from error
    if not ray.is_initialized():
        raise StateError(
            "this program is not connected to a Ray cluster",
            kind="ray-not-running",
            hint='call ray.init(address="auto") first, or ray.init() for a cluster of this machine alone',
        )
    return ray


_known: tuple[int, Job] | None = None
"""In a Ray worker: the last job it was given, by the hash of its bytes, so that it is unpacked once."""


def work_in_task(packed_job: bytes, packed: bytes) -> bytes:
    """One task: a packed slice to packed outcomes."""
    global _known
    key = hash(packed_job)
    if _known is None or _known[0] != key:
        _known = key, pickle.loads(packed_job)
    return work_packed(_known[1], packed)
