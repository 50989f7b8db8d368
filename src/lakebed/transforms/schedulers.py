"""Who does the work: this thread, threads, processes or a Ray cluster. Outcomes come in the order of the input."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from ..loader.errors import WorkerError
from .ordering import AHEAD, ordered
from .packing import pack_items, pack_job, work_packed
from .ray_tasks import ray_batches
from .work import Job, Outcome, Slice, work

Batches = Generator[list[Outcome], None, None]


def run(job: Job, slices: Iterable[Slice], scheduler: str, workers: int) -> Batches:
    """Outcomes of the slices, slice by slice. Closing the iterator ends the workers."""
    return SCHEDULERS[scheduler](job, slices, workers)


def serial(job: Job, slices: Iterable[Slice], workers: int) -> Batches:
    """In this thread."""
    for part in slices:
        yield work(job, part)


def threaded(job: Job, slices: Iterable[Slice], workers: int) -> Batches:
    """In threads: decoding, encoding, files and network run side by side; Python code takes turns."""
    pool = ThreadPoolExecutor(workers, "lakebed-compute")
    try:
        yield from ordered(lambda part: pool.submit(work, job, part), Future.result, slices, workers * AHEAD)
    finally:
        pool.shutdown(cancel_futures=True)


def processes(job: Job, slices: Iterable[Slice], workers: int) -> Batches:
    """In spawned processes: Python code runs side by side; functions, inputs and samples are pickled."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (pack_job(job),))
    try:
        results = ordered(
            lambda part: pool.submit(_work_here, pack_items(part)), Future.result, slices, workers * AHEAD
        )
        for packed in results:
            yield pickle.loads(packed)
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process died",
            hint="it may have been out of memory, or a native library crashed; a script needs "
            '`if __name__ == "__main__":` around what it does. num_workers=0 shows where',
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


SCHEDULERS: dict[str, Callable[[Job, Iterable[Slice], int], Batches]] = {
    "threaded": threaded,
    "processes": processes,
    "processed": processes,  # Deep Lake's name
    "ray": ray_batches,
    "serial": serial,
}

_job: Job | None = None
"""In a worker process: what it works on."""


def _begin(packed: bytes) -> None:
    global _job
    _job = pickle.loads(packed)


def _work_here(packed: bytes) -> bytes:
    assert _job is not None, "a worker process begins with its job"
    return work_packed(_job, packed)
