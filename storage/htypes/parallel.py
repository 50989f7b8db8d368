"""Threads for batches of files: decoders and encoders work outside the GIL, links wait for the network."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

FEW = 8
"""Batches smaller than this are not worth the threads."""


def map_threaded(work: Callable[[T], R], items: Sequence[T], threads: int = 0) -> list[R]:
    """`work` of each item, in order, by several threads where there are many items; the first error is raised.

    `threads` is at most how many, 0 for one per processor, 8 at the most.
    """
    wanted = threads or min(8, os.cpu_count() or 1)
    if len(items) < FEW or wanted == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(wanted, len(items))) as pool:
        return list(pool.map(work, items))
