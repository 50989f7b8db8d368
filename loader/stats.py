"""Where the time of a loader goes: reading and decoding, the user's functions, or the consumer."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

_KEPT = 4096


@dataclass(frozen=True, slots=True)
class BatchTimes:
    """Seconds that one batch took."""

    load: float
    """Reading, checking and decoding, summed over threads."""
    finish: float
    """Transform and collation."""
    nbytes: int = 0
    """Of the payloads that were read."""


class LoaderStats:
    """Counts over the life of a loader; percentiles over the newest few thousand batches."""

    def __init__(self) -> None:
        self.batches = 0
        self.samples = 0
        self.waited = 0.0
        self.nbytes = 0
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
        self.nbytes += times.nbytes if times is not None else 0
        if times is not None and count:
            self._load.append(times.load / count)
            self._finish.append(times.finish / count)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values.

        Keys: batches, samples, samples_per_s and megabytes_per_s (of payloads; over the time from the start of each
        epoch to its newest batch), wait_s (the consumer stood still), wait_share, load_ms_p50, load_ms_p95,
        finish_ms_p50, finish_ms_p95 (per sample), bound ("consumer", "decode", "transform": what to speed up first).
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
            "bound": "consumer" if share < 0.1 else "decode" if load[0] >= finish[0] else "transform",
        }


def _percentiles(seconds: deque[float]) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    if not seconds:
        return 0.0, 0.0
    ordered = sorted(seconds)
    return 1e3 * ordered[len(ordered) // 2], 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
