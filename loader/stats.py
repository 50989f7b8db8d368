"""Where the time of a loader goes: reading and decoding, the user's functions, or the consumer."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

_KEPT = 4096


@dataclass(frozen=True, slots=True)
class FileReads:
    """Chunk files that were opened, and how."""

    opened: int = 0
    fetched: int = 0
    """Of these, files that came over the network; the others lay in the local cache or on the local disk."""
    fetched_bytes: int = 0
    waited: float = 0.0
    """Seconds that readers stood still for a file, summed over threads."""

    def __add__(self, other: FileReads) -> FileReads:
        return FileReads(
            self.opened + other.opened,
            self.fetched + other.fetched,
            self.fetched_bytes + other.fetched_bytes,
            self.waited + other.waited,
        )


@dataclass(frozen=True, slots=True)
class BatchTimes:
    """Seconds that one batch took."""

    load: float
    """Reading, checking and decoding, summed over threads."""
    finish: float
    """Transform and collation."""
    nbytes: int = 0
    """Of the payloads that were read."""
    reads: FileReads = FileReads()


class LoaderStats:
    """Counts over the life of a loader; percentiles over the newest few thousand batches."""

    def __init__(self) -> None:
        self.batches = 0
        self.samples = 0
        self.waited = 0.0
        self.nbytes = 0
        self.reads = FileReads()
        self._loading = 0.0
        self._load: deque[float] = deque(maxlen=_KEPT)
        self._finish: deque[float] = deque(maxlen=_KEPT)
        self._busy_since = 0.0
        self._active = 0.0

    def start(self) -> None:
        """An epoch begins."""
        self._busy_since = time.perf_counter()

    def add(self, count: int, waited: float, times: BatchTimes | None) -> None:
        """A batch of `count` samples was delivered after the consumer waited for it."""
        now = time.perf_counter()
        self._active += now - self._busy_since
        self._busy_since = now
        self.batches += 1
        self.samples += count
        self.waited += waited
        if times is not None:
            self.nbytes += times.nbytes
            self.reads += times.reads
            self._loading += times.load
        if times is not None and count:
            self._load.append(times.load / count)
            self._finish.append(times.finish / count)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values.

        Keys: batches, samples, samples_per_s and megabytes_per_s (of payloads; over the time from the start of each
        epoch to its newest batch), wait_s (the consumer stood still), wait_share, load_ms_p50, load_ms_p95,
        finish_ms_p50, finish_ms_p95 (per sample), bound ("consumer", "fetch", "decode", "transform": what to speed up
        first). Of chunk files: files_opened, cache_hits (those that lay on the local disk already), files_fetched,
        megabytes_fetched, fetch_wait_s (readers stood still for one, summed over threads).
        """
        share = self.waited / self._active if self._active else 0.0
        load, finish = _percentiles(self._load), _percentiles(self._finish)
        return {
            "batches": self.batches,
            "samples": self.samples,
            "samples_per_s": self.samples / self._active if self._active else 0.0,
            "megabytes_per_s": self.nbytes / 1e6 / self._active if self._active else 0.0,
            "wait_s": self.waited,
            "wait_share": share,
            "load_ms_p50": load[0],
            "load_ms_p95": load[1],
            "finish_ms_p50": finish[0],
            "finish_ms_p95": finish[1],
            "files_opened": self.reads.opened,
            "cache_hits": self.reads.opened - self.reads.fetched,
            "files_fetched": self.reads.fetched,
            "megabytes_fetched": self.reads.fetched_bytes / 1e6,
            "fetch_wait_s": self.reads.waited,
            "bound": self._bound(share, load[0] >= finish[0]),
        }

    def _bound(self, share: float, loading: bool) -> str:
        if share < 0.1:
            return "consumer"
        if not loading:
            return "transform"
        return "fetch" if self.reads.waited > self._loading / 2 else "decode"


def _percentiles(seconds: deque[float]) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    if not seconds:
        return 0.0, 0.0
    ordered = sorted(seconds)
    return 1e3 * ordered[len(ordered) // 2], 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
