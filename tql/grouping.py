"""Groups that need no SQL: rows with equal numbers, booleans or texts, shown with how many they are."""

from __future__ import annotations

from dataclasses import dataclass

from .bound import Const, Expr, Field, Ref
from .relations import Compute, GroupBy, Relation, Scan
from .rows import AllRows, RowPlan
from .schema import ColumnInfo, Kind


@dataclass(frozen=True, slots=True)
class GroupRows:
    """The rows of `source` by equal cells of `columns`, the groups in order of first appearance."""

    dataset: int
    source: RowPlan
    columns: tuple[ColumnInfo, ...]


def group_rows(relation: Relation | None, outputs: tuple[Field, ...]) -> GroupRows | None:
    """The groups of a relation whose outputs are stored columns and counts, or None if SQL must find them."""
    named: tuple[tuple[Field, Expr], ...] = ()
    if isinstance(relation, Compute):
        named, relation = relation.items, relation.source
    if not isinstance(relation, GroupBy) or not isinstance(relation.source, Scan):
        return None
    scan, group = relation.source, relation.group
    counts = {field.number for field, value in group.members if isinstance(value, Const)}
    counts |= {field.number for field, value in named if isinstance(value, Ref) and value.field.number in counts}
    columns = tuple(column for _, value in group.keys if (column := key_column(value)) is not None)
    described = all(field.origin is not None or field.number in counts for field in outputs)
    if scan.counter is not None or len(columns) < len(group.keys) or not described:
        return None
    return GroupRows(scan.dataset, scan.rows or AllRows(scan.dataset), columns)


def key_column(value: Expr) -> ColumnInfo | None:
    """A stored column of single values."""
    if not isinstance(value, Ref) or value.type.is_array or value.field.grouped or value.field.origin is None:
        return None
    column = value.field.origin.column
    numbers = column.kind is Kind.SCALAR and value.type.is_number
    return column if numbers or column.kind is Kind.TEXT else None
