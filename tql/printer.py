"""Tree to text in one canonical spelling: parsing the text of a parsed tree gives the same tree.

Every node is spelt as a flat list of pieces, strings and nodes; a loop unfolds them, so the height of a tree costs no
stack. Parentheses stand only where the levels of operators ask for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import nodes
from .levels import BINARY, CHAINS_NOT, EQUALITY, NOT, NULLITY, SIGN
from .tokens import RESERVED, keyword_kind

Pieces = list["str | nodes.Node"]

OPERAND = SIGN + 1
"""The level of what needs no parentheses anywhere."""

_BARE = re.compile(r"[^\W\d]\w*")


def to_text(tree: nodes.Node) -> str:
    """The canonical text of a tree or of a part of one.

    >>> from lakebed.tql import parse
    >>> to_text(parse("select * where (a == 1) and not (b < 2) limit 5"))
    'SELECT * WHERE a = 1 AND NOT b < 2 LIMIT 5'
    """
    text: list[str] = []
    pending: Pieces = [tree]
    while pending:
        piece = pending.pop()
        if isinstance(piece, str):
            text.append(piece)
        else:
            pending += reversed(SPELLINGS[type(piece)](piece))
    return "".join(text)


def name_text(name: str) -> str:
    """A name as it is written in a query: bare where it can be, else in double quotes.

    >>> name_text("boxes"), name_text("my column"), name_text("order")
    ('boxes', '"my column"', '"order"')
    """
    if _BARE.fullmatch(name) and keyword_kind(name) not in RESERVED:
        return name
    return quoted(name)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def string_text(value: str) -> str:
    """A string literal.

    >>> string_text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


# --- pieces --------------------------------------------------------------------------------------------------------


def listed(items: Iterable[nodes.Node]) -> Pieces:
    """The items with commas between them."""
    pieces: Pieces = []
    for item in items:
        pieces += [", ", item]
    return pieces[1:]


def within(level: int, value: nodes.Node) -> Pieces:
    """An operand, in parentheses if it binds looser than `level`."""
    return [value] if level_of(value) >= level else ["(", value, ")"]


def level_of(value: nodes.Node) -> int:
    match value:
        case nodes.Binary(op):
            return BINARY[op][0]
        case nodes.Unary(op):
            return NOT if op == "NOT" else SIGN
        case nodes.Literal(int() | float() as number) if str(number).startswith("-"):
            return SIGN
        case nodes.Like() | nodes.InList() | nodes.InQuery() | nodes.Between():
            return EQUALITY
        case nodes.IsNull():
            return NULLITY
    return OPERAND


def optional(word: str, value: nodes.Node | None) -> Pieces:
    return [] if value is None else [word, value]


def alias_of(name: str | None) -> Pieces:
    return [] if name is None else [f" AS {name_text(name)}"]


# --- operators -----------------------------------------------------------------------------------------------------


def spell_binary(node: nodes.Binary) -> Pieces:
    level = BINARY[node.op][0]
    left = within(level + 1 if level in CHAINS_NOT else level, node.left)
    return [*left, f" {node.op} ", *within(level + 1, node.right)]


def spell_unary(node: nodes.Unary) -> Pieces:
    if node.op == "NOT":
        return ["NOT ", *within(NOT, node.operand)]
    if isinstance(node.operand, nodes.Literal) and node.op == "-":
        return ["-(", node.operand, ")"]  # without parentheses the minus would become part of the number
    return [node.op, *within(OPERAND, node.operand)]


def spell_like(node: nodes.Like) -> Pieces:
    word = "ILIKE" if node.ignore_case else "LIKE"
    pieces = predicate(node.value, word, node.negated) + within(EQUALITY + 1, node.pattern)
    return pieces if node.escape is None else [*pieces, " ESCAPE ", *within(EQUALITY + 1, node.escape)]


def spell_between(node: nodes.Between) -> Pieces:
    low, high = within(EQUALITY + 1, node.low), within(EQUALITY + 1, node.high)
    return [*predicate(node.value, "BETWEEN", node.negated), *low, " AND ", *high]


def spell_in_list(node: nodes.InList) -> Pieces:
    return [*predicate(node.value, "IN", node.negated), "(", *listed(node.items), ")"]


def spell_in_query(node: nodes.InQuery) -> Pieces:
    return [*predicate(node.value, "IN", node.negated), "(", node.query, ")"]


