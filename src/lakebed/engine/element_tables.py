"""Arrow columns of one source as the query engine wants them: list offsets and values, element tables, row numbers.

All of it is derived, so it is kept as long as the source lives and thrown away with it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from ..storage.arrow import take_chunks
from ..storage.pieces import Edits
from ..storage.snapshot import physical_fields
from ..storage.source import Fragmented, SampleSource
from ..storage.vectors import numpy_of

Ints = np.ndarray[Any, np.dtype[np.int64]]
Array = np.ndarray[Any, Any]
T = TypeVar("T")


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
    """What was derived of one source so far, fragment by fragment; a source without fragments counts as one."""

    source: Callable[[], SampleSource | None]
    """The source, as long as somebody holds it."""
    columns: dict[tuple[str, int], pa.ChunkedArray] = field(default_factory=dict)
    kept: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def live(self) -> SampleSource:
        source = self.source()
        assert source is not None, "the source is held by the query that asks"
        return source

    def remember(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` gave the first time."""
        if key not in self.kept:
            self.kept[key] = make()
        found: T = self.kept[key]
        return found

    # --- rows and fragments ------------------------------------------------------------------------------------------

    def rows(self) -> Ints:
        """0 to n-1."""
        return self.remember(("rows",), lambda: np.arange(len(self.live()), dtype=np.int64))

    def starts(self) -> Ints:
        """The first row of each fragment, and the number of rows."""
        return self.remember(("starts",), self._starts)

    def _starts(self) -> Ints:
        source = self.live()
        sizes = source.fragment_rows() if isinstance(source, Fragmented) else [len(source)]
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])

    def fragments(self) -> range:
        return range(len(self.starts()) - 1)

    def size(self, number: int) -> int:
        """Rows of a fragment."""
        return int(self.starts()[number + 1] - self.starts()[number])

    def rows_of(self, numbers: Sequence[int]) -> Ints:
        """The rows of some fragments, one after the other."""
        rows, starts = self.rows(), self.starts()
        return np.concatenate([rows[:0], *(rows[starts[n] : starts[n + 1]] for n in numbers)])

    def fragments_of(self, rows: Ints) -> Ints:
        """The fragment of each row."""
        return np.searchsorted(self.starts(), rows, side="right") - 1

    # --- columns -----------------------------------------------------------------------------------------------------

    def arrays(self, names: Sequence[str], numbers: Sequence[int] | None = None) -> list[pa.ChunkedArray]:
        """Physical columns of every row, or of the rows of some fragments."""
        wanted = self.fragments() if numbers is None else numbers
        for number in wanted:
            self.read(names, number)
        if len(wanted) == 1:
            return [self.columns[name, wanted[0]] for name in names]
        if not len(wanted):
            kinds = physical_fields(self.live().schema)
            return [self.typed(name, pa.chunked_array([], kinds[name])) for name in names]
        return [chained([self.columns[name, number] for number in wanted]) for name in names]

    def read(self, names: Sequence[str], number: int) -> None:
        missing = [name for name in dict.fromkeys(names) if (name, number) not in self.columns]
        if missing:
            source = self.live()
            table = source.fragment(number, missing) if isinstance(source, Fragmented) else source.table(missing)
            for name in missing:
                self.columns[name, number] = self.typed(name, table.column(name))

    def typed(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """A physical column as SQL takes it: booleans stay booleans where a tensor has no sample yet."""
        if not pa.types.is_null(column.type):
            return engine_type(column)
        truths = any(spec.column == name and spec.dtype == "bool" for spec in self.live().schema)
        return column.cast(pa.list_(pa.bool_())) if truths else engine_type(column)

    def arrays_at(self, names: Sequence[str], rows: Ints) -> list[pa.ChunkedArray]:
        """Physical columns of chosen rows. Fragments that hold none of them stay closed, and of columns not read there
        before only these cells are, so that big ones stay unread."""
        numbers: list[int] = np.unique(self.fragments_of(rows)).tolist()
        missing = [n for n in dict.fromkeys(names) if any((n, number) not in self.columns for number in numbers)]
        table = self.live().table(missing, rows) if missing else None
        places = self._places(numbers, rows)
        return [
            take_chunks(self.arrays([name], numbers)[0], places)
            if table is None or name not in missing
            else self.typed(name, table.column(name))
            for name in names
        ]

    def _places(self, numbers: Sequence[int], rows: Ints) -> Ints:
        """Where rows lie among those of the fragments `numbers`, which hold them all."""
        if len(numbers) == len(self.fragments()):
            return rows
        owner = self.fragments_of(rows)
        before = np.cumsum([0, *(self.size(number) for number in numbers)])
        places: Ints = rows - self.starts()[owner] + before[np.searchsorted(numbers, owner)]
        return places

    def written(self, name: str, number: int) -> tuple[pa.ChunkedArray, Edits | None]:
        """A column of one fragment; if rows were edited or deleted, its arrays as written and the edits: what is
        derived of the arrays is put together, which is less than they are."""
        return self.remember(("written", name, number), lambda: self._written(name, number))

    def _written(self, name: str, number: int) -> tuple[pa.ChunkedArray, Edits | None]:
        source = self.live()
        if (name, number) not in self.columns and isinstance(source, Fragmented):
            patched = source.patched(number, name)
            if patched is not None:
                return engine_type(pa.chunked_array(patched.arrays)), patched.edits
        return self.arrays([name], [number])[0], None

    def lists(self, name: str, number: int) -> list[ListChunk]:
        """The offsets and values of each array of a list column in one fragment; missing cells are empty."""
        return self.remember(("lists", name, number), lambda: list(list_chunks(self.written(name, number)[0])))

    def scalars(self, name: str, number: int) -> list[ScalarChunk]:
        """The values of a column of numbers or booleans in one fragment."""
        return self.remember(("scalars", name, number), lambda: self._scalars(name, number))

    def _scalars(self, name: str, number: int) -> list[ScalarChunk]:
        column, edits = self.written(name, number)
        chunks = list(scalar_chunks(column))
        if edits is None:
            return chunks
        values = edits.joined([chunk.values for chunk in chunks])
        if all(chunk.valid is None for chunk in chunks):
            return [ScalarChunk(0, values, None)]
        valid = [np.ones(len(chunk.values), dtype=bool) if chunk.valid is None else chunk.valid for chunk in chunks]
        return [ScalarChunk(0, values, edits.joined(valid))]

    # --- elements ----------------------------------------------------------------------------------------------------

    def labels(self, name: str, number: int) -> ListChunk:
        """A label column in one fragment, its codes in as few bytes as they need: scans are bound by memory."""
        return self.remember(
            ("labels", name, number),
            lambda: ListChunk(0, self.offsets(name, number), self._together(name, number, narrow)),
        )

    def placed_labels(self, name: str, number: int) -> ListChunk:
        """`labels` with the first row counted in the dataset."""
        chunk = self.labels(name, number)
        return ListChunk(int(self.starts()[number]), chunk.offsets, chunk.values)

    def placed_scalars(self, name: str, number: int) -> list[ScalarChunk]:
        """`scalars` with the first rows counted in the dataset."""
        start = int(self.starts()[number])
        return [ScalarChunk(start + c.first, c.values, c.valid) for c in self.scalars(name, number)]

    def cell_lengths(self, name: str, number: int) -> Array:
        """Number of elements (boxes) in each row."""
        return self.remember(("lengths", name, number), lambda: self._cell_lengths(name, number))

    def _cell_lengths(self, name: str, number: int) -> Array:
        lengths, edits = [np.diff(chunk.offsets) for chunk in self.lists(name, number)], self.written(name, number)[1]
        return joined(lengths) if edits is None else edits.joined(lengths)

    def offsets(self, name: str, number: int) -> Array:
        """Where the elements of each row begin among those of the fragment, and where the last ones end."""
        return self.remember(("offsets", name, number), lambda: ends_of(self.cell_lengths(name, number)))

    def aligned(self, names: Sequence[str], number: int) -> bool:
        """Whether every row has as many elements in each of the columns."""
        if len(names) == 1:
            return True
        first = self.cell_lengths(names[0], number)
        return all(np.array_equal(first, self.cell_lengths(other, number)) for other in names[1:])

    def element_rows(self, name: str, number: int) -> Array:
        """The row of each element."""
        return self.remember(("element rows", name, number), lambda: self._element_rows(name, number))

    def _element_rows(self, name: str, number: int) -> Array:
        small = np.int32 if len(self.live()) < 2**31 else np.int64
        start, stop = self.starts()[number : number + 2].tolist()
        return np.repeat(np.arange(start, stop, dtype=small), self.cell_lengths(name, number))

    def elements(self, name: str, part: int | None, number: int) -> Array:
        """The elements of every row of a fragment, one after the other; of boxes the number `part`."""
        return self.remember(("elements", name, part, number), lambda: self._elements(name, part, number))

    def _elements(self, name: str, part: int | None, number: int) -> Array:
        return self._together(name, number, lambda values: values if part is None else values[:, part])

    def _together(self, name: str, number: int, derive: Callable[[Array], Array]) -> Array:
        """What is derived of the elements of all rows."""
        chunks, edits = self.lists(name, number), self.written(name, number)[1]
        derived_of = [derive(own(chunk)) for chunk in chunks]
        if edits is None:
            return np.ascontiguousarray(joined(derived_of))
        ends = [chunk.offsets - chunk.offsets[0] for chunk in chunks]
        return np.ascontiguousarray(edits.pieces.inside(ends).joined(derived_of))


def own(chunk: ListChunk) -> Array:
    """The values of a chunk's rows."""
    return chunk.values[chunk.offsets[0] : chunk.offsets[-1]]


def joined(pieces: Sequence[Array]) -> Array:
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)


