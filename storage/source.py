"""What views, the shell and the loader read from: an ordered list of rows with typed tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from ..errors import LakebedError
from .fragment_cache import Patched
from .schema import Schema

Failures = dict[int, LakebedError]
"""What is wrong with linked files, by position among the rows asked for."""


@runtime_checkable
class SampleSource(Protocol):
    """Rows 0 to len-1 in a fixed order. Picklable: a copy in another process reopens the same stored objects.

    Implemented by `Snapshot` (all rows of a version), `Selection` (chosen rows of a snapshot) and the loader's
    `MaterialisedView` (rows copied into chunk files). `rows` arguments index *this* source.
    """

    @property
    def schema(self) -> Schema:
        """The tensors that can be read. A materialised view shows `TensorSpec.unlinked` specs."""

    def info(self, tensor: str = "") -> Mapping[str, Any]:
        """The info of a tensor (class_names, coords, ...), or of the dataset itself for ""."""

    def __len__(self) -> int: ...

    @property
    def row_ids(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Permanent id of each row, int64 (n,)."""

    def table(self, columns: Sequence[str], rows: Sequence[int] | np.ndarray[Any, Any] | None = None) -> pa.Table:
        """Physical columns of every row, in order, or of chosen rows: links as URLs, cells that lie in chunk files
        brought in, but those of files (images, masks, video, ...) null.

        Raises:
            StorageError, DamageError: as `cells`.
        """

    def cells(
        self,
        tensor: str,
        rows: Sequence[int] | np.ndarray[Any, Any],
        failed: Failures | None = None,
    ) -> dict[str, pa.Array]:
        """Cells of chosen rows by suffix, ready for `Htype.unpack`: links fetched, big cells brought in.

        Args:
            failed: where it is given, a linked file that cannot be read is an empty cell, and its error is put here
                by position in `rows`; other errors are raised all the same.

        Raises:
            StorageError: a linked file or a chunk cannot be read; names row, tensor and URL.
            DamageError: a cell's hash is not the one recorded.
        """

    def read(self, tensor: str, rows: Sequence[int] | np.ndarray[Any, Any]) -> list[Any]:
        """Decoded samples of chosen rows: `Htype.unpack` of `cells`."""


@runtime_checkable
class Fragmented(Protocol):
    """Rows that lie in fragments one after the other, each readable by itself. `Snapshot` is one.

    What is known of a fragment is known without reading its rows, edits and deletions included. It says what cannot be
    in it, never what is: a value between the ends, or a code, may have been edited away since.
    """

    def fragment_rows(self) -> Sequence[int]:
        """How many rows each fragment has."""

    def fragment(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Physical columns of the rows of one fragment."""

    def patched(self, number: int, column: str) -> Patched | None:
        """A physical column of one fragment in pieces, for those who need not have it put together; None where
        `fragment` costs no more."""

    def zones(self, column: str) -> Sequence[tuple[Any, Any] | None]:
        """For each fragment the least and the greatest value of a column of single numbers, missing ones and NaN left
        out; None where that is not known."""

    def label_codes(self, column: str) -> Sequence[np.ndarray[Any, np.dtype[np.int64]] | None]:
        """For each fragment the codes in a label column, ascending; None where that is not known."""
