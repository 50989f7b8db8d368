"""What a query found: rows, groups, computed columns; and how SQL columns become that."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..storage.source import SampleSource
from ..storage.vectors import arrow_of, numpy_of, numpy_of_all
from ..tql.bound import Base, Field, Type
from ..tql.relations import Relation
from ..tql.sql import Compiled
from .element_tables import Array, Ints


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of a result.

    `tensor` is the tensor of the source that it shows unchanged: read its cells by the result's rows. Otherwise (None)
    it is a column of `QueryResult.computed`, under its name.
    """

    name: str
    tensor: str | None
    type: str
    dtype: str = ""
    class_names: tuple[str, ...] = ()
    grouped: bool = False
    """A sequence: the cells of all rows of a group. In a grouped result other tensors show each group's first row."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query found.

    Attributes:
        text: the query.
        columns: the result columns in order.
        rows: row numbers in ``sources[source]``, int64, in result order, repeats allowed; None if rows of several
            sources, or none at all, make up the result. With `offsets` the rows of all groups, one after the other.
        computed: columns that are no plain tensors, one line per row (or group); None if there are none. Arrays of
            more than one axis are nested lists; pixels, in results over several sources, are (dataset, row) pairs.
        offsets: group g holds ``rows[offsets[g]:offsets[g + 1]]``; None if the query does not group.
        sources: the sources that the query read.
        source: the one that `rows` refers to.
    """

    text: str
    columns: tuple[ResultColumn, ...]
    rows: Ints | None
    computed: pa.Table | None = None
    offsets: Ints | None = None
    sources: tuple[SampleSource, ...] = ()
    source: int = 0

    def __len__(self) -> int:
        if self.offsets is not None:
            return len(self.offsets) - 1
        if self.rows is not None:
            return len(self.rows)
        return 0 if self.computed is None else int(self.computed.num_rows)


def result_column(field: Field, stored: bool) -> ResultColumn:
    tensor = field.origin.column.name if stored and field.origin is not None else None
    classes = field.type.classes or ()
    return ResultColumn(field.name, tensor, str(field.type), field.type.dtype, classes, grouped=field.grouped)


def assemble(
    text: str,
    outputs: Sequence[Field],
    relation: Relation,
    compiled: Callable[[Relation, Sequence[Field]], Compiled],
    execute: Callable[[Compiled], pa.Table],
    sources: tuple[SampleSource, ...],
) -> QueryResult:
    """Run `relation` and put its columns where a result has them."""
    # Which columns have to be computed follows from where the rows lie, and every compilation has names of its own.
    shape = compiled(relation, ())
    of_rows = shape.groups is not None or len(shape.rows) == 1
    shown = [f for f in outputs if not of_rows or f.origin is None]
    final = compiled(relation, shown)
    table = execute(final)
    reference = final.groups or (final.rows[0] if len(final.rows) == 1 else None)
    rows, offsets = None, None
    if final.groups is not None:
        rows, offsets = list_parts(table.column(final.groups[0]))
    elif reference is not None:
        rows = numpy_of_all(table.column(reference[0])).astype(np.int64, copy=False)
    columns = tuple(result_column(field, field not in shown) for field in outputs)
    computed = pa.table({f.name: column_of(table, f) for f in shown}) if shown else None
    number = 0 if reference is None else reference[1]
    return QueryResult(text, columns, rows, computed, offsets, sources, number)


def list_parts(column: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """The elements of a list column one after the other, and where each list starts."""
    lists = whole(column)
    lengths = np.diff(numpy_of(lists.offsets)).astype(np.int64)
    values: Ints = numpy_of(lists.flatten()).astype(np.int64, copy=False)
    return values, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def column_of(table: pa.Table, field: Field) -> pa.ChunkedArray:
    """A result column; the flat elements of an array with more axes than one become nested lists."""
    column = table.column(f"c{field.number}")
    if field.type.base is Base.JSON and not field.type.nested:
        return plain_lists(column) if field.type.is_array else plain_json(column)
    if field.type.cell is not None and field.type.base is not Base.IMAGE:
        return nested_cells(table, field, field.type.cell)
    dims = field.type.dims
    if not field.type.needs_shape or dims is None or f"c{field.number}_shape" not in table.column_names:
        return column
    missing = [0] * len(dims)
    shapes = [list(cell or missing) for cell in table.column(f"c{field.number}_shape").to_pylist()]
    cells = nested(whole(column), np.array(shapes, np.int64).reshape(-1, len(dims)))
    return pa.chunked_array([pc.if_else(whole(column).is_null(), pa.nulls(len(cells), cells.type), cells)])


def nested_cells(table: pa.Table, field: Field, cell: Type) -> pa.ChunkedArray:
    """The cells of sequences, each as nested lists of its shape."""
    sequences = whole(table.column(f"c{field.number}"))
    cells = sequences.flatten()
    if cell.block == () or cell.dims is None:
        return pa.chunked_array([sequences])
    if cell.block is not None:
        rows = np.diff(numpy_of(cells.offsets)) // np.prod(cell.block)
        shapes = np.array([(count, *cell.block) for count in rows.tolist()], np.int64)
    else:
        listed = whole(table.column(f"c{field.number}_shape")).flatten()
        shapes = np.array(listed.to_pylist(), np.int64)
    lengths = np.diff(numpy_of(sequences.offsets))
    inner = nested(cells, shapes.reshape(-1, len(cell.dims)))
    return pa.chunked_array([pa.ListArray.from_arrays(ends(lengths), inner)])


def plain_json(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON values as plain ones where all are of one simple kind, else as they are: JSON text."""
    return plain_values(column.cast(pa.string())) or column


def plain_lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same of lists of JSON values."""
    lists = whole(column.cast(pa.list_(pa.string())))
    values = plain_values(lists.flatten())
    if values is None:
        return column
    lengths = [0 if one is None else one for one in lists.value_lengths().to_pylist()]
    return pa.chunked_array([pa.ListArray.from_arrays(ends(np.array(lengths, np.int64)), whole(values))])


def plain_values(texts: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray | None:
    values = [None if text is None else json.loads(text) for text in texts.to_pylist()]
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.chunked_array([pa.nulls(len(values), pa.string())])
    if kinds <= {int, float} or kinds in ({str}, {bool}):
        return pa.chunked_array([pa.array([float(v) if float in kinds and v is not None else v for v in values])])
    return None


def nested(flat: pa.ListArray, shapes: Array) -> pa.Array:
    """Flat cells as lists of lists, by the shape of each."""
    values = flat.flatten()
    axes = shapes.shape[1]
    for axis in range(axes - 1, 0, -1):
        outer = np.prod(shapes[:, :axis], axis=1)
        values = pa.ListArray.from_arrays(ends(np.repeat(shapes[:, axis], outer)), values)
    return pa.ListArray.from_arrays(ends(shapes[:, 0]), values)


def ends(lengths: Array) -> pa.Array:
    return arrow_of(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]).astype(np.int32))
