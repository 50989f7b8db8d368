"""The grammar of operands: names, literals, calls, parentheses, and what keywords start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from string import ascii_lowercase, ascii_uppercase
from typing import ClassVar

from ..lexer import MAX_INTEGER
from ..nodes import (
    ArrayLiteral,
    Call,
    Case,
    Cast,
    Column,
    Exists,
    Expr,
    Literal,
    Parameter,
    Query,
    Star,
    Weighted,
    When,
)
from ..tokens import FLOAT, INTEGER, NAME_KINDS, QUOTED, STRING, Token
from .cursor import Cursor
from .height import MAX_DEPTH

CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


class OperandParser(Cursor, ABC):
    @abstractmethod
    def parse_query(self) -> Query:
        """A whole query; the grammar of queries is in `queries`."""

    @abstractmethod
    def parse_expression(self) -> Expr:
        """Operands with operators between them; their grammar is in `expressions`."""

    def parse_expressions(self) -> tuple[Expr, ...]:
        return self.listed(self.parse_expression)

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
        return () if self.peek("]") else self.listed(self.parse_array_item)

    def parse_array_item(self) -> Expr:
        if self.peek("["):
            return self.parse_array()
        item = None if self.peek(":") and self.peek_next().kind not in NAME_KINDS else self.parse_expression()
        if item is None or self.peek(":"):
            self.fail(
                "a value" if item is None else '"]"',
                'a constant array has no slices; a column of that name is written "array"',
            )
        return item

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

    def peek_query(self) -> bool:
        """Does a query start here, perhaps behind parentheses?"""
        # No further than the nesting may go: each of a million parentheses would look at all that follow it.
        for token in self.tokens[self.position : self.position + MAX_DEPTH]:
            if token.kind != "(":
                return token.kind in ("SELECT", "WITH")
        return False

    keyword_operands: ClassVar[dict[str, Callable[[OperandParser], Expr]]] = {
        "ALL": parse_all,
        "ARRAY": parse_array,
        "CASE": parse_case,
        "CAST": parse_cast,
        "EXISTS": parse_exists,
    }


_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)


def upper(name: str) -> str:
    """Upper case of the ASCII letters alone: others may turn into several characters, some not allowed in a name."""
    return name.translate(_UPPER)
