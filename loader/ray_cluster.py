"""Work handed out as tasks of the Ray cluster that this program is connected to; results come back in order."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any

from ..storage.errors import StateError
from .errors import WorkerError

RETRIES = 5
"""Times that a task is run again after its node or process died."""
AHEAD = 2
"""Tasks under way or done for each worker: enough that none waits, few enough that results stay small in memory."""


def ray_map(
    work: Callable[[Any, Any], Any], packed_job: bytes, items: Iterable[Any], workers: int, hint: str
) -> Generator[Any, None, None]:
    """``work(job, item)`` of each item, in order. A task whose node is lost runs again on another one.

    Args:
        work: a function at the top of a module that the nodes have.
        packed_job: the job, pickled; it is sent once and kept by the cluster.
        items: what pickles; taken a little ahead of need.
        workers: tasks at once; 0 for as many as the cluster has processors.
        hint: what the nodes need, for the error.

    Raises:
        StateError: Ray is not installed, or `ray.init` was not called.
        WorkerError: a task could not be done on any node.
    """
    ray = _running_ray()
    held = ray.put(packed_job)
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_in_task)
    window = AHEAD * (workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
    under_way: deque[Any] = deque()

    def oldest() -> Any:
        result = ray.get(under_way[0])
        under_way.popleft()
        return result

    try:
        for item in items:
            if len(under_way) >= window:
                yield oldest()
            under_way.append(task.remote(work, held, item))
        while under_way:
            yield oldest()
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        said = f"a Ray task could not be done: {type(cause).__name__}: {str(cause).strip()}"
        raise WorkerError(said, hint=hint) from error
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


_known: tuple[int, Any] | None = None
"""In a Ray worker: the last job it was given, by the hash of its bytes, so that it is unpacked once."""


def _in_task(work: Callable[[Any, Any], Any], packed_job: bytes, item: Any) -> Any:
    global _known
    key = hash(packed_job)
    if _known is None or _known[0] != key:
        _known = key, pickle.loads(packed_job)
    return work(_known[1], item)
