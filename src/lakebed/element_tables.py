"""Arrow columns of one source as the query engine wants them: list offsets and values, element tables, row numbers.

All of it is derived, so it is kept as long as the source lives and thrown away with it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .storage.arrow import take_chunks
from .storage.source import SampleSource

Ints = np.ndarray[Any, np.dtype[np.int64]]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class ListChunk:
    """Consecutive rows of a list column: row ``first + i`` has the elements ``values[offsets[i]:offsets[i + 1]]``."""

    first: int
    offsets: Array
    values: Array
    """One-dimensional; (n, 4) for boxes."""


@dataclass(frozen=True, slots=True)
class ScalarChunk:
    """Consecutive rows of a column of single values; `valid` says which are not missing (None: all)."""

    first: int
    values: Array
    valid: Array | None


@dataclass(slots=True)
class Derived:
    """What was derived of one source so far."""

    source: Callable[[], SampleSource | None]
    """The source, as long as somebody holds it."""
    columns: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    lists: dict[str, list[ListChunk]] = field(default_factory=dict)
    scalars: dict[str, list[ScalarChunk]] = field(default_factory=dict)
    lengths: dict[str, Array] = field(default_factory=dict)
    element_arrays: dict[Any, pa.Array] = field(default_factory=dict)
    arrays_of: dict[Any, Array] = field(default_factory=dict)
    row_numbers: Ints | None = None

    def live(self) -> SampleSource:
        source = self.source()
        assert source is not None, "the source is held by the query that asks"
        return source

    def rows(self) -> Ints:
        """0 to n-1."""
        if self.row_numbers is None:
            self.row_numbers = np.arange(len(self.live()), dtype=np.int64)
        return self.row_numbers

    def arrays(self, names: Sequence[str]) -> list[pa.ChunkedArray]:
        """Physical columns of every row."""
        missing = [name for name in dict.fromkeys(names) if name not in self.columns]
        if missing:
            table = self.live().table(missing)
            for name in missing:
                self.columns[name] = engine_type(table.column(name))
        return [self.columns[name] for name in names]

    def arrays_at(self, names: Sequence[str], rows: Ints) -> list[pa.ChunkedArray]:
        """The same of chosen rows: of columns not read before only these cells are, so that big ones stay unread."""
        missing = [name for name in dict.fromkeys(names) if name not in self.columns]
        table = self.live().table(missing, rows) if missing else None
        return [
            take_chunks(self.columns[name], rows)
            if table is None or name not in missing
            else engine_type(table.column(name))
            for name in names
        ]

    def chunks(self, name: str) -> list[ListChunk]:
        """The offsets and values of a list column; missing cells are empty."""
        if name not in self.lists:
            self.lists[name] = list(list_chunks(self.arrays([name])[0]))
        return self.lists[name]

    def scalar_chunks(self, name: str) -> list[ScalarChunk]:
        """The values of a column of numbers or booleans."""
        if name not in self.scalars:
            self.scalars[name] = list(scalar_chunks(self.arrays([name])[0]))
        return self.scalars[name]

    def cell_lengths(self, name: str) -> Array:
        """Number of elements (boxes) in each row."""
        if name not in self.lengths:
            parts = [np.diff(chunk.offsets) for chunk in self.chunks(name)]
            self.lengths[name] = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        return self.lengths[name]

    def cell_offsets(self, name: str) -> Array:
        """Where the elements of each row begin among all elements, and where the last ones end."""
        key = ("offsets", name)
        if key not in self.arrays_of:
            self.arrays_of[key] = np.concatenate(
                [np.zeros(1, np.int64), np.cumsum(self.cell_lengths(name), dtype=np.int64)]
            )
        return self.arrays_of[key]

    def aligned(self, names: Sequence[str]) -> bool:
        """Whether every row has as many elements in each of the columns."""
        first = self.cell_lengths(names[0])
        return all(np.array_equal(first, self.cell_lengths(other)) for other in names[1:])

    def element_rows(self, name: str) -> pa.Array:
        """The row of each element."""
        key = ("row", name)
        if key not in self.element_arrays:
            small = np.int32 if len(self.live()) < 2**31 else np.int64
            rows = np.repeat(np.arange(len(self.live()), dtype=small), self.cell_lengths(name))
            self.element_arrays[key] = pa.array(rows)
        return self.element_arrays[key]

    def elements(self, name: str, part: int | None) -> pa.Array:
        """The elements of every row one after the other; of boxes the number `part`."""
        key = (name, part)
        if key not in self.element_arrays:
            pieces = [c.values[c.offsets[0] : c.offsets[-1]] for c in self.chunks(name)]
            if part is not None:
                pieces = [np.ascontiguousarray(piece[:, part]) for piece in pieces]
            whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces) if pieces else np.zeros(0)
            self.element_arrays[key] = pa.array(whole)
        return self.element_arrays[key]


_DERIVED: dict[int, Derived] = {}


def derived(source: SampleSource) -> Derived:
    """The cache of `source`, dropped when `source` is."""
    key = id(source)
    found = _DERIVED.get(key)
    if found is not None and found.source() is source:
        return found
    try:
        made = Derived(weakref.ref(source, lambda _: _DERIVED.pop(key, None)))
    except TypeError:  # a class with slots and no __weakref__: derived anew for each query
        return Derived(lambda: source)
    _DERIVED[key] = made
    return made


def engine_type(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """`column` with 16-bit floats widened: DuckDB has none."""
    wide = widened(column.type)
    return column if wide == column.type else column.cast(wide)


def widened(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_float16(type_):
        return pa.float32()
    if pa.types.is_null(type_):
        return pa.list_(pa.float64())  # a tensor without samples yet
    if pa.types.is_list(type_):
        return pa.list_(widened(type_.value_type))
    return type_


def list_chunks(column: pa.ChunkedArray) -> Iterator[ListChunk]:
    first = 0
    for array in column.chunks:
        if array.null_count:
            lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
            offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
            values = array.flatten()
        else:
            offsets, values = array.offsets.to_numpy(), array.values
        yield ListChunk(first, offsets, plain_values(values))
        first += len(array)


def scalar_chunks(column: pa.ChunkedArray) -> Iterator[ScalarChunk]:
    first = 0
    for array in column.chunks:
        valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
        filled = array.fill_null(False if pa.types.is_boolean(array.type) else 0) if array.null_count else array
        yield ScalarChunk(first, filled.to_numpy(zero_copy_only=False), valid)
        first += len(array)


def plain_values(values: pa.Array) -> Array:
    """List elements as NumPy; fixed-size lists of four as (n, 4), without a copy where Arrow allows."""
    if pa.types.is_fixed_size_list(values.type):
        width = values.type.list_size
        inner = values.values.slice(values.offset * width, len(values) * width)
        return plain_values(inner).reshape(-1, width)
    plain: Array = values.to_numpy(zero_copy_only=False)
    return plain
