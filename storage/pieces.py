"""Columns made of runs of several arrays: what was written, edited rows in their places, deleted ones left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow import Ints
from .vectors import numpy_of

Array = np.ndarray[Any, np.dtype[Any]]

SLICED = 32 << 10
"""A slice costs its readers about as much as copying so many bytes: a column in smaller pieces is copied."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Runs of rows, one after the other: piece i is the rows `start[i]` to `stop[i]` of array number `source[i]`."""

    source: Ints
    start: Ints
    stop: Ints

    def __len__(self) -> int:
        return len(self.source)

    def joined(self, arrays: Sequence[Array]) -> Array:
        """The runs of NumPy arrays as one; not copied if there is only one."""
        if not len(self):
            return arrays[0][:0]
        runs = [arrays[n][a:b] for n, a, b in self._each()]
        return runs[0] if len(runs) == 1 else np.concatenate(runs)

    def sliced(self, arrays: Sequence[pa.Array]) -> list[pa.Array]:
        """The runs of Arrow arrays, not copied."""
        return [arrays[n].slice(a, b - a) for n, a, b in self._each()]

    def inside(self, ends: Sequence[Array]) -> Pieces:
        """The same runs counted in elements; row r of array n has the elements `ends[n][r]` to `ends[n][r + 1]`."""
        start, stop = np.empty_like(self.start), np.empty_like(self.stop)
        for number, offsets in enumerate(ends):
            own = self.source == number
            start[own], stop[own] = offsets[self.start[own]], offsets[self.stop[own]]
        return Pieces(self.source, start, stop)

    def scaled(self, width: int) -> Pieces:
        """The same runs counted in elements, of which every row has `width`."""
        return Pieces(self.source, self.start * width, self.stop * width)

    def _each(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.source.tolist(), self.start.tolist(), self.stop.tolist(), strict=True)


@dataclass(frozen=True)
class Edits:
    """What was done to the rows of a fragment since it was written, the same for every column.

    The arrays of a column are its batches as written and, as the last one, the newest values of the edited rows.
    """

    sizes: Sequence[int]
    """Rows of each batch as written."""
    at: Ints
    """Edited offsets, ascending; some may be deleted."""
    newest: Ints
    """Where the newest value of each lies among those of all overlays."""
    gone: Ints
    """Deleted offsets, ascending."""

    @cached_property
    def pieces(self) -> Pieces:
        """The live rows as runs of the arrays."""
        ends = np.cumsum(np.array([0, *self.sizes], np.int64))
        starts, stops = _untouched(ends, np.sort(np.concatenate([self.at, self.gone])))
        owner = np.searchsorted(ends, starts, side="right") - 1
        first, last = self._edited_runs()
        order = np.argsort(np.concatenate([starts, self.at[first]]), kind="stable")
        return Pieces(
            np.concatenate([owner, np.full(len(first), len(self.sizes))])[order],
            np.concatenate([starts - ends[owner], first])[order],
            np.concatenate([stops - ends[owner], last + 1])[order],
        )

    def _edited_runs(self) -> tuple[Ints, Ints]:
        """First and last of the edits that follow each other, deleted ones left out."""
        live = np.flatnonzero(~_among(self.at, self.gone))
        if not len(live):
            return live, live
        breaks = np.flatnonzero((np.diff(live) != 1) | (np.diff(self.at[live]) != 1)) + 1
        return live[np.concatenate([[0], breaks])], live[np.concatenate([breaks - 1, [len(live) - 1]])]

    def joined(self, arrays: Sequence[Array]) -> Array:
        """One value for each live row, of one for each row of the arrays: as `Pieces.joined`, but faster for the small
        runs between edited rows."""
        if not len(self.gone):
            found = np.concatenate(arrays[:-1])
            found[self.at] = arrays[-1]
            return found
        live = np.ones(sum(map(len, arrays[:-1])), dtype=bool)
        live[self.gone] = False
        edited = live[self.at]
        found = np.empty(len(live) - len(self.gone), arrays[0].dtype)
        first = row = 0
        for array in arrays[:-1]:
            own = live[first : first + len(array)]
            count = int(np.count_nonzero(own))
            np.compress(own, array, out=found[row : row + count])
            first, row = first + len(array), row + count
        found[(self.at - np.searchsorted(self.gone, self.at))[edited]] = arrays[-1][edited]
        return found


def edits_of(sizes: Sequence[int], overlaid: Ints, gone: Ints) -> Edits:
    """The edits of a fragment.

    Args:
        sizes: rows of each batch as written.
        overlaid: offsets of the rows of all overlays, as they follow each other; later ones win.
        gone: deleted offsets, ascending.
    """
    return Edits(sizes, *newest_of(overlaid), gone)


