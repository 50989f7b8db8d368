"""UNION, INTERSECT and EXCEPT: branches with the same columns, compared by row where they are of one dataset."""

from __future__ import annotations

from collections.abc import Sequence

from . import nodes
from .bind_sources import add_dataset
from .bound import Base, BoundQuery, BoundSetOperation, Field, Ref, Type
from .errors import TQLTypeError, TQLUnsupportedError
from .lineage import dataset_of, of_groups
from .scope import Context, Scope, scope_of_results
from .source import Span


def bind_set_operation(
    node: nodes.SetOperation, context: Context, tables: dict[str, nodes.Query], parent: Scope | None
) -> tuple[BoundSetOperation | BoundQuery, Scope]:
    parts = chain(node)
    assert context.binders is not None, "set before anything is bound"
    bound = [context.binders.query(part, context, tables, parent) for part in parts]
    by_name = [{field.name: field for field in branch.fields} for branch in bound]
    check_columns(by_name, node.span)
    datasets = {dataset_of(branch) for branch in bound}
    by_row = len(datasets) == 1 and None not in datasets
    if len({of_groups(branch) for branch in bound}) > 1:
        raise TQLUnsupportedError(
            f"{node.op} of groups and rows", kind="groups-and-rows", span=node.span,
            hint="group every branch, or undo the groups: select * from (...) ungroup by split",
        )  # fmt: skip
    if not by_row and node.op != "UNION":
        raise TQLUnsupportedError(
            f"{node.op} of rows of different datasets", kind="set-across-datasets", span=node.span,
            hint="rows of different datasets are never the same row",
        )  # fmt: skip
    columns = [[fields[name] for fields in by_name] for name in by_name[0]]
    if not by_row:
        fields = tuple(context.new_field(same[0].name, common_type(same)) for same in columns)
        scope = scope_of_results(fields, context, tables, parent)
        return BoundSetOperation(node.op, node.all, tuple(bound), fields, False), scope
    scope = Scope(context, tables=tables, parent=parent)
    number = next(iter(datasets))
    assert number is not None
    stored = add_dataset(context.datasets[number], None, scope)
    by_column = {f.origin.column.name: f for f in stored.fields if f.origin is not None}
    fields = tuple(
        by_column[same[0].name] if is_column(same) else joined_field(same, context, node.span) for same in columns
    )
    scope.results = {f.name: Ref(f, type=f.type) for f in fields}
    known = {f.number for f in stored.fields}
    added = tuple(f for f in fields if f.number not in known)
    scope.fields += [(None, f) for f in added]
    return BoundSetOperation(node.op, node.all, tuple(bound), fields, True, (*stored.fields, *added)), scope


def alike(a: Type, b: Type) -> bool:
    """Whether values of both may stand in one column: their sizes may differ, the number of their axes may not.

    Sequences of arrays are of one type, or in columns of their own.
    """
    if Base.NULL in (a.base, b.base):
        return True
    if a.nested or b.nested:
        return a == b
    axes = [None if type_.dims is None else len(type_.dims) for type_ in (a, b)]
    return axes[0] == axes[1] and (a.base is b.base or (a.is_number and b.is_number))


def is_column(same: Sequence[Field]) -> bool:
    """Whether a result column is a column of the dataset under its own name, in every branch."""
    first = same[0]
    one = all(field.origin == first.origin for field in same)
    return one and first.origin is not None and not first.grouped and first.origin.column.name == first.name


def joined_field(same: Sequence[Field], context: Context, span: Span) -> Field:
    """A result column that branches compute, or take from the dataset under another name.

    Raises:
        TQLUnsupportedError: it is of pixels of different columns.
    """
    first = same[0]
    if all(field.origin == first.origin for field in same):
        return context.new_field(first.name, common_type(same), first.origin, first.grouped)
    if first.type.base is Base.IMAGE:
        raise TQLUnsupportedError(
            f"the column {first.name!r} is of pixels of different columns", kind="pixels", span=span,
            hint="give each of them a name of its own, or ask in queries of their own",
        )  # fmt: skip
    return context.new_field(first.name, common_type(same), grouped=first.grouped)


def common_type(same: Sequence[Field]) -> Type:
    """The type of a column that is not the same in each branch: what they agree on."""
    known = [field.type for field in same if field.type.base is not Base.NULL] or [same[0].type]
    first, *others = known
    if all(type_ == first for type_ in others):
        return first
    base = Base.FLOAT if any(type_.base is Base.FLOAT for type_ in others) and first.is_number else first.base
    if first.dims is None:
        return Type(base, None)
    axes = zip(*(type_.dims or () for type_ in known), strict=True)
    return Type(base, tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in axes))


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


def check_columns(branches: Sequence[dict[str, Field]], span: Span) -> None:
    """Every branch needs the same result columns, in any order.

    Raises:
        TQLTypeError: names a column that one branch has and another has not.
    """
    first = branches[0]
    for other in branches[1:]:
        missing = next((name for name in (*first, *other) if name not in first or name not in other), None)
        if missing is not None:
            raise TQLTypeError(
                f"the column {missing!r} is in one branch and not in another", kind="branch-columns", span=span,
                hint="select the same columns in every branch",
            )  # fmt: skip
        for name, field in first.items():
            a, b = field.type, other[name].type
            if a is not b and not alike(a, b):
                raise TQLTypeError(
                    f"the column {name!r} is {a} in one branch and {b} in another", kind="branch-columns", span=span
                )
