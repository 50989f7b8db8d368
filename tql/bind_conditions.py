"""Conditions: reduced to one boolean per row at the top of WHERE; BETWEEN, IN, IS NULL, LIKE and sub-queries."""

from __future__ import annotations

from dataclasses import replace

from . import nodes
from .bound import BOOL, JSON, TEXT, Base, Const, ExistsRelation, Expr, InRelation, ListCall, Map, Ref, Type
from .coerce import check_comparable, common_shape, compare, condition, folded, logic, member
from .errors import TQLTypeError, TQLUnsupportedError
from .like import SQL_LIKE, like_to_regex, plain_like
from .scope import Scope
from .source import Span


def bind_condition(node: nodes.Expr, scope: Scope) -> Expr:
    """`node` as one boolean per row: each operand of AND, OR and NOT is reduced by ALL_STRICT on its own."""
    match node:
        case nodes.Binary(op="AND" | "OR"):
            return logic(node.op, [bind_condition(part, scope) for part in flattened(node)], node.span)
        case nodes.Unary(op="NOT"):
            return logic("NOT", [bind_condition(node.operand, scope)], node.span)
        case _:
            return condition(scope.bind(node))


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
    value, low, high = (scope.bind(part) for part in (node.value, node.low, node.high))
    value = listed(value, scope)
    inside = logic("AND", [compare(">=", value, low, node.span), compare("<=", value, high, node.span)], node.span)
    return logic("NOT", [inside], node.span) if node.negated else inside


def bind_in(node: nodes.InList, scope: Scope) -> Expr:
    inside = member(listed(scope.bind(node.value), scope), [scope.bind(item) for item in node.items], node.span)
    return logic("NOT", [inside], node.span) if node.negated else inside


def bind_is_null(node: nodes.IsNull, scope: Scope) -> Expr:
    value = scope.bind(node.value)
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
    value = scope.bind(node.value)
    pattern, escape = folded(scope.bind(node.pattern)), None
    if node.escape is not None:
        escape = folded(scope.bind(node.escape))
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
    mark = str(escape.value) if escape else ""
    regex = like_to_regex(pattern.value, mark, node.ignore_case, node.span)
    plain = plain_like(pattern.value, mark, node.ignore_case)
    fits = matches(value, regex, node.span) if plain is None else matches(value, plain, node.span, SQL_LIKE)
    return logic("NOT", [fits], node.span) if node.negated else fits


def matches(value: Expr, pattern: str, span: Span, sql: str = "regexp_full_match({0}, {1}, 's')") -> Expr:
    """Whether the whole of a text fits a regular expression (or what `sql` takes), element by element."""
    dims, nested = common_shape([value], span)
    text = json_text(value) if value.type.base is Base.JSON else value
    known = Const(pattern, type=TEXT, span=span)
    return Map("LIKE", (text, known), f"({sql})", type=Type(Base.BOOL, dims, nested=nested), span=span)


def json_text(value: Expr) -> Expr:
    """A JSON string as text; NULL where it is anything else."""
    sql = "CASE WHEN json_type({0}) = 'VARCHAR' THEN json_extract_string({0}, '$') END"
    type_ = Type(Base.TEXT, value.type.dims, nested=value.type.nested)
    return Map("JSON_TEXT", (value,), sql, True, type=type_, span=value.span)


# --- sub-queries -----------------------------------------------------------------------------------------------------


def bind_in_query(node: nodes.InQuery, scope: Scope) -> Expr:
    value, query = scope.bind(node.value), scope.bind_query(node.query)
    if len(query.fields) != 1:
        raise TQLTypeError(
            f"IN needs a query of one column, and this one has {len(query.fields)}",
            kind="wrong-columns",
            span=node.query.span,
        )
    field = query.fields[0]
    check_comparable(value, Ref(field, type=field.type.element()), node.span)
    for type_, place in ((value.type, "on its left"), (field.type, "in each row of its query")):
        if type_.is_array:
            raise TQLUnsupportedError(
                f"IN (SELECT ...) needs one value {place}, and this is {type_}",
                kind="array-in-query",
                span=node.span,
                hint="take one of each cell: x[0], max(x)",
            )
    inside = InRelation(value, query, type=BOOL, span=node.span)
    return logic("NOT", [inside], node.span) if node.negated else inside


def bind_exists(node: nodes.Exists, scope: Scope) -> Expr:
    return ExistsRelation(scope.bind_query(named_literals(node.query)), type=BOOL, span=node.span)


def named_literals(body: nodes.Body) -> nodes.Body:
    """``SELECT 1`` with a name, which inside EXISTS nobody sees."""
    if isinstance(body, nodes.Query):
        return replace(body, body=named_literals(body.body))
    if not isinstance(body, nodes.Select):
        return body
    items = (
        replace(item, alias=f"_{number}") if isinstance(item.value, nodes.Literal) and item.alias is None else item
        for number, item in enumerate(body.items)
    )
    return replace(body, items=tuple(items))
