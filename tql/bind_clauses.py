"""The clauses around a SELECT: ORDER BY, LIMIT, SAMPLE BY, DISTINCT, GROUP BY, UNGROUP BY and EXPAND BY."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import nodes
from .bound import (
    INT,
    Base,
    BoundSource,
    Const,
    Cut,
    Draw,
    Expr,
    Field,
    Output,
    Reduce,
    Ref,
    SortKey,
    Spread,
    Together,
    Type,
    Window,
)
from .coerce import folded
from .errors import BAD_WEIGHTS, TQLTypeError, TQLUnsupportedError
from .lineage import pure_source
from .printer import name_text
from .scope import Scope
from .source import Span


def bind_order(item: nodes.OrderItem, scope: Scope) -> SortKey:
    """One sort key: a number, text, boolean or JSON value per row."""
    value = scope.bind(item.value)
    if value.type.is_array or value.type.base is Base.IMAGE:
        raise TQLTypeError(
            f"ORDER BY needs one value per row, and this is {value.type}",
            kind="array-order",
            span=item.span,
            hint="reduce it: order by max(x), or order by x[0]" if value.type.is_array else "",
        )
    known = folded(value)
    if known is not None:
        raise constant_key("ORDER BY", known, sortable(scope), item.span)
    return SortKey(value, item.descending, bool(item.nulls_first))


def sortable(scope: Scope) -> list[str]:
    """The names of the result's columns in their order, "" for those that ORDER BY does not take."""
    types = {name: value.type for name, value in scope.results.items()} or {f.name: f.type for _, f in scope.fields}
    return ["" if type_.is_array or type_.base is Base.IMAGE else name for name, type_ in types.items()]


def constant_key(word: str, key: Const, names: Sequence[str], span: Span) -> TQLTypeError:
    """A key that is the same for every row sorts and groups nothing; its author meant the column of `names`."""
    hint = f"write the name of a column, or an expression of columns, after {word}"
    if isinstance(key.value, int) and 0 < key.value <= len(names) and names[key.value - 1]:
        hint = f"columns are named, not counted: {word} {name_text(names[key.value - 1])}"
    elif isinstance(key.value, str) and key.value in names:
        hint = f"the name of a column stands without single quotes: {word} {name_text(key.value)}"
    message = f"{word} needs a column, and this is the same for every row"
    return TQLTypeError(message, kind="constant-key", span=span, hint=hint)


def bind_cut(node: nodes.Query, scope: Scope) -> Cut | None:
    """LIMIT and OFFSET as known numbers; a negative limit gives no rows, as in Deep Lake."""
    if node.limit is None and node.offset is None:
        return None
    offset = 0 if node.offset is None else whole_number(node.offset, scope, "OFFSET")
    if offset < 0:
        raise TQLTypeError(f"OFFSET cannot be negative, and is {offset}", kind="bad-offset", span=node.span)
    count, percent = limit_of(node.limit, scope)
    return Cut(count, percent, offset)


def limit_of(limit: nodes.Limit | None, scope: Scope) -> tuple[int | None, float | None]:
    """(number of rows, percentage); both None for no limit."""
    if limit is None or limit.count is None:
        return None, None
    if not limit.percent:
        return max(0, whole_number(limit.count, scope, "LIMIT")), None
    value = folded(scope.bind(limit.count))
    if value is None or not isinstance(value.value, (int, float)) or not 0 <= value.value <= 100:
        raise TQLTypeError("a percentage is a known number from 0 to 100", kind="bad-limit", span=limit.span)
    return None, float(value.value)


def whole_number(node: nodes.Expr, scope: Scope, word: str) -> int:
    value = folded(scope.bind(node))
    if value is None or not isinstance(value.value, int) or isinstance(value.value, bool):
        raise TQLTypeError(f"{word} needs a known whole number", kind="bad-limit", span=node.span)
    return value.value


def bind_draw(node: nodes.SampleBy, scope: Scope) -> Draw:
    weight = single(scope.bind(node.weight))
    if not weight.type.is_number or weight.type.is_array:
        raise TQLTypeError(
            f"SAMPLE BY needs one number per row, and this is {weight.type}",
            kind="bad-weight",
            span=node.weight.span,
            hint="sample by max_weight(condition: 2, true: 1)",
        )
    count, percent = limit_of(node.limit, scope)
    return Draw(weight, node.replace, count, percent)


def single(weight: Expr) -> Expr:
    """The number in a cell of one number, as single labels are stored; a cell of several is an error of the run."""
    if not weight.type.is_number or weight.type.dims is None or len(weight.type.dims) != 1:
        return weight
    several = f"error('{BAD_WEIGHTS}{weight.span.start} {weight.span.end} a cell holds several numbers')"
    sql = f"CASE WHEN len({{0}}) > 1 THEN CAST({several} AS DOUBLE) ELSE CAST(list_max({{0}}) AS DOUBLE) END"
    return Reduce("ONLY", weight, sql, type=Type(Base.FLOAT), span=weight.span)


def bind_distinct(node: nodes.Select, outputs: tuple[Output, ...], scope: Scope) -> tuple[Expr, ...] | None:
    """The values that make a row distinct: those named by ON, otherwise every result column."""
    if node.distinct_on:
        return tuple(scope.bind(expr) for expr in node.distinct_on)
    if not node.distinct:
        return None
    keys = [output.value for output in outputs if output.field.type.base is not Base.IMAGE]
    if len(keys) < len(outputs):
        raise TQLUnsupportedError(
            "DISTINCT does not compare pixels",
            kind="pixels",
            span=node.span,
            hint="name the columns: select distinct on (a, b) *",
        )
    return tuple(keys)


