"""UNION, INTERSECT and EXCEPT: branches with the same columns, compared by row where they are of one dataset."""

from __future__ import annotations

from collections.abc import Sequence

from . import nodes
from .bind_sources import add_dataset
from .bound import BoundQuery, BoundSetOperation, Ref
from .errors import TQLTypeError, TQLUnsupportedError
from .lineage import dataset_of
from .scope import Context, Scope, scope_of_results
from .source import Span


def bind_set_operation(
    node: nodes.SetOperation, context: Context, tables: dict[str, nodes.Query], parent: Scope | None
) -> tuple[BoundSetOperation | BoundQuery, Scope]:
    parts = chain(node)
    assert context.binders is not None, "set before anything is bound"
    bound = [context.binders.query(part, context, tables, parent) for part in parts]
    check_columns(bound, node.span)
    datasets = {dataset_of(branch) for branch in bound}
    by_row = len(datasets) == 1 and None not in datasets
    if not by_row and node.op != "UNION":
        raise TQLUnsupportedError(
            f"{node.op} of rows of different datasets", kind="set-across-datasets", span=node.span,
            hint="rows of different datasets are never the same row",
        )  # fmt: skip
    if not by_row:
        fields = tuple(context.new_field(f.name, f.type) for f in bound[0].fields)
        scope = scope_of_results(fields, context, tables, parent)
        return BoundSetOperation(node.op, node.all, tuple(bound), fields, False), scope
    scope = Scope(context, tables=tables, parent=parent)
    number = next(iter(datasets))
    assert number is not None
    stored = add_dataset(context.datasets[number], None, scope)
    by_column = {f.origin.column.name: f for f in stored.fields if f.origin is not None}
    fields = tuple(
        by_column[f.origin.column.name]
        if f.origin is not None and not f.grouped and f.origin.column.name == f.name
        else context.new_field(f.name, f.type, origin=f.origin, grouped=f.grouped)
        for f in bound[0].fields
    )
    scope.results = {f.name: Ref(f, type=f.type) for f in fields}
    known = {f.number for f in stored.fields}
    added = tuple(f for f in fields if f.number not in known)
    scope.fields += [(None, f) for f in added]
    return BoundSetOperation(node.op, node.all, tuple(bound), fields, True, (*stored.fields, *added)), scope


def chain(node: nodes.SetOperation) -> list[nodes.Body]:
    """The branches of a chain of UNIONs of one kind; otherwise the two sides."""
    if node.op != "UNION":
        return [node.left, node.right]
    parts: list[nodes.Body] = []
    left: nodes.Body = node
    while isinstance(left, nodes.SetOperation) and (left.op, left.all) == (node.op, node.all):
        parts.append(left.right)
        left = left.left
    return [left, *reversed(parts)]


def check_columns(branches: Sequence[BoundQuery], span: Span) -> None:
    """Every branch needs the same result columns, in any order.

    Raises:
        TQLTypeError: names a column that one branch has and another has not.
    """
    first = {f.name: f.type for f in branches[0].fields}
    for branch in branches[1:]:
        other = {f.name: f.type for f in branch.fields}
        for name in [*first, *other]:
            if name not in first or name not in other:
                raise TQLTypeError(
                    f"the column {name!r} is in one branch and not in another", kind="branch-columns", span=span,
                    hint="select the same columns in every branch",
                )  # fmt: skip
            if first[name].base is not other[name].base and not (first[name].is_number and other[name].is_number):
                raise TQLTypeError(
                    f"the column {name!r} is {first[name]} in one branch and {other[name]} in another",
                    kind="branch-columns",
                    span=span,
                )
