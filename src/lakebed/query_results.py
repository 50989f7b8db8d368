"""What a query found: rows, groups, computed columns; and how SQL columns become that."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .element_tables import Array, Ints
from .storage.source import SampleSource
from .tql.bound import Base, Field
from .tql.relations import Relation
from .tql.sql import Compiled


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
    shape = compiled(relation, ())
    reference = shape.groups or (shape.rows[0] if len(shape.rows) == 1 else None)
    shown = [f for f in outputs if reference is None or f.origin is None]
    table = execute(compiled(relation, shown))
    rows, offsets = None, None
    if shape.groups is not None:
        rows, offsets = list_parts(table.column(shape.groups[0]))
    elif reference is not None:
        rows = table.column(reference[0]).to_numpy().astype(np.int64, copy=False)
    columns = tuple(result_column(field, field not in shown) for field in outputs)
    computed = pa.table({f.name: column_of(table, f) for f in shown}) if shown else None
    number = 0 if reference is None else reference[1]
    return QueryResult(text, columns, rows, computed, offsets, sources, number)


def list_parts(column: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """The elements of a list column one after the other, and where each list starts."""
    lists = whole(column)
    lengths = np.diff(lists.offsets.to_numpy()).astype(np.int64)
    values: Ints = lists.flatten().to_numpy().astype(np.int64, copy=False)
    return values, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def column_of(table: pa.Table, field: Field) -> pa.ChunkedArray:
    """A result column; the flat elements of an array with more axes than one become nested lists."""
    column = table.column(f"c{field.number}")
    if field.type.base is Base.JSON and not field.type.is_array:
        return plain_json(column)
    dims = field.type.dims
    if not field.type.needs_shape or dims is None or f"c{field.number}_shape" not in table.column_names:
        return column
    shapes = [list(cell or ()) for cell in table.column(f"c{field.number}_shape").to_pylist()]
    return pa.chunked_array([nested(whole(column), np.array(shapes, np.int64).reshape(-1, len(dims)))])


def plain_json(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON values as plain ones where all are of one simple kind, else as they are: JSON text."""
    values = [None if text is None else json.loads(text) for text in column.cast(pa.string()).to_pylist()]
    kinds = {type(value) for value in values if value is not None}
    if kinds and (kinds <= {int, float} or kinds in ({str}, {bool})):
        return pa.chunked_array([pa.array([float(v) if float in kinds and v is not None else v for v in values])])
    return column


def nested(flat: pa.ListArray, shapes: Array) -> pa.Array:
    """Flat cells as lists of lists, by the shape of each."""
    values = flat.flatten()
    axes = shapes.shape[1]
    for axis in range(axes - 1, 0, -1):
        outer = np.prod(shapes[:, :axis], axis=1)
        values = pa.ListArray.from_arrays(ends(np.repeat(shapes[:, axis], outer)), values)
    return pa.ListArray.from_arrays(ends(shapes[:, 0]), values)


def ends(lengths: Array) -> pa.Array:
    return pa.array(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]).astype(np.int32))