def bind_group(select: nodes.Select, scope: Scope) -> list[tuple[nodes.Expr, Field, Expr]]:
    """Each key as written, the field of its value in the groups, and the bound expression.

    TRUE is the key of one group of all rows; another constant is meant as a column's place or name, and refused.
    """
    shown = [i.alias or i.value.name if isinstance(i.value, nodes.Column) else "" for i in select.items]
    found: list[tuple[nodes.Expr, Field, Expr]] = []
    for key in select.group_by:
        node = aliased(key, scope)
        value = scope.bind(node)
        if value.type.base is Base.IMAGE or value.type.nested:
            raise TQLTypeError(f"rows cannot be grouped by {value.type}", kind="bad-key", span=node.span)
        known = folded(value)
        if known is not None and known.value is not True and node is key:
            raise constant_key("GROUP BY", known, shown, node.span)
        origin = value.field.origin if isinstance(value, Ref) and value.part == "value" else None
        name = value.field.name if isinstance(value, Ref) else f"key{len(found)}"
        found.append((node, scope.context.new_field(name, value.type, origin=origin), value))
    return found


def joined_cells(output: Output, span: Span, scope: Scope) -> Output:
    """A result column ACROSS SPACE: the arrays of a group, which ACROSS TIME lists, as one array along the first axis.

    Single values make the same list both ways.

    Raises:
        TQLUnsupportedError: nothing tells that the arrays fit together, as those of images do not.
    """
    type_, cell = output.field.type, output.field.type.cell
    if not type_.nested:
        return output
    if cell is None or cell.block is None:
        raise TQLUnsupportedError(
            f"ACROSS SPACE does not join the arrays of {output.field.name!r} into one",
            kind="across-space",
            span=span,
            hint="it joins boxes, labels and vectors: name these columns in SELECT, or write ACROSS TIME for a list of "
            "each row's arrays",
        )
    field = scope.context.new_field(output.field.name, replace(cell, dims=(None, *cell.block)))
    return Output(field, Together(output.value, type=field.type, span=span))


def aliased(node: nodes.Expr, scope: Scope) -> nodes.Expr:
    """The expression that a name of the SELECT list stands for; a column of that name comes first."""
    if not isinstance(node, nodes.Column) or node.source is not None or node.name not in scope.aliases:
        return node
    return node if scope.find(node.name, None, node.span) is not None else scope.aliases[node.name]


def bind_window(node: nodes.Expand, source: BoundSource, scope: Scope) -> Window:
    if not pure_source(source):
        raise TQLUnsupportedError("EXPAND BY needs rows of one dataset", kind="bad-expand", span=node.span)
    before = whole_number(node.before, scope, "EXPAND BY")
    after = 0 if node.after is None else whole_number(node.after, scope, "EXPAND BY")
    if before < 0 or after < 0:
        raise TQLTypeError("EXPAND BY needs numbers of rows from 0", kind="bad-expand", span=node.span)
    counter = scope.context.new_field(node.alias, INT) if node.alias else None
    return Window(before, after, node.overlap, counter)


def bind_spread(
    node: nodes.Select, outputs: tuple[Output, ...], scope: Scope
) -> tuple[Spread | None, tuple[Output, ...]]:
    """UNGROUP BY: the sequences of the result as rows again, or as shorter sequences."""
    if node.ungroup is None:
        return None, outputs
    if node.group_by:
        raise TQLUnsupportedError(
            "GROUP BY and UNGROUP BY in one SELECT",
            kind="group-and-ungroup",
            span=node.ungroup.span,
            hint="ungroup a grouped sub-query: select * from (select * group by x) ungroup by split",
        )
    sizes = () if node.ungroup.by is None else piece_sizes(node.ungroup.by, scope)
    if not any(output.field.grouped for output in outputs):
        raise TQLTypeError("UNGROUP BY needs columns of sequences", kind="not-grouped", span=node.ungroup.span)
    columns, spread_outputs = [], []
    for output in outputs:
        field = piece_field(output.field, sizes, scope)
        columns.append((output.field, field))
        spread_outputs.append(Output(field, Ref(field, type=field.type)))
    counter = None
    if not sizes and any(isinstance(item.value, nodes.Star) for item in node.items):
        counter = scope.context.new_field("frame_number", INT)
        spread_outputs.append(Output(counter, Ref(counter, type=INT)))
    return Spread(sizes, outputs, tuple(columns), counter), tuple(spread_outputs)


def piece_sizes(node: nodes.Expr, scope: Scope) -> tuple[int, ...]:
    value = folded(scope.bind(node))
    sizes = () if value is None else value.value if isinstance(value.value, tuple) else (value.value,)
    whole = tuple(size for size in sizes if isinstance(size, int) and size > 0)
    if not whole or len(whole) != len(sizes):
        raise TQLTypeError(
            "UNGROUP BY takes SPLIT, a whole number or an array of them", kind="bad-ungroup", span=node.span
        )
    return whole


def piece_field(field: Field, sizes: tuple[int, ...], scope: Scope) -> Field:
    """The field of one row (or one piece) of a sequence; columns that are no sequences repeat."""
    if not field.grouped or sizes:
        return scope.context.new_field(field.name, field.type, origin=field.origin, grouped=field.grouped)
    return scope.context.new_field(field.name, field.type.cell or field.type.element(), origin=field.origin)
