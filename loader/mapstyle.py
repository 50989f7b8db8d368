"""A map-style dataset, for samplers and tools that pick rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ..storage.source import SampleSource
from .builder import BatchBuilder, BatchRows
from .config import LoaderArguments, make_builder

__all__ = ["RowDataset", "make_dataset"]


class RowDataset(Dataset[Any]):
    """``dataset[i]`` is the sample of row i after the transform; give it to a `DataLoader` with any sampler.

    ``dataset.__getitems__(rows)``, which torch calls with a whole batch, reads the rows together. `make_loader` is
    faster: it knows what comes next, and decodes into memory that is used again.
    """

    def __init__(self, source: SampleSource, builder: BatchBuilder) -> None:
        self._source = source
        self._builder = builder

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, row: int) -> Any:
        """Raises LakebedError if the row cannot be read, IndexError outside the rows."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} is outside the {len(self)} rows there are")
        return self.__getitems__([row % len(self)])[0]

    def __getitems__(self, rows: Sequence[int]) -> list[Any]:
        chosen = np.asarray(rows, np.int64)
        batch = BatchRows(0, 0, 0, chosen, chosen)
        loaded = self._builder.load(batch, 0, len(chosen), {})
        return self._builder.transformed(loaded)


def make_dataset(
    source: SampleSource,
    *,
    tensors: Sequence[str] | None = None,
    transform: Callable[..., Any] | Mapping[str, Callable[[Any], Any] | None] | None = None,
    **options: Any,
) -> RowDataset:
    """A map-style `torch.utils.data.Dataset` over any source.

    Further options are those of `make_loader` that concern single samples: `transform_kwargs`, `decode_method`,
    `resize`, `min_side`, `return_index`.
    """
    arguments = LoaderArguments(tensors=tensors, transform=transform, **options)
    return RowDataset(source, make_builder(source, arguments, torch=True))
