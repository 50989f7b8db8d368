"""Expressions of the tree to bound expressions: names looked up, types checked, conditions reduced to one boolean a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from . import nodes
from .bound import (
    BOOL,
    FLOAT,
    INT,
    JSON,
    TEXT,
    At,
    Base,
    Choose,
    Const,
    ExistsRelation,
    Expr,
    InRelation,
    JsonPick,
    ListCall,
    Map,
    Pick,
    Range,
    Ref,
    Type,
)
from .coerce import (
    arithmetic_type,
    common_shape,
    compare,
    condition,
    const,
    const_array,
    folded,
    is_zero_free,
    logic,
    member,
    negated,
    truth,
)
from .errors import TQLTypeError, TQLUnsupportedError
from .like import like_to_regex
from .scope import grouped_type
from .source import Span

if TYPE_CHECKING:
    from .bound import BoundQuery
    from .scope import Scope

COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})


def bind_condition(node: nodes.Expr, scope: Scope) -> Expr:
    """`node` as one boolean per row: each operand of AND, OR and NOT is reduced by ALL_STRICT on its own."""
    match node:
        case nodes.Binary(op="AND" | "OR"):
            return logic(node.op, [bind_condition(part, scope) for part in flattened(node)], node.span)
        case nodes.Unary(op="NOT"):
            return logic("NOT", [bind_condition(node.operand, scope)], node.span)
        case _:
            return condition(bind_expr(node, scope))


def flattened(node: nodes.Binary) -> list[nodes.Expr]:
    """The operands of a chain of one operator, from left to right, without recursion."""
    parts: list[nodes.Expr] = []
    todo: list[nodes.Expr] = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, nodes.Binary) and one.op == node.op:
            todo += [one.right, one.left]
        else:
            parts.append(one)
    return parts


def bind_expr(node: nodes.Expr, scope: Scope) -> Expr:
    """`node` with its names resolved and its type known.

    Raises:
        TQLNameError, TQLTypeError, TQLUnsupportedError: each with the place in the text.
    """
    grouping = scope.grouping
    if grouping is not None:
        for key_node, key_field, _ in grouping.keys:
            if node == key_node:
                return Ref(key_field, type=key_field.type, span=node.span)
    return BINDERS[type(node)](node, scope)


# --- leaves ----------------------------------------------------------------------------------------------------------


def bind_column(node: nodes.Column, scope: Scope) -> Expr:
    if node.source is None and node.name in scope.results:
        return scope.results[node.name]
    field = scope.find(node.name, node.source, node.span)
    if field is not None:
        return scope.grouped(field, node.span)
    alias = scope.aliases.get(node.name) if node.source is None else None
    if alias is None:
        raise scope.unknown_column(node)
    if node.name in scope.open_aliases:
        raise TQLTypeError(f"the alias {node.name!r} is defined by itself", kind="circular-alias", span=node.span)
    before, scope.open_aliases = scope.open_aliases, (*scope.open_aliases, node.name)
    try:
        return bind_expr(alias, scope)
    finally:
        scope.open_aliases = before


def bind_array(node: nodes.ArrayLiteral, scope: Scope) -> Expr:
    items = [bind_expr(item, scope) for item in node.items]
    values = [value for value in map(folded, items) if value is not None]
    if len(values) != len(items):
        raise TQLUnsupportedError("an array literal holds known values only", kind="array-of-columns", span=node.span)
    return const_array([unflattened(v) for v in values], node.span)


def unflattened(value: Const) -> object:
    """A constant as nested lists."""
    if not isinstance(value.value, tuple):
        return value.value
    flat: list[object] = list(value.value)
    for size in reversed([d for d in (value.type.dims or ())[1:] if d]):
        flat = [flat[i : i + size] for i in range(0, len(flat), size)]
    return flat


# --- operators -------------------------------------------------------------------------------------------------------


def bind_unary(node: nodes.Unary, scope: Scope) -> Expr:
    value = bind_expr(node.operand, scope)
    if node.op == "NOT":
        return logic("NOT", [value], node.span)
    check_number(value, node.op)
    if node.op == "+":
        return value
    minus = negated(value, node.span) if isinstance(value, Const) else None
    dims, nested = common_shape([value], node.span)
    base = Base.FLOAT if value.type.base is Base.FLOAT else Base.INT
    return minus or Map("-", (value,), "(-{0})", type=Type(base, dims, nested=nested), span=node.span)


def bind_binary(node: nodes.Binary, scope: Scope) -> Expr:
    if node.op in ("AND", "OR"):
        return logic(node.op, [bind_expr(part, scope) for part in flattened(node)], node.span)
    left, right = bind_expr(node.left, scope), bind_expr(node.right, scope)
    if node.op in COMPARISONS:
        return compare(node.op, listed(left, scope), listed(right, scope), node.span)
    if node.op == "||":
        return concat(left, right, node.span)
    check_number(left, node.op)
    check_number(right, node.op)
    return arithmetic(node.op, left, right, node.span)


def arithmetic(op: str, left: Expr, right: Expr, span: Span) -> Expr:
    floats = op in ("/", "^")
    type_ = arithmetic_type((left, right), floats, span)
    kind = "float" if type_.base is Base.FLOAT else "int"
    by_zero = kind == "int" and op in ("//", "%") and not is_zero_free(right)
    return Map(op, (left, right), ARITHMETIC[op, kind], by_zero, type=type_, span=span)


ARITHMETIC = {
    ("+", "int"): "({0} + {1})",
    ("-", "int"): "({0} - {1})",
    ("*", "int"): "({0} * {1})",
    (
        "//",
        "int",
    ): "CASE WHEN {1} <> 0 THEN ({0} // {1}) - CAST(({0} % {1}) <> 0 AND (({0} < 0) <> ({1} < 0)) AS BIGINT) END",
    ("%", "int"): "CASE WHEN {1} <> 0 THEN (({0} % {1}) + {1}) % {1} END",
    ("+", "float"): "({0} + {1})",
    ("-", "float"): "({0} - {1})",
    ("*", "float"): "({0} * {1})",
    ("/", "float"): "({0} / {1})",
    ("//", "float"): "floor({0} / {1})",
    ("%", "float"): "({0} - {1} * floor({0} / {1}))",
    ("^", "float"): "pow({0}, {1})",
}


def concat(left: Expr, right: Expr, span: Span) -> Expr:
    for side in (left, right):
        if side.type.base not in (Base.TEXT, Base.NULL) or side.type.is_array:
            raise TQLTypeError(f"|| joins texts, and this is {side.type}", kind="not-text", span=side.span)
    return Map("||", (left, right), "({0} || {1})", type=TEXT, span=span)


def check_number(value: Expr, op: str) -> None:
    if value.type.is_number or value.type.base is Base.NULL:
        return
    raise TQLTypeError(
        f"{op} needs numbers, and this is {value.type}",
        kind="not-a-number",
        span=value.span,
        hint="cast(x as float) turns text and JSON into numbers" if value.type.base in (Base.TEXT, Base.JSON) else "",
    )


def listed(value: Expr, scope: Scope) -> Expr:
    """Inside ANY and ALL a JSON value stands for its elements, if it is a list."""
    if not scope.json_lists or value.type != JSON or isinstance(value, Const):
        return value
    sql = (
        "CASE WHEN {0} IS NULL THEN [] WHEN json_type({0}) = 'ARRAY' THEN CAST({0} AS JSON[]) "
        "ELSE [CAST({0} AS JSON)] END"
    )
    return ListCall("ELEMENTS", (value,), sql, type=Type(Base.JSON, (None,)), span=value.span)


def bind_between(node: nodes.Between, scope: Scope) -> Expr:
    value, low, high = (bind_expr(part, scope) for part in (node.value, node.low, node.high))
    value = listed(value, scope)
    inside = logic("AND", [compare(">=", value, low, node.span), compare("<=", value, high, node.span)], node.span)
    return logic("NOT", [inside], node.span) if node.negated else inside


def bind_in(node: nodes.InList, scope: Scope) -> Expr:
    inside = member(
        listed(bind_expr(node.value, scope), scope), [bind_expr(item, scope) for item in node.items], node.span
    )
    return logic("NOT", [inside], node.span) if node.negated else inside


def bind_is_null(node: nodes.IsNull, scope: Scope) -> Expr:
    value = bind_expr(node.value, scope)
    missing = is_missing(value, node.span)
    return logic("NOT", [missing], node.span) if node.negated else missing


def is_missing(value: Expr, span: Span) -> Expr:
    """One boolean per row: no value; for arrays no element; for JSON also ``{}`` and ``null``."""
    if value.type.base is Base.IMAGE and isinstance(value, Ref):
        value = image_part(value)
    if value.type.base is Base.JSON:
        sql = "({0} IS NULL OR json_type({0}) = 'NULL' OR CAST({0} AS VARCHAR) = '{{}}')"
    else:
        sql = "(len({0}) = 0)" if value.type.is_array else "({0} IS NULL)"
    return ListCall("IS NULL", (value,), sql, type=BOOL, span=span)


def image_part(value: Ref) -> Expr:
    """What tells whether there is an image: its URL, or its shape."""
    column = None if value.field.origin is None else value.field.origin.column
    if column is not None and column.url is not None:
        return Ref(value.field, "url", type=TEXT, span=value.span)
    if column is not None and column.shape is not None:
        return Ref(value.field, "shape", type=Type(Base.INT, (None,)), span=value.span)
    raise TQLUnsupportedError("nothing is recorded of these samples", kind="no-shapes", span=value.span)


def bind_like(node: nodes.Like, scope: Scope) -> Expr:
    value = bind_expr(node.value, scope)
    pattern, escape = folded(bind_expr(node.pattern, scope)), None
    if node.escape is not None:
        escape = folded(bind_expr(node.escape, scope))
    if value.type.base not in (Base.TEXT, Base.JSON, Base.NULL):
        raise TQLTypeError(
            f"LIKE works on text, and this is {value.type}",
            kind="like-needs-text",
            span=value.span,
            hint="contains(labels, 'trafic*') looks for class names by pattern"
            if value.type.classes is not None
            else "",
        )
    if pattern is None or not isinstance(pattern.value, str):
        raise TQLTypeError("the pattern of LIKE is a known text", kind="bad-pattern", span=node.pattern.span)
    regex = like_to_regex(pattern.value, str(escape.value) if escape else "", node.ignore_case, node.span)
    fits = matches(value, regex, node.span)
    return logic("NOT", [fits], node.span) if node.negated else fits


def matches(value: Expr, regex: str, span: Span) -> Expr:
    """Whether the whole of a text fits a regular expression, element by element."""
    dims, nested = common_shape([value], span)
    text = json_text(value) if value.type.base is Base.JSON else value
    known = Const(regex, type=TEXT, span=span)
    return Map(
        "LIKE", (text, known), "regexp_full_match({0}, {1}, 's')", type=Type(Base.BOOL, dims, nested=nested), span=span
    )


def json_text(value: Expr) -> Expr:
    """A JSON string as text; NULL where it is anything else."""
    sql = "CASE WHEN json_type({0}) = 'VARCHAR' THEN json_extract_string({0}, '$') END"
    return Map("JSON_TEXT", (value,), sql, True, type=TEXT, span=value.span)


def bind_case(node: nodes.Case, scope: Scope) -> Expr:
    operand = None if node.operand is None else bind_expr(node.operand, scope)
    whens: list[tuple[Expr, Expr]] = []
    for when in node.whens:
        test = bind_expr(when.condition, scope)
        test = truth(test) if operand is None else compare("=", operand, test, when.span)
        whens.append((test, bind_expr(when.result, scope)))
    other = (
        Const(None, type=Type(Base.NULL), span=node.span)
        if node.otherwise is None
        else bind_expr(node.otherwise, scope)
    )
    return choose(whens, other, node.span)


def choose(whens: list[tuple[Expr, Expr]], other: Expr, span: Span) -> Expr:
    results = [result for _, result in whens] + [other]
    dims, nested = common_shape([part for pair in whens for part in pair] + [other], span)
    base = common_base(results, span)
    return Choose(tuple(whens), other, type=Type(base, dims, nested=nested), span=span)


def common_base(values: list[Expr], span: Span) -> Base:
    """The element type that several alternatives share."""
    bases = {v.type.base for v in values} - {Base.NULL}
    if len(bases) <= 1:
        return next(iter(bases), Base.NULL)
    if bases <= {Base.BOOL, Base.INT, Base.FLOAT}:
        return Base.FLOAT if Base.FLOAT in bases else Base.INT
    found = " and ".join(sorted(b.value for b in bases))
    raise TQLTypeError(f"the results have different types: {found}", kind="mixed-types", span=span)


CASTS = {
    **dict.fromkeys(("INT", "INTEGER", "BIGINT", "INT64", "LONG"), (INT, "CAST({0} AS BIGINT)")),
    **dict.fromkeys(("FLOAT", "DOUBLE", "REAL", "FLOAT64"), (FLOAT, "CAST({0} AS DOUBLE)")),
    **dict.fromkeys(("BOOL", "BOOLEAN"), (BOOL, "CAST({0} AS BOOLEAN)")),
    **dict.fromkeys(("TEXT", "STRING", "VARCHAR", "CHAR", "STR"), (TEXT, "CAST({0} AS VARCHAR)")),
    "JSON": (JSON, "CAST({0} AS JSON)"),
}


def bind_cast(node: nodes.Cast, scope: Scope) -> Expr:
    value = bind_expr(node.value, scope)
    if node.type_name not in CASTS:
        raise TQLTypeError(
            f"there is no type {node.type_name}",
            kind="unknown-type",
            span=node.span,
            hint=f"the types are {', '.join(CASTS)}",
        )
    target, sql = CASTS[node.type_name]
    if value.type.base is Base.IMAGE:
        raise TQLTypeError("pixels cannot be cast", kind="pixels", span=node.span)
    if value.type.base is Base.FLOAT and target.base is Base.INT:
        sql = "TRY_CAST(trunc({0}) AS BIGINT)"
    elif value.type.base is Base.JSON and target.base is not Base.JSON:
        sql = sql.replace("{0}", "json_extract_string({0}, '$')").replace("CAST(", "TRY_CAST(", 1)
    elif value.type.base is Base.TEXT:
        sql = sql.replace("CAST(", "TRY_CAST(", 1)
    if value.type.classes is not None and target.base is Base.TEXT:
        return class_name_of(value, node.span)
    dims, nested = common_shape([value], node.span)
    return Map("CAST", (value,), sql, True, type=Type(target.base, dims, nested=nested), span=node.span)


def class_name_of(value: Expr, span: Span) -> Expr:
    """The class names of labels, as text."""
    names = Const(tuple(value.type.classes or ()), type=TEXT, span=span)
    dims, nested = common_shape([value], span)
    return Map(
        "CLASS_NAME", (value, names), "({1})[{0} + 1]", True, type=Type(Base.TEXT, dims, nested=nested), span=span
    )


# --- subscripts ------------------------------------------------------------------------------------------------------


def bind_subscript(node: nodes.Subscript, scope: Scope) -> Expr:
    value = bind_expr(node.value, scope)
    if value.type.nested and scope.grouping is not None:
        return per_cell(node, scope)
    if value.type.base is Base.JSON and not value.type.is_array:
        for item in node.items:
            value = json_item(value, item, scope)
        return value
    return pick(value, [subscript_item(item, scope) for item in node.items], node.span)


def json_item(value: Expr, item: nodes.Index | nodes.Slice, scope: Scope) -> Expr:
    if isinstance(item, nodes.Slice):
        raise TQLUnsupportedError("a JSON value is indexed by a key or a position", kind="json-slice", span=item.span)
    key = bind_expr(item.value, scope)
    if key.type.base not in (Base.TEXT, Base.INT) or key.type.is_array:
        raise TQLTypeError(f"a JSON key is text or an integer, and this is {key.type}", kind="bad-key", span=key.span)
    return JsonPick(value, key, type=JSON, span=item.span)


def subscript_item(item: nodes.Index | nodes.Slice, scope: Scope) -> At | Range:
    if isinstance(item, nodes.Index):
        index = bind_expr(item.value, scope)
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
    value = folded(bind_expr(node, scope))
    if value is None or not isinstance(value.value, int) or isinstance(value.value, bool):
        raise TQLTypeError("the bounds of a slice are known integers", kind="bad-slice", span=node.span)
    return value.value


def pick(value: Expr, items: list[At | Range], span: Span) -> Expr:
    """``value[items]``.

    Raises:
        TQLTypeError: there are more subscripts than axes, or the value is no array.
    """
    dims = value.type.dims
    if not value.type.is_array or value.type.base is Base.IMAGE:
        hint = "read pixels after the query: view.images[i].numpy()" if value.type.base is Base.IMAGE else ""
        raise TQLTypeError(f"{value.type} has no elements to pick", kind="not-an-array", span=span, hint=hint)
    if value.type.nested:
        return pick_cell(value, items, span)
    if dims is not None and len(items) > len(dims):
        raise TQLTypeError(
            f"{len(items)} subscripts were given for {value.type}, which has {len(dims)} axes",
            kind="too-many-subscripts",
            span=span,
        )
    left = None if dims is None else tuple(None for item in items if isinstance(item, Range)) + dims[len(items) :]
    type_ = Type(value.type.base, left, value.type.dtype, value.type.classes)
    return Pick(value, tuple(items), type=type_, span=span)


def per_cell(node: nodes.Expr, scope: Scope) -> Expr:
    """An expression of grouped columns that is taken of each cell before the group's list is made."""
    value = bind_expr(node, replace(scope, grouping=None))
    assert scope.grouping is not None, "asked of grouped selects only"
    member = scope.context.new_field("cells", grouped_type(value.type, node.span), grouped=True)
    scope.grouping.members[member.number] = (member, value)
    return Ref(member, type=member.type, span=node.span)