def _untouched(ends: Ints, touched: Ints) -> tuple[Ints, Ints]:
    """First and last plus one of the runs between touched places; none goes on from one array into the next."""
    starts = np.concatenate([[0], touched + 1, ends[1:-1]])
    stops = np.concatenate([touched, [ends[-1]], ends[1:-1]])
    starts, stops = np.sort(starts), np.sort(stops)
    full = starts < stops
    return starts[full], stops[full]


def _among(values: Ints, sorted_ones: Ints) -> Array:
    """Which values are among ascending ones."""
    if not len(sorted_ones):
        return np.zeros(len(values), dtype=bool)
    found: Array = sorted_ones[np.minimum(np.searchsorted(sorted_ones, values), len(sorted_ones) - 1)] == values
    return found


def newest_of(offsets: Ints) -> tuple[Ints, Ints]:
    """Each offset once, ascending, and where it was given for the last time.

    >>> [found.tolist() for found in newest_of(np.array([7, 3, 7]))]
    [[3, 7], [1, 2]]
    """
    order = np.argsort(offsets, kind="stable")
    ascending = offsets[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = ascending[1:] != ascending[:-1]
    return ascending[last], order[last]


def put_together(arrays: Sequence[pa.Array], edits: Edits, kind: pa.DataType) -> pa.ChunkedArray:
    """The live rows of a column: in slices if these are large, else copied into one array."""
    if not len(edits.pieces):
        return pa.chunked_array([], kind)
    if sum(array.nbytes for array in arrays) >= SLICED * len(edits.pieces):
        return pa.chunked_array(edits.pieces.sliced(arrays), kind)
    return pa.chunked_array([copied(arrays, edits.pieces, edits)], kind)


def copied(arrays: Sequence[pa.Array], pieces: Pieces, rows: Pieces | Edits) -> pa.Array:
    """The pieces as one array; `rows` are the same, and put the values of rows together.

    Buffers are put together by NumPy: Arrow would want an object for each piece, which costs more than the copy.
    """
    kind = arrays[0].type
    if not _is_plain(kind):
        return pa.concat_arrays(pieces.sliced(arrays))
    length = int((pieces.stop - pieces.start).sum())
    head = [_validity(arrays, rows)]
    if pa.types.is_fixed_size_list(kind):
        width = kind.list_size
        inner = pieces.scaled(width)
        values = copied([_items(array) for array in arrays], inner, inner)
        return pa.Array.from_buffers(kind, length, head, children=[values])
    if pa.types.is_primitive(kind):
        numbers = rows.joined([_buffer(array, 1, kind.to_pandas_dtype(), len(array)) for array in arrays])
        return pa.Array.from_buffers(kind, length, [*head, _to_buffer(numbers)])
    width = np.dtype(np.int64 if pa.types.is_large_binary(kind) else np.int32)
    ends = [_buffer(array, 1, width, len(array) + 1) for array in arrays]
    offsets = np.zeros(length + 1, width)
    np.cumsum(rows.joined([np.diff(found) for found in ends]), out=offsets[1:])
    inner = pieces.inside(ends)
    head.append(pa.py_buffer(offsets))
    if pa.types.is_list(kind):
        values = copied([array.values for array in arrays], inner, inner)
        return pa.Array.from_buffers(kind, length, head, children=[values])
    data = inner.joined([np.frombuffer(array.buffers()[2] or b"", np.uint8) for array in arrays])
    return pa.Array.from_buffers(kind, length, [*head, _to_buffer(data)])


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_plain(kind.value_type)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(is_number or pa.types.is_string(kind) or pa.types.is_large_binary(kind))


def _items(array: pa.Array) -> pa.Array:
    """The elements of a fixed-size list array, those of missing rows included."""
    width = array.type.list_size
    return array.values.slice(array.offset * width, len(array) * width)


def _buffer(array: pa.Array, number: int, dtype: Any, count: int) -> Array:
    """A buffer of numbers from the array's first row on; an empty array may have none, or one of any size."""
    held, dtype = array.buffers()[number], np.dtype(dtype)
    if held is None or not held.size or not len(array) or not count:
        return np.zeros(count, dtype)
    return np.frombuffer(held, dtype, count, array.offset * dtype.itemsize)


def _validity(arrays: Sequence[pa.Array], rows: Pieces | Edits) -> pa.Buffer | None:
    if not any(array.null_count for array in arrays):
        return None
    given = rows.joined([numpy_of(array.is_valid()) for array in arrays])
    return pa.py_buffer(np.packbits(given, bitorder="little"))


def _to_buffer(values: Array) -> pa.Buffer:
    return pa.py_buffer(np.ascontiguousarray(values))
