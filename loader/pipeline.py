"""Batches of a plan, in order: built in the calling thread, or read and decoded ahead by threads.

Threads pay where decoding releases the GIL; the user's transform and collation always run in the consumer's thread,
one after the other, as they would without threads.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .builder import BatchBuilder, BatchRows, Built, Loaded
from .errors import LoaderTimeoutError
from .plan import Batches
from .slots import SlotPool
from .threads import DaemonPool

Out = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class ThreadOptions:
    """How far threads work ahead.

    Attributes:
        threads: threads that read and decode; 0 does it in the calling thread.
        ahead: batches under way.
        deadline: seconds after which waiting for one batch is an error; None waits for ever.
    """

    threads: int = 0
    ahead: int = 2
    deadline: float | None = 120.0


def build_inline(
    builder: BatchBuilder, batches: Batches, memory: Callable[[int], Out]
) -> Iterator[tuple[BatchRows, Built]]:
    """Every batch from start to end in the calling thread; `memory(count)` gives the arrays to decode into."""
    with closing(batches):
        for batch in batches:
            out = memory(len(batch.rows))
            yield batch, builder.finish([builder.load(batch, 0, len(batch.rows), out)], out)


def build_here(
    builder: BatchBuilder, batches: Batches, options: ThreadOptions, pool: SlotPool
) -> Iterator[tuple[BatchRows, Built]]:
    """Batches for a consumer in this process: by threads, or without if there are to be none."""
    if options.threads:
        return build_threaded(builder, batches, options, pool)
    return build_inline(builder, batches, lambda count: builder.outputs(count, pool))


def build_threaded(
    builder: BatchBuilder, batches: Batches, options: ThreadOptions, pool: SlotPool
) -> Iterator[tuple[BatchRows, Built]]:
    """The same with threads; closing the iterator ends them.

    Raises:
        LoaderTimeoutError: a batch took longer than the deadline.
    """
    executor = DaemonPool(options.threads, "lakebed-loader")
    window: deque[tuple[BatchRows, list[Future[Loaded]], Out]] = deque()
    try:
        for batch in batches:
            out = builder.outputs(len(batch.rows), pool)
            window.append((batch, _submit(executor, builder, batch, out, options.threads), out))
            if len(window) > options.ahead:
                yield _finished(builder, window.popleft(), options)
        while window:
            yield _finished(builder, window.popleft(), options)
    finally:
        # An exception keeps frames alive, and with them whatever is not closed here.
        executor.close()
        # A thread at work may open a file again that was let go; one that waits for a stalled store is not waited for.
        executor.join(time.monotonic() + 1.0)
        batches.close()


def _submit(
    executor: DaemonPool, builder: BatchBuilder, batch: BatchRows, out: Out, threads: int
) -> list[Future[Loaded]]:
    """One job per thread, each for a stretch of the batch, so that the first batch is there soon."""
    bounds = np.linspace(0, len(batch.rows), min(threads, len(batch.rows)) + 1).astype(int).tolist()
    return [executor.submit(builder.load, batch, start, stop, out) for start, stop in pairwise(bounds)]


def _finished(
    builder: BatchBuilder, entry: tuple[BatchRows, list[Future[Loaded]], Out], options: ThreadOptions
) -> tuple[BatchRows, Built]:
    batch, futures, out = entry
    try:
        parts = [future.result(timeout=options.deadline) for future in futures]
    except FutureTimeout as error:
        raise LoaderTimeoutError(
            f"batch {batch.step} did not come within {options.deadline:g} s",
            place=str(builder.reader.place(int(batch.rows[0]), known=True)),
            hint="the store or a linked file does not answer; raise timeout= if it is only slow",
        ) from error
    return batch, builder.finish(parts, out)