def predicate(value: nodes.Expr, word: str, negated: bool) -> Pieces:
    return [*within(EQUALITY + 1, value), f" NOT {word} " if negated else f" {word} "]


def spell_is_null(node: nodes.IsNull) -> Pieces:
    return [*within(NULLITY + 1, node.value), " IS NOT NULL" if node.negated else " IS NULL"]


# --- operands ------------------------------------------------------------------------------------------------------


def spell_literal(node: nodes.Literal) -> Pieces:
    if isinstance(node.value, str):
        return [string_text(node.value)]
    constants = {None: "NULL", True: "TRUE", False: "FALSE"}
    return [constants[node.value] if node.value is None or isinstance(node.value, bool) else repr(node.value)]


def spell_array(node: nodes.ArrayLiteral) -> Pieces:
    return ["ARRAY[", *listed(node.items), "]"]


def spell_column(node: nodes.Column) -> Pieces:
    source = "" if node.source is None else name_text(node.source) + "."
    return [source + name_text(node.name)]


def spell_star(node: nodes.Star) -> Pieces:
    return ["*" if node.source is None else f"{name_text(node.source)}.*"]


def spell_parameter(node: nodes.Parameter) -> Pieces:
    return ["?" if node.name is None else f":{node.name}"]


def spell_call(node: nodes.Call) -> Pieces:
    return [f"{node.name}(", "DISTINCT " if node.distinct else "", *listed(node.args), ")"]


def spell_weighted(node: nodes.Weighted) -> Pieces:
    return [node.condition, ": ", node.weight]


def spell_case(node: nodes.Case) -> Pieces:
    return ["CASE", *optional(" ", node.operand), *node.whens, *optional(" ELSE ", node.otherwise), " END"]


def spell_when(node: nodes.When) -> Pieces:
    return [" WHEN ", node.condition, " THEN ", node.result]


def spell_cast(node: nodes.Cast) -> Pieces:
    return ["CAST(", node.value, f" AS {node.type_name})"]


def spell_exists(node: nodes.Exists) -> Pieces:
    return ["EXISTS (", node.query, ")"]


def spell_subscript(node: nodes.Subscript) -> Pieces:
    return [*within(OPERAND, node.value), "[", *listed(node.items), "]"]


def spell_index(node: nodes.Index) -> Pieces:
    return bound(node.value)


def spell_slice(node: nodes.Slice) -> Pieces:
    step = [] if node.step is None else [":", *bound(node.step)]
    return [*bound(node.start), ":", *bound(node.stop), *step]


def bound(value: nodes.Expr | None) -> Pieces:
    """A part of a subscript; the colon of a parameter at its start would be read as that of a slice."""
    if value is None:
        return []
    first: nodes.Node = value
    while isinstance(first, LEFT_FIRST):
        first = next(first.children())
    return ["(", value, ")"] if isinstance(first, nodes.Parameter) else [value]


LEFT_FIRST = (
    nodes.Binary,
    nodes.Like,
    nodes.InList,
    nodes.InQuery,
    nodes.Between,
    nodes.IsNull,
    nodes.Subscript,
)
"""Nodes whose text starts with that of their first child."""

# --- queries -------------------------------------------------------------------------------------------------------


def spell_query(node: nodes.Query) -> Pieces:
    pieces: Pieces = ["WITH ", *listed(node.with_tables), " "] if node.with_tables else []
    pieces += ["(", node.body, ")"] if isinstance(node.body, nodes.Query) else [node.body]
    if node.order_by:
        pieces += [" ORDER BY ", *listed(node.order_by)]
    limits = [optional(" ", node.limit), optional(" OFFSET ", node.offset)]
    if first_parameter(node.offset) < first_parameter(node.limit):
        limits.reverse()  # parameters are counted in the order of the text
    return [*pieces, *limits[0], *limits[1], *optional(" SAMPLE BY ", node.sample)]


def first_parameter(tree: nodes.Node | None) -> float:
    """The lowest index of a ``?`` in the tree, infinite where there is none."""
    if tree is None:
        return float("inf")
    indices = (node.index for node in tree.walk() if isinstance(node, nodes.Parameter) and node.name is None)
    return min(indices, default=float("inf"))


def spell_common_table(node: nodes.CommonTable) -> Pieces:
    return [f"{name_text(node.name)} AS (", node.query, ")"]


