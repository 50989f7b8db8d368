"""The dictionary that transforms get and that batches are, as Deep Lake's users know it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class SampleDict(dict[str, Any]):
    """A dict in tensor order whose iteration gives the *values*, so that ``images, labels = batch`` works.

    ``batch["images"]``, ``keys()``, ``items()`` and ``**batch`` are those of a plain dict.

    >>> a, b = SampleDict(x=1, y=2)
    >>> a, b, sorted(SampleDict(x=1).keys())
    (1, 2, ['x'])
    """

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())
