"""A progress bar with images per second and megabytes per second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self


class Progress:
    """Counts rows and bytes; drawn only if `shown`, and where there is a stderr."""

    def __init__(self, total: int, shown: bool, title: str = "materialise") -> None:
        self._bar: Any = None
        self._bytes = 0
        self._start = time.monotonic()
        if shown and sys.stderr is not None:  # a program without a terminal may have none
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="row", desc=title)

    def add(self, rows: int, nbytes: int, skipped: bool = False) -> None:
        """`rows` more are done; `skipped` ones were found ready and do not count for the rate."""
        if self._bar is None:
            return
        if skipped:
            self._bar.initial += rows
        self._bytes += 0 if skipped else nbytes
        elapsed = max(1e-9, time.monotonic() - self._start)
        self._bar.set_postfix_str(f"{self._bytes / elapsed / 1e6:.1f} MB/s", refresh=False)
        self._bar.update(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