def spell_set_operation(node: nodes.SetOperation) -> Pieces:
    operator = f" {node.op} ALL " if node.all else f" {node.op} "
    left: Pieces = [node.left] if isinstance(node.left, nodes.SetOperation) else branch(node.left)
    return [*left, operator, *branch(node.right)]


def branch(body: nodes.Body) -> Pieces:
    return [body] if isinstance(body, nodes.Select) else ["(", body, ")"]


def spell_select(node: nodes.Select) -> Pieces:
    pieces: Pieces = ["SELECT ", "DISTINCT " if node.distinct else ""]
    if node.distinct_on:
        pieces += ["ON (", *listed(node.distinct_on), ") "]
    pieces += listed(node.items)
    pieces += optional(" FROM ", node.source)
    pieces += optional(" WHERE ", node.where)
    pieces += optional(" EXPAND BY ", node.expand)
    if node.group_by:
        pieces += [" GROUP BY ", *listed(node.group_by)]
    pieces += optional(" HAVING ", node.having)
    pieces += [f" ACROSS {node.across}"] if node.across else []
    return [*pieces, *optional(" UNGROUP BY ", node.ungroup)]


def spell_select_item(node: nodes.SelectItem) -> Pieces:
    return [node.value, *alias_of(node.alias)]


def spell_dataset(node: nodes.DatasetSource) -> Pieces:
    path = quoted(node.path) if node.quoted else name_text(node.path)
    version = "" if node.version is None else f" VERSION {string_text(node.version)}"
    return [path + version, *alias_of(node.alias)]


def spell_query_source(node: nodes.QuerySource) -> Pieces:
    return ["(", node.query, ")", *alias_of(node.alias)]


def spell_join(node: nodes.Join) -> Pieces:
    using = f" USING ({', '.join(map(name_text, node.using))})" if node.using else ""
    return [node.left, f" {node.kind} JOIN ", node.right, using, *optional(" ON ", node.on)]


def spell_expand(node: nodes.Expand) -> Pieces:
    overlap = " OVERLAP TRUE" if node.overlap else ""
    return [node.before, *optional(" ", node.after), overlap, *alias_of(node.alias)]


def spell_ungroup(node: nodes.Ungroup) -> Pieces:
    if node.by is None:
        return ["SPLIT"]
    alone = isinstance(node.by, nodes.Column) and node.by.source is None and keyword_kind(node.by.name) == "SPLIT"
    return ["(", node.by, ")"] if alone else [node.by]  # alone, the column would be taken for the keyword


def spell_order_item(node: nodes.OrderItem) -> Pieces:
    nulls = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}[node.nulls_first]
    return [node.value, " DESC" if node.descending else "", nulls]


def spell_limit(node: nodes.Limit) -> Pieces:
    return ["LIMIT ", node.count or "ALL", " PERCENT" if node.percent else ""]


def spell_sample(node: nodes.SampleBy) -> Pieces:
    return [node.weight, "" if node.replace else " REPLACE FALSE", *optional(" ", node.limit)]


SPELLINGS: dict[type[nodes.Node], Callable[[Any], Sequence[str | nodes.Node]]] = {
    nodes.Binary: spell_binary,
    nodes.Unary: spell_unary,
    nodes.Like: spell_like,
    nodes.Between: spell_between,
    nodes.InList: spell_in_list,
    nodes.InQuery: spell_in_query,
    nodes.IsNull: spell_is_null,
    nodes.Literal: spell_literal,
    nodes.ArrayLiteral: spell_array,
    nodes.Column: spell_column,
    nodes.Star: spell_star,
    nodes.Parameter: spell_parameter,
    nodes.Call: spell_call,
    nodes.Weighted: spell_weighted,
    nodes.Case: spell_case,
    nodes.When: spell_when,
    nodes.Cast: spell_cast,
    nodes.Exists: spell_exists,
    nodes.Subscript: spell_subscript,
    nodes.Index: spell_index,
    nodes.Slice: spell_slice,
    nodes.Query: spell_query,
    nodes.CommonTable: spell_common_table,
    nodes.SetOperation: spell_set_operation,
    nodes.Select: spell_select,
    nodes.SelectItem: spell_select_item,
    nodes.DatasetSource: spell_dataset,
    nodes.QuerySource: spell_query_source,
    nodes.Join: spell_join,
    nodes.Expand: spell_expand,
    nodes.Ungroup: spell_ungroup,
    nodes.OrderItem: spell_order_item,
    nodes.Limit: spell_limit,
    nodes.SampleBy: spell_sample,
}
