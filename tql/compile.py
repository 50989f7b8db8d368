"""Plans to SQL: the entrance of the compiler, and the table of how each relation is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .bound import Field
from .relations import (
    Combine,
    Compute,
    CountRows,
    CutTo,
    Distinct,
    DrawFrom,
    Filter,
    GroupBy,
    JoinOn,
    Relation,
    Scan,
    Sort,
    SpreadOut,
)
from .sql import Compiled, Runtime, Step, Writer, order_by
from .sql_columns import used_columns
from .sql_groups import write_distinct, write_group, write_spread
from .sql_relations import write_compute, write_count, write_cut, write_filter, write_join, write_scan, write_sort
from .sql_sets import write_combine, write_draw


def compile_relation(relation: Relation, fields: Iterable[Field] = (), runtime: Runtime | None = None) -> Compiled:
    """The statement for `relation`, with the columns of `fields` and the row positions as its result.

    Raises:
        TQLLimitError: an expression would become too long.
    """
    wanted = tuple(fields)
    writer = Writer(write, used_columns(relation, wanted), runtime or Runtime())
    last = write(relation, writer)
    columns = [name for name, _ in last.rows] + ([last.groups[0]] if last.groups else [])
    for f in wanted:
        columns += [f"c{f.number}", *([f"c{f.number}_shape"] if has_shapes(f) else [])]
    order = "" if last.in_order else order_by(last.order)
    body = f"SELECT {', '.join(dict.fromkeys(columns)) or '1 AS nothing'} FROM {last.name}{order}"
    sql = f"WITH {', '.join(writer.steps)} {body}"
    ascending = last.in_order and len(last.rows) == 1 and not scan_with_rows(relation)
    return Compiled(
        sql, tuple(writer.params), tuple(writer.inputs), last.rows, wanted, ascending, last.groups, tuple(writer.calls)
    )


def has_shapes(field: Field) -> bool:
    """Whether a column of shapes lies beside a field; boxes as they are stored tell theirs."""
    if not field.type.needs_shape and not field.type.lists_shapes:
        return False
    return field.origin is None or field.grouped or field.origin.column.shape is not None


def scan_with_rows(relation: Relation) -> bool:
    while not isinstance(relation, Scan):
        if not isinstance(relation, (Filter, Compute)):
            return True
        relation = relation.source
    return relation.rows is not None


def write(relation: Relation, writer: Writer) -> Step:
    """The steps of a relation; the last one is returned."""
    return WRITERS[type(relation)](relation, writer)


WRITERS: dict[type, Callable[[Any, Writer], Step]] = {
    Scan: write_scan,
    Filter: write_filter,
    Compute: write_compute,
    Sort: write_sort,
    CutTo: write_cut,
    JoinOn: write_join,
    CountRows: write_count,
    Distinct: write_distinct,
    GroupBy: write_group,
    SpreadOut: write_spread,
    DrawFrom: write_draw,
    Combine: write_combine,
}
