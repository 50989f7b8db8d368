"""The grammar of operators and subscripts: precedence climbing over the table of levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from ..levels import BINARY, CHAINS_NOT, EQUALITY, LEVELS, NEGATABLE, NOT, NULLITY, RELATION, SIGN
from ..nodes import (
    Between,
    Binary,
    BinaryOp,
    Expr,
    Index,
    InList,
    InQuery,
    IsNull,
    Like,
    Literal,
    Query,
    Slice,
    Subscript,
    Unary,
)
from ..tokens import FLOAT, INTEGER, NAME_KINDS, Token
from .operands import OperandParser

LEANING = 64
"""Operands of an AND or OR chain up to which it leans left; a longer one is built balanced."""


class ExpressionParser(OperandParser):
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
        return self.listed(self.parse_subscript)

    def parse_subscript(self) -> Index | Slice:
        """An index, or a slice, whose colons come before those of parameters: ``x[:n]`` ends at column n."""
        start = self.token.start
        first: Expr | None = None
        if not self.accept(":"):
            first = self.parse_expression()
            if not self.accept(":"):
                return Index(first, span=self.span_from(start))
        stop = self.maybe_bound()
        step = self.maybe_bound() if self.accept(":") else None
        return Slice(first, stop, step, span=self.span_from(start))

    def maybe_bound(self) -> Expr | None:
        return None if self.peek(":", ",", "]") else self.parse_expression()


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
