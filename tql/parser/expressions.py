"""The grammar of expressions: precedence climbing over one table of levels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import ClassVar, NoReturn

from ..lexer import MAX_INTEGER
from ..nodes import (
    ArrayLiteral,
    Between,
    Binary,
    BinaryOp,
    Call,
    Case,
    Cast,
    Column,
    Exists,
    Expr,
    Index,
    InList,
    InQuery,
    IsNull,
    Like,
    Literal,
    Parameter,
    Query,
    Slice,
    Star,
    Subscript,
    Unary,
    Weighted,
    When,
)
from ..tokens import FLOAT, INTEGER, NAME_KINDS, QUOTED, STRING, Token
from .cursor import Cursor
from .height import MAX_DEPTH

OR, AND, NOT, EQUALITY, RELATION, NULLITY, SUM, PRODUCT, POWER, CONCAT, SIGN = range(1, 12)
"""How tightly operators bind, from loose to tight; subscripts bind tighter than all."""

BINARY: dict[str, tuple[int, BinaryOp]] = {
    "OR": (OR, "OR"),
    "AND": (AND, "AND"),
    "=": (EQUALITY, "="),
    "!=": (EQUALITY, "!="),
    "<": (RELATION, "<"),
    "<=": (RELATION, "<="),
    ">": (RELATION, ">"),
    ">=": (RELATION, ">="),
    "+": (SUM, "+"),
    "-": (SUM, "-"),
    "*": (PRODUCT, "*"),
    "/": (PRODUCT, "/"),
    "//": (PRODUCT, "//"),
    "%": (PRODUCT, "%"),
    "^": (POWER, "^"),
    "||": (CONCAT, "||"),
}
LEVELS = {word: level for word, (level, _) in BINARY.items()} | {
    "NOT": EQUALITY,  # only before one of NEGATABLE
    "LIKE": EQUALITY,
    "ILIKE": EQUALITY,
    "IN": EQUALITY,
    "BETWEEN": EQUALITY,
    "IS": NULLITY,
    "ISNULL": NULLITY,
}
NEGATABLE = ("LIKE", "ILIKE", "IN", "BETWEEN")
CHAINS_NOT = (EQUALITY, RELATION, NULLITY)
"""Levels whose operators do not follow each other: ``a = b = c`` is an error."""

LEANING = 64
"""Operands of an AND or OR chain up to which it leans left; a longer one is built balanced."""

CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


class ExpressionParser(Cursor, ABC):
    @abstractmethod
    def parse_query(self) -> Query:
        """A whole query; the grammar of queries is in `queries`."""

    def parse_expressions(self) -> tuple[Expr, ...]:
        """One or more, between commas."""
        found = [self.parse_expression()]
        while self.accept(","):
            found.append(self.parse_expression())
        return tuple(found)

    # --- operators, from loose to tight ------------------------------------------------------------------------------

    def parse_expression(self, floor: int = 0) -> Expr:
        """An operand and all the operators after it that bind tighter than `floor`."""
        start = self.token.start
        left, ceiling = self.parse_prefix(floor)
        while (level := LEVELS.get(self.token.kind, 0)) > floor:
            if level > ceiling:
                self.fail_chain(level)
            left = self.parse_infix(start, left, level)
            ceiling = level - 1 if level in CHAINS_NOT else level
        return left

    def parse_prefix(self, floor: int) -> tuple[Expr, int]:
        """NOTs, signs and the operand; with the tightest level of operator that may follow."""
        if self.token.kind == "NOT":
            if floor >= NOT:
                self.fail("an expression")
            return self.parse_not(), NOT
        if self.token.kind in ("-", "+"):
            return self.parse_signed(), SIGN
        return self.parse_postfix(), SIGN

    def parse_infix(self, start: int, left: Expr, level: int) -> Expr:
        """The operator at the cursor and what stands to its right."""
        kind = self.token.kind
        if kind in ("OR", "AND"):
            return self.parse_chain(left, level)
        if kind in BINARY:
            self.advance()
            right = self.parse_expression(level)
            return Binary(BINARY[kind][1], left, right, span=self.span_from(start))
        if level == NULLITY:
            return self.parse_null_test(start, left)
        return self.parse_predicate(start, left)

    def fail_chain(self, level: int) -> NoReturn:
        """Raise for an operator that may not follow the one before it."""
        hint = "put what stands before it in parentheses"
        if level in (EQUALITY, RELATION):
            hint = "comparisons do not chain: write a < b AND b < c, or use parentheses"
        self.fail("AND, OR or the end of the expression", hint)

    def parse_chain(self, first: Expr, level: int) -> Expr:
        """The operands of ANDs or of ORs in a row."""
        kind = self.token.kind
        operands = [first]
        while self.accept(kind):
            operands.append(self.parse_expression(level))
        return chained(BINARY[kind][1], operands)

    def parse_not(self) -> Expr:
        starts: list[int] = []
        while self.token.kind == "NOT":
            starts.append(self.token.start)
            self.refuse_deep(self.token, len(starts))
            self.advance()
        operand = self.parse_expression(NOT)
        for start in reversed(starts):
            operand = Unary("NOT", operand, span=self.span_from(start))
        return operand

    def parse_predicate(self, start: int, value: Expr) -> Expr:
        """``[NOT] LIKE | ILIKE | IN | BETWEEN`` and its right side."""
        negated = self.accept("NOT")
        kind = self.token.kind
        if kind not in NEGATABLE:
            self.fail("IN, LIKE, ILIKE or BETWEEN after NOT")
        self.advance()
        if kind == "IN":
            return self.parse_in(start, value, negated)
        first = self.parse_expression(EQUALITY)
        if kind == "BETWEEN":
            self.expect("AND")
            high = self.parse_expression(EQUALITY)
            return Between(value, first, high, negated, span=self.span_from(start))
        escape = self.parse_expression(EQUALITY) if self.accept("ESCAPE") else None
        return Like(value, first, escape, negated, kind == "ILIKE", span=self.span_from(start))

    def parse_in(self, start: int, value: Expr, negated: bool) -> InList | InQuery:
        """The right side of IN: a list, version 3's ``ARRAY[...]``, or a sub-query."""
        if self.accept("ARRAY"):
            items: tuple[Expr, ...] | Query = self.bracketed("[", "]", self.parse_expressions)
        elif self.peek("("):
            items = self.bracketed("(", ")", self.parse_in_list)
        else:
            self.fail("a list in parentheses after IN", self.in_hint())
        if isinstance(items, Query):
            return InQuery(value, items, negated, span=self.span_from(start))
        return InList(value, items, negated, span=self.span_from(start))

    def parse_in_list(self) -> tuple[Expr, ...] | Query:
        if self.peek_query():
            return self.parse_query()
        if self.peek(")"):
            self.fail("at least one value", "nothing is IN an empty list")
        return self.parse_expressions()

    def in_hint(self) -> str:
        if self.token.kind in NAME_KINDS:
            return "to ask whether a column holds a value write CONTAINS(column, value)"
        return "write IN (1, 2, 3)"

    def peek_query(self) -> bool:
        """Does a query start here, perhaps behind parentheses?"""
        # No further than the nesting may go: each of a million parentheses would look at all that follow it.
        for token in self.tokens[self.position : self.position + MAX_DEPTH]:
            if token.kind != "(":
                return token.kind in ("SELECT", "WITH")
        return False

    def parse_null_test(self, start: int, value: Expr) -> IsNull:
        if self.accept("ISNULL"):
            return IsNull(value, span=self.span_from(start))
        self.expect("IS")
        negated = self.accept("NOT")
        if not self.peek("NULL"):
            self.fail("NULL after IS", "IS only tests for NULL; to compare values write =")
        self.advance()
        return IsNull(value, negated, span=self.span_from(start))

    def parse_signed(self) -> Expr:
        """Signs in a row and their operand; the minus before a bare number is part of the number."""
        signs: list[Token] = []
        while self.token.kind in ("-", "+"):
            signs.append(self.token)
            self.refuse_deep(self.token, len(signs))
            self.advance()
        if signs[-1].kind == "-" and self.peek(INTEGER, FLOAT) and self.peek_next().kind != "[":
            operand: Expr = Literal(-self.advance().value, span=self.span_from(signs.pop().start))  # type: ignore[operator]
        else:
            operand = self.parse_postfix()
        for sign in reversed(signs):
            operand = Unary("-" if sign.kind == "-" else "+", operand, span=self.span_from(sign.start))
        return operand

    # --- subscripts --------------------------------------------------------------------------------------------------

    def parse_postfix(self) -> Expr:
        start = self.token.start
        value = self.parse_primary()
        while self.token.kind == "[":
            items = self.bracketed("[", "]", self.parse_subscripts)
            value = Subscript(value, items, span=self.span_from(start))
        return value

    def parse_subscripts(self) -> tuple[Index | Slice, ...]:
        found = [self.parse_subscript()]
        while self.accept(","):
            found.append(self.parse_subscript())
        return tuple(found)

    def parse_subscript(self) -> Index | Slice:
        """An index, or a slice, whose colons come before those of parameters: ``x[:n]`` ends at column n."""
        start = self.token.start
        first = None if self.peek(":") else self.parse_expression()
        if not self.peek(":"):
            return Index(first, span=self.span_from(start)) if first is not None else self.fail("an index")
        self.advance()
        stop = self.maybe_bound()
        step = self.maybe_bound() if self.accept(":") else None
        return Slice(first, stop, step, span=self.span_from(start))

    def maybe_bound(self) -> Expr | None:
        return None if self.peek(":", ",", "]") else self.parse_expression()

    # --- operands ----------------------------------------------------------------------------------------------------

    def parse_primary(self) -> Expr:
        kind = self.token.kind
        if kind in NAME_KINDS:
            return self.parse_name()
        if kind in (STRING, FLOAT, INTEGER) or kind in CONSTANTS:
            return self.parse_literal()
        if kind == "(":
            return self.parse_parenthesis()
        if kind in ("?", ":"):
            return self.parse_parameter()
        if kind not in self.keyword_operands:
            self.fail("an expression")
        return self.keyword_operands[kind](self)

    def parse_name(self) -> Column | Call:
        """A column, a column of a source, or a function call."""
        name = self.advance()
        if name.kind != QUOTED and self.peek("("):
            return self.parse_call(name)
        if not self.accept("."):
            return Column(str(name.value), span=name.span)
        column = self.expect_name("a column after the dot")
        if self.peek("."):
            self.fail(
                "one dot at most",
                "a tensor in a group is written \"group/tensor\", a key of a JSON column column['key']",
            )
        return Column(column, str(name.value), span=self.span_from(name.start))

    def parse_call(self, name: Token) -> Call:
        args, distinct = self.bracketed("(", ")", self.parse_arguments)
        return Call(upper(str(name.value)), args, distinct, span=self.span_from(name.start))

    def parse_arguments(self) -> tuple[tuple[Expr | Star | Weighted, ...], bool]:
        """``*``, expressions perhaps behind DISTINCT, or weighted conditions; with whether DISTINCT was there."""
        if self.peek(")"):
            return (), False
        if self.peek("*"):
            return (Star(span=self.advance().span),), False
        if self.accept("DISTINCT"):
            return self.parse_expressions(), True
        first = self.parse_argument()
        args = [first]
        while self.accept(","):
            args.append(self.parse_weighted() if isinstance(first, Weighted) else self.parse_expression())
        return tuple(args), False

    def parse_argument(self) -> Expr | Weighted:
        start = self.token.start
        value = self.parse_expression()
        return self.parse_weight(start, value) if self.peek(":") else value

    def parse_weighted(self) -> Weighted:
        start = self.token.start
        return self.parse_weight(start, self.parse_expression())

    def parse_weight(self, start: int, condition: Expr) -> Weighted:
        if not self.accept(":"):
            self.fail('":" and a weight', "either all arguments have weights or none has")
        weight = self.parse_expression()
        return Weighted(condition, weight, span=self.span_from(start))

    def parse_literal(self) -> Literal:
        token = self.token
        if token.kind == INTEGER and token.value == MAX_INTEGER:
            self.refuse(
                "this integer does not fit into 64 bits", f"the largest is {MAX_INTEGER - 1}", kind="number-too-large"
            )
        self.advance()
        return Literal(CONSTANTS.get(token.kind, token.value), span=token.span)

    def parse_parenthesis(self) -> Expr:
        if self.peek_query():
            self.refuse(
                "expected an expression, found a sub-query",
                "a sub-query stands in FROM, after IN, and in EXISTS",
                kind="scalar-sub-query",
            )
        return self.bracketed("(", ")", self.parse_expression)

    def parse_parameter(self) -> Parameter:
        """``?``, counted from 0 in the order of the text, or ``:name``."""
        start = self.token.start
        if self.accept("?"):
            self.parameters += 1
            return Parameter(None, self.parameters - 1, span=self.span_from(start))
        self.expect(":")
        if self.token.kind not in NAME_KINDS or self.token.kind == QUOTED:
            self.fail("the name of a parameter after the colon")
        return Parameter(str(self.advance().value), -1, span=self.span_from(start))

    def parse_array(self) -> ArrayLiteral:
        """``ARRAY[1, 2]``; ARRAY need not be repeated inside: ``ARRAY[[1, 2], [3, 4]]``."""
        start = self.token.start
        self.accept("ARRAY")
        items = self.bracketed("[", "]", self.parse_array_items)
        return ArrayLiteral(items, span=self.span_from(start))

    def parse_array_items(self) -> tuple[Expr, ...]:
        if self.peek("]"):
            return ()
        items = [self.parse_array_item()]
        while self.accept(","):
            items.append(self.parse_array_item())
        return tuple(items)

    def parse_array_item(self) -> Expr:
        return self.parse_array() if self.peek("[") else self.parse_expression()

    def parse_case(self) -> Case:
        case = self.expect("CASE")
        return self.nested(case, lambda: self.parse_case_body(case))

    def parse_case_body(self, case: Token) -> Case:
        operand = None if self.peek("WHEN") else self.parse_expression()
        whens = [self.parse_when()]
        while self.peek("WHEN"):
            whens.append(self.parse_when())
        otherwise = self.parse_expression() if self.accept("ELSE") else None
        if not self.accept("END"):
            self.fail("WHEN, ELSE or END" if otherwise is None else "END", "a CASE ends with END")
        return Case(operand, tuple(whens), otherwise, span=self.span_from(case.start))

    def parse_when(self) -> When:
        start = self.expect("WHEN").start
        condition = self.parse_expression()
        self.expect("THEN")
        result = self.parse_expression()
        return When(condition, result, span=self.span_from(start))

    def parse_cast(self) -> Cast:
        start = self.expect("CAST").start
        value, type_name = self.bracketed("(", ")", self.parse_cast_body)
        return Cast(value, type_name, span=self.span_from(start))

    def parse_cast_body(self) -> tuple[Expr, str]:
        value = self.parse_expression()
        self.expect("AS")
        if self.token.kind == QUOTED:
            self.fail("the name of a type", "a type is a bare word, as in CAST(x AS INT)")
        return value, upper(self.expect_name("the name of a type"))

    def parse_exists(self) -> Exists:
        start = self.expect("EXISTS").start
        if self.peek("(") and not self.peek_query():
            self.advance()
            self.fail("a sub-query", "EXISTS asks whether a query has rows: EXISTS (SELECT ...)")
        return Exists(self.bracketed("(", ")", self.parse_query), span=self.span_from(start))

    def parse_all(self) -> Call:
        """ALL is reserved but for the function of that name."""
        name = self.advance()
        if not self.peek("("):
            self.fail('"(" after ALL', f'a column of that name is written "{name.value}"')
        return self.parse_call(name)

    keyword_operands: ClassVar[dict[str, Callable[[ExpressionParser], Expr]]] = {
        "ALL": parse_all,
        "ARRAY": parse_array,
        "CASE": parse_case,
        "CAST": parse_cast,
        "EXISTS": parse_exists,
    }


def chained(op: BinaryOp, operands: Sequence[Expr]) -> Expr:
    """One tree of `op` over the operands in their order; as AND and OR are associative, a long one may be balanced."""
    if len(operands) > LEANING:
        middle = len(operands) // 2
        return joined(op, chained(op, operands[:middle]), chained(op, operands[middle:]))
    tree = operands[0]
    for operand in operands[1:]:
        tree = joined(op, tree, operand)
    return tree


def joined(op: BinaryOp, left: Expr, right: Expr) -> Binary:
    return Binary(op, left, right, span=left.span.to(right.span))


_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)


def upper(name: str) -> str:
    """Upper case of the ASCII letters alone: others may turn into several characters, some not allowed in a name."""
    return name.translate(_UPPER)
