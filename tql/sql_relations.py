"""Each kind of relation as one step of the statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .bound import Base, Const, Expr, Field, Ref, SortKey
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
    WindowAround,
)
from .sql import Input, Step, Writer, order_by
from .sql_expressions import ExpressionWriter


def write(relation: Relation, writer: Writer) -> Step:
    """The steps of a relation; the last one is returned."""
    return WRITERS[type(relation)](relation, writer)


def expression(expr: Expr, writer: Writer, step: Step) -> str:
    return ExpressionWriter(writer, step).value(expr)


# --- rows of datasets ------------------------------------------------------------------------------------------------


def write_scan(scan: Scan, writer: Writer) -> Step:
    """A registered table: the columns that the query reads, ``row`` and ``pos``."""
    name = f"t{len(writer.inputs)}"
    columns: list[tuple[str, str]] = []
    for field in scan.fields:
        columns += physical_columns(field, writer)
    with_id = (0, "row_id") in writer.used
    writer.inputs.append(Input(name, scan.dataset, tuple(columns), scan.rows, with_id))
    row, pos = writer.name("r"), writer.name("o")
    shown = [f"{column} AS {column}" for column, _ in columns]
    shown += [f"row_id AS {row}_id"] if with_id else []
    source = "row" if scan.rows is None else "pos"
    step = writer.step(f"SELECT {', '.join([*shown, f'row AS {row}', f'{source} AS {pos}'])} FROM {name}")
    return Step(step, (pos,), ((row, scan.dataset),), in_order=True, dense=pos)


def physical_columns(field: Field, writer: Writer) -> list[tuple[str, str]]:
    """(name in the SQL, physical column) of the parts of a field that are read."""
    if field.origin is None:
        return []
    column = field.origin.column
    parts = {"value": column.value, "shape": column.shape, "info": column.info, "url": column.url}
    if field.type.base is Base.IMAGE:
        del parts["value"]
    found = []
    for part, physical in parts.items():
        if physical is not None and (field.number, part) in writer.used:
            found.append((column_name(field, part), physical))
    return found


def column_name(field: Field, part: str = "value") -> str:
    return f"c{field.number}" if part == "value" else f"c{field.number}_{part}"


# --- row by row ------------------------------------------------------------------------------------------------------


def write_filter(node: Filter, writer: Writer) -> Step:
    source = write(node.source, writer)
    condition = expression(node.condition, writer, source)
    return replace(source, name=writer.step(f"SELECT * FROM {source.name} WHERE {condition}"), dense=None)


def write_compute(node: Compute, writer: Writer) -> Step:
    source = write(node.source, writer)
    columns = []
    for field, value in node.items:
        columns.append(f"{expression(value, writer, source)} AS {column_name(field)}")
    return replace(source, name=writer.step(f"SELECT *, {', '.join(columns)} FROM {source.name}"))


def write_sort(node: Sort, writer: Writer) -> Step:
    source = write(node.source, writer)
    keys = [f"k{writer.name('')}" for _ in node.keys]
    columns = [f"{sort_value(key, writer, source)} AS {name}" for key, name in zip(node.keys, keys, strict=True)]
    name = writer.step(f"SELECT *, {', '.join(columns)} FROM {source.name}")
    terms = []
    for key, column in zip(node.keys, keys, strict=True):
        direction = "DESC" if key.descending else "ASC"
        terms.append(f"{column} {direction} NULLS {'FIRST' if key.nulls_first else 'LAST'}")
    return replace(source, name=name, order=(*terms, *source.order), in_order=False, dense=None)


def sort_value(key: SortKey, writer: Writer, source: Step) -> str:
    """NaN sorts where NULL does, so that no direction puts it first unasked."""
    sql = expression(key.value, writer, source)
    if key.value.type.base is Base.FLOAT:
        return f"CASE WHEN NOT isnan({sql}) THEN {sql} END"
    return sql


def write_cut(node: CutTo, writer: Writer) -> Step:
    source = write(node.source, writer)
    cut = node.cut
    order = "" if source.in_order else order_by(source.order)
    limit = ""
    if cut.percent is not None:
        share = writer.param(cut.percent / 100, "DOUBLE")
        limit = f" LIMIT (SELECT CAST(floor(count(*) * {share}) AS BIGINT) FROM {source.name})"
    elif cut.count is not None:
        limit = f" LIMIT {int(cut.count)}"
    if cut.offset:
        limit += f" OFFSET {int(cut.offset)}"
    name = writer.step(f"SELECT * FROM {source.name}{order}{limit}")
    return replace(source, name=name, dense=None)


# --- joins -----------------------------------------------------------------------------------------------------------


def write_join(node: JoinOn, writer: Writer) -> Step:
    left, right = write(node.left, writer), write(node.right, writer)
    both = Step("", (*left.order, *right.order), (*left.rows, *right.rows))
    kind = "CROSS JOIN" if node.on is None else f"{'INNER' if node.kind == 'CROSS' else node.kind} JOIN"
    on = "" if node.on is None else f" ON {expression(node.on, writer, both)}"
    name = writer.step(f"SELECT * FROM {left.name} {kind} {right.name}{on}")
    return replace(both, name=name, order=tuple(f"{term} NULLS LAST" for term in both.order))


def write_count(node: CountRows, writer: Writer) -> Step:
    source = write(node.source, writer)
    return Step(writer.step(f"SELECT count(*) AS {column_name(node.field)} FROM {source.name}"), (), (), in_order=True)


WRITERS: dict[type, Callable[[Any, Writer], Step]] = {
    Scan: write_scan,
    Filter: write_filter,
    Compute: write_compute,
    Sort: write_sort,
    CutTo: write_cut,
    JoinOn: write_join,
    CountRows: write_count,
}

__all__ = ["Combine", "Const", "Distinct", "DrawFrom", "GroupBy", "Ref", "SpreadOut", "WindowAround", "write"]