def ends_of(lengths: Array) -> Array:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def narrow(codes: Array) -> Array:
    """Codes from 0 in one or two bytes, where they fit."""
    most = int(codes.max()) if len(codes) else 0
    for small in (np.uint8, np.uint16):
        if most <= np.iinfo(small).max and codes.dtype.itemsize > np.dtype(small).itemsize:
            return codes.astype(small)
    return codes


def chained(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Columns one after the other, without a copy."""
    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)


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
            offsets = ends_of(np.diff(numpy_of(array.offsets)) * numpy_of(array.is_valid()))
            values = array.flatten()
        else:
            offsets, values = numpy_of(array.offsets), array.values
        yield ListChunk(first, offsets, plain_values(values))
        first += len(array)


def scalar_chunks(column: pa.ChunkedArray) -> Iterator[ScalarChunk]:
    first = 0
    for array in column.chunks:
        valid = numpy_of(array.is_valid()) if array.null_count else None
        values = numpy_of(array)
        yield ScalarChunk(first, values if valid is None else np.where(valid, values, values.dtype.type(0)), valid)
        first += len(array)


def plain_values(values: pa.Array) -> Array:
    """List elements as NumPy; fixed-size lists of four as (n, 4), without a copy where Arrow allows."""
    if pa.types.is_fixed_size_list(values.type):
        width = values.type.list_size
        inner = values.values.slice(values.offset * width, len(values) * width)
        return plain_values(inner).reshape(-1, width)
    if pa.types.is_primitive(values.type) and values.null_count == 0:
        return numpy_of(values)
    plain: Array = values.to_numpy(zero_copy_only=False)
    return plain
