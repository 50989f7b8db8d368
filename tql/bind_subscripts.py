"""Subscripts: NumPy basic indexing of arrays, keys and positions of JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import nodes
from .bound import JSON, At, Base, CellOf, Cells, Const, Expr, JsonPick, Pick, Range, Ref, Type
from .coerce import folded
from .errors import TQLTypeError, TQLUnsupportedError
from .scope import Scope, grouped_type
from .source import Span
from .types import sequence_of


def bind_subscript(node: nodes.Subscript, scope: Scope) -> Expr:
    value = scope.bind(node.value)
    if scope.grouping is not None and (value.type.nested or (value.type.base is Base.JSON and value.type.is_array)):
        return per_cell(node, scope)
    if value.type.base is Base.JSON and not value.type.is_array:
        for item in node.items:
            value = json_item(value, item, scope)
        return value
    return pick(value, [subscript_item(item, scope) for item in node.items], node.span)


def json_item(value: Expr, item: nodes.Index | nodes.Slice, scope: Scope) -> Expr:
    if isinstance(item, nodes.Slice):
        raise TQLUnsupportedError("a JSON value is indexed by a key or a position", kind="json-slice", span=item.span)
    key = scope.bind(item.value)
    if key.type.base not in (Base.TEXT, Base.INT) or key.type.is_array:
        raise TQLTypeError(f"a JSON key is text or an integer, and this is {key.type}", kind="bad-key", span=key.span)
    return JsonPick(value, key, type=JSON, span=item.span)


def subscript_item(item: nodes.Index | nodes.Slice, scope: Scope) -> At | Range:
    if isinstance(item, nodes.Index):
        index = scope.bind(item.value)
        if index.type.base not in (Base.INT, Base.NULL) or index.type.is_array:
            hint = "only JSON columns have text keys" if index.type.base is Base.TEXT else ""
            raise TQLTypeError(
                f"an index is an integer, and this is {index.type}", kind="bad-index", span=item.span, hint=hint
            )
        return At(folded(index) or index)
    start, stop, step = (
        None if part is None else slice_bound(part, scope) for part in (item.start, item.stop, item.step)
    )
    if step == 0:
        raise TQLTypeError("the step of a slice cannot be 0", kind="zero-step", span=item.span)
    return Range(start, stop, 1 if step is None else step)


def slice_bound(node: nodes.Expr, scope: Scope) -> int | None:
    value = folded(scope.bind(node))
    if value is None or not isinstance(value.value, int) or isinstance(value.value, bool):
        raise TQLTypeError("the bounds of a slice are known integers", kind="bad-slice", span=node.span)
    return value.value


def pick(value: Expr, items: list[At | Range], span: Span) -> Expr:
    """``value[items]``.

    Raises:
        TQLTypeError: there are more subscripts than axes, or the value is no array.
    """
    if not value.type.is_array or value.type.base is Base.IMAGE:
        raise TQLTypeError(
            f"{value.type} has no elements to pick",
            kind="not-an-array",
            span=span,
            hint="read pixels after the query: view.images[i].numpy()"
            if value.type.base is Base.IMAGE
            else hint_for_word(value),
        )
    if value.type.nested:
        return pick_cells(value, items, span)
    return Pick(value, tuple(items), type=picked_type(value.type, items, span), span=span)


def hint_for_word(value: Expr) -> str:
    """What to write if a column was meant and a constant found, as in ``true[0]``."""
    word = (
        {"True": "true", "False": "false", "None": "null"}.get(str(value.value)) if isinstance(value, Const) else None
    )
    return "" if word is None else f'a column of that name is written "{word}"'


def picked_type(type_: Type, items: Sequence[At | Range], span: Span) -> Type:
    """The type of ``x[items]``: one axis for each slice, and those that were left alone."""
    dims = type_.dims
    if dims is not None and len(items) > len(dims):
        raise TQLTypeError(
            f"{len(items)} subscripts were given for {type_}, which has {len(dims)} axes",
            kind="too-many-subscripts",
            span=span,
        )
    if dims is None:
        return Type(type_.base, None, type_.dtype, type_.classes)
    picked = zip(items, dims, strict=False)  # axes after the last item are kept whole
    left = tuple(sliced_size(item, size) for item, size in picked if isinstance(item, Range))
    whole = len(items) < len(dims) or items[-1] == Range(None, None, 1)
    return Type(type_.base, left + dims[len(items) :], type_.dtype, type_.classes, type_.boxes if whole else "")


def sliced_size(item: Range, size: int | None) -> int | None:
    return None if size is None else len(range(size)[item.start : item.stop : item.step])


def pick_cells(value: Expr, items: list[At | Range], span: Span) -> Expr:
    """A subscript of a sequence: the first item is about its cells, the others about what is in a cell."""
    first, rest = items[0], tuple(items[1:])
    cell = value.type.cell
    if cell is None:
        raise TQLUnsupportedError(
            "arithmetic joined the cells of this sequence",
            kind="nested-subscript",
            span=span,
            hint="take the cell first: x[0] + 1 instead of (x + 1)[0]",
        )
    if isinstance(first, At):
        one = CellOf(value, first, type=cell, span=span)
        return pick(one, list(rest), span) if rest else one
    type_ = sequence_of(picked_type(cell, rest, span)) if rest else value.type
    return Cells(value, first, rest, type=type_, span=span)


def per_cell(node: nodes.Expr, scope: Scope) -> Expr:
    """An expression of grouped columns that is taken of each cell before the group's list is made."""
    value = replace(scope, grouping=None).bind(node)
    assert scope.grouping is not None, "asked of grouped selects only"
    member = scope.context.new_field("cells", grouped_type(value.type, node.span), grouped=True)
    scope.grouping.members[member.number] = (member, value)
    return Ref(member, type=member.type, span=node.span)