def pick_cell(value: Expr, items: list[At | Range], span: Span) -> Expr:
    raise TQLUnsupportedError(
        "a grouped column of arrays cannot be indexed",
        kind="nested-subscript",
        span=span,
        hint="ungroup by split first",
    )


# --- sub-queries -----------------------------------------------------------------------------------------------------


def bind_in_query(node: nodes.InQuery, scope: Scope) -> Expr:
    from .coerce import check_comparable

    value, query = bind_expr(node.value, scope), bind_inner(node.query, scope)
    if len(query.fields) != 1:
        raise TQLTypeError(
            f"IN needs a query of one column, and this one has {len(query.fields)}",
            kind="wrong-columns",
            span=node.query.span,
        )
    field = query.fields[0]
    check_comparable(value, Ref(field, type=field.type.element()), node.span)
    if value.type.is_array:
        raise TQLUnsupportedError(
            "IN (SELECT ...) needs one value on its left, not an array", kind="array-in-query", span=node.span
        )
    inside = InRelation(value, query, type=BOOL, span=node.span)
    return logic("NOT", [inside], node.span) if node.negated else inside


def bind_exists(node: nodes.Exists, scope: Scope) -> Expr:
    return ExistsRelation(bind_inner(node.query, scope), type=BOOL, span=node.span)


def bind_inner(query: nodes.Query, scope: Scope) -> BoundQuery:
    from .bind import bind_query

    return bind_query(query, scope.context, scope.tables, scope)


def bind_call(node: nodes.Call, scope: Scope) -> Expr:
    from .bind_calls import bind_call as call

    return call(node, scope)


BINDERS: dict[type, Callable[..., Expr]] = {
    nodes.Literal: lambda node, scope: const(node.value, node.span),
    nodes.ArrayLiteral: bind_array,
    nodes.Column: bind_column,
    nodes.Parameter: lambda node, scope: scope.context.parameter(node),
    nodes.Unary: bind_unary,
    nodes.Binary: bind_binary,
    nodes.Like: bind_like,
    nodes.InList: bind_in,
    nodes.InQuery: bind_in_query,
    nodes.Between: bind_between,
    nodes.IsNull: bind_is_null,
    nodes.Call: bind_call,
    nodes.Case: bind_case,
    nodes.Cast: bind_cast,
    nodes.Exists: bind_exists,
    nodes.Subscript: bind_subscript,
}
