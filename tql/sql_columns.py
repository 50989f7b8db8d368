"""Which columns a relation reads, so that scans register nothing else."""

from __future__ import annotations

from .bound import BoundQuery, ExistsRelation, Expr, Field, InRelation, Ref, RowId
from .plan import lower_query
from .relations import Combine, Compute, Distinct, DrawFrom, Filter, GroupBy, JoinOn, Relation, Scan, Sort, SpreadOut
from .walking import walk


def used_columns(relation: Relation, fields: tuple[Field, ...]) -> frozenset[tuple[int, str]]:
    """(field number, part) of everything that the plan reads, so that scans register nothing else."""
    used = {(f.number, part) for f in fields for part in ("value", "shape")}
    todo: list[Relation] = [relation]
    while todo:
        one = todo.pop(0)
        for expr in expressions(one):
            todo += collect(expr, used)
        for shown, value in renamed(one):
            used |= {(value.number, part) for part in PARTS if (shown.number, part) in used}
        todo += sources(one)
    return frozenset(used)


PARTS = ("value", "shape", "info", "url")


def renamed(relation: Relation) -> list[tuple[Field, Field]]:
    """(field of the result, field that it shows) where a node passes columns on under other numbers."""
    match relation:
        case Compute():
            return [(f, value.field) for f, value in relation.items if isinstance(value, Ref) and value.part == "value"]
        case GroupBy():
            group = relation.group
            return [(f, value.field) for f, value in (*group.keys, *group.members) if isinstance(value, Ref)]
        case SpreadOut():
            return [(piece, whole) for whole, piece in relation.spread.columns]
        case Combine():
            return [(f, branch) for f, branches in relation.columns for branch in branches]
        case _:
            return []


def collect(expr: Expr, used: set[tuple[int, str]]) -> list[Relation]:
    """Adds what `expr` reads to `used`; returns the relations of its sub-queries."""
    inner: list[Relation] = []
    for one in walk(expr):
        if isinstance(one, Ref):
            used.add((one.field.number, one.part))
            if one.part == "value" and (one.type.needs_shape or one.type.lists_shapes):
                used.add((one.field.number, "shape"))
        elif isinstance(one, RowId):
            used.add((0, "row_id"))
        elif isinstance(one, (InRelation, ExistsRelation)):
            inner.append(inner_relation(one.query))
            if isinstance(one, InRelation):
                used.add((one.query.fields[0].number, "value"))
    return inner


def inner_relation(query: BoundQuery) -> Relation:
    """The relation of a sub-query inside an expression."""
    return lower_query(query)


def sources(relation: Relation) -> tuple[Relation, ...]:
    match relation:
        case Scan():
            return ()
        case JoinOn():
            return (relation.left, relation.right)
        case Combine():
            return relation.branches
        case _:
            return (relation.source,)


def expressions(relation: Relation) -> list[Expr]:
    """The expressions of one node."""
    match relation:
        case Filter():
            return [relation.condition]
        case Compute():
            return [value for _, value in relation.items if not (isinstance(value, Ref) and value.part == "value")]
        case Sort():
            return [key.value for key in relation.keys]
        case DrawFrom():
            return [relation.draw.weight]
        case Distinct():
            return list(relation.keys)
        case GroupBy():
            members = [value for f, value in relation.group.members if not isinstance(value, Ref)]
            return [*(value for _, value in relation.group.keys), *members]
        case JoinOn(on=on) if on is not None:
            return [on]
        case _:
            return []
