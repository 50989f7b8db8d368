"""The grammar of queries: clauses in the order in which they are written."""

from __future__ import annotations

from typing import Literal as OneOf

from ..levels import LEVELS
from ..nodes import (
    Body,
    CommonTable,
    DatasetSource,
    Expand,
    Expr,
    Join,
    JoinKind,
    Limit,
    OrderItem,
    Query,
    QuerySource,
    SampleBy,
    Select,
    SelectItem,
    SetOperation,
    SetOperator,
    Source,
    Star,
    Ungroup,
)
from ..tokens import ALIAS_KINDS, END, INTEGER, NAME_KINDS, QUOTED, STRING
from .expressions import ExpressionParser
from .hints import hint_for_statement

SET_OPERATORS: dict[str, SetOperator] = {"UNION": "UNION", "INTERSECT": "INTERSECT", "EXCEPT": "EXCEPT"}
OUTER_JOINS: dict[str, JoinKind] = {"LEFT": "LEFT", "RIGHT": "RIGHT", "FULL": "FULL", "OUTER": "FULL"}
AFTER_OPERAND = frozenset(LEVELS) | {"[", ".", "("}
"""Tokens that make an expression of the name before them."""
DIMENSIONS: dict[str, OneOf["TIME", "SPACE"]] = {"TIME": "TIME", "SPACE": "SPACE"}


class QueryParser(ExpressionParser):
    def parse_statement(self) -> Query:
        """The whole text: one query, perhaps with a semicolon behind it."""
        if not self.peek("SELECT", "WITH", "("):
            message, hint = hint_for_statement(self.token)
            self.refuse(message, hint)
        query = self.parse_query()
        if self.accept(";") and not self.peek(END):
            self.fail("the end of the query", "one query at a time: leave out what follows the semicolon")
        if not self.peek(END):
            self.fail_extra("the end of the query")
        return query

    def parse_query(self) -> Query:
        start = self.token.start
        with_tables = self.parse_with() if self.peek("WITH") else ()
        body, top = self.parse_body()
        order_by = self.parse_order_by() if self.peek("ORDER") else ()
        limit, offset = self.parse_limits(top)
        sample = self.parse_sample() if self.peek("SAMPLE") else None
        return simplest(Query(body, with_tables, order_by, limit, offset, sample, span=self.span_from(start)))

    def parse_with(self) -> tuple[CommonTable, ...]:
        self.expect("WITH")
        return self.listed(self.parse_common_table)

    def parse_common_table(self) -> CommonTable:
        start = self.token.start
        name = self.expect_name("a name after WITH")
        self.expect("AS")
        query = self.bracketed("(", ")", self.parse_query)
        return CommonTable(name, query, span=self.span_from(start))

    # --- set operators -----------------------------------------------------------------------------------------------

    def parse_body(self) -> tuple[Body, Limit | None]:
        """One branch and its TOP, or several branches joined from left to right."""
        start = self.token.start
        body, top = self.parse_branch()
        while self.token.kind in SET_OPERATORS:
            body, top = closed(body, top), None
            operator = SET_OPERATORS[self.advance().kind]
            every = self.accept("ALL")
            right = closed(*self.parse_branch())
            body = SetOperation(operator, every, body, right, span=self.span_from(start))
        return body, top

    def parse_branch(self) -> tuple[Body, Limit | None]:
        """A SELECT and its TOP, or a query in parentheses."""
        if self.peek("("):
            return bare(self.bracketed("(", ")", self.parse_query)), None
        return self.parse_select()

    # --- one SELECT --------------------------------------------------------------------------------------------------

    def parse_select(self) -> tuple[Select, Limit | None]:
        start = self.expect("SELECT").start
        top = self.maybe_top()
        distinct = self.accept("DISTINCT")
        distinct_on = self.parse_distinct_on() if distinct and self.peek("ON") else ()
        items = self.listed(self.parse_item)
        source = self.parse_from() if self.accept("FROM") else None
        where = self.parse_expression() if self.accept("WHERE") else None
        expand = self.parse_expand() if self.peek("EXPAND") else None
        group_by, having, across = self.parse_group_by()
        ungroup = self.parse_ungroup() if self.peek("UNGROUP") else None
        select = Select(
            items,
            distinct,
            distinct_on,
            source,
            where,
            expand,
            group_by,
            having,
            across,
            ungroup,
            span=self.span_from(start),
        )
        return select, top

    def maybe_top(self) -> Limit | None:
        """``TOP n``, which is LIMIT n; a column may be called top, but no number follows a column."""
        if not self.peek("TOP") or self.peek_next().kind != INTEGER:
            return None
        start = self.advance().start
        count = self.parse_literal()
        return Limit(count, span=self.span_from(start))

    def parse_distinct_on(self) -> tuple[Expr, ...]:
        self.expect("ON")
        return self.bracketed("(", ")", self.parse_expressions)

    def parse_item(self) -> SelectItem:
        start = self.token.start
        star = self.maybe_star()
        if star is not None:
            return SelectItem(star, span=star.span)
        value = self.parse_expression()
        alias = self.maybe_alias()
        return SelectItem(value, alias, span=self.span_from(start))

    def maybe_star(self) -> Star | None:
        """``*`` or ``source.*``."""
        start = self.token.start
        if self.accept("*"):
            return Star(span=self.span_from(start))
        if self.token.kind in NAME_KINDS and [
            token.kind for token in self.tokens[self.position + 1 : self.position + 3]
        ] == [
            ".",
            "*",
        ]:
            source = str(self.advance().value)
            self.expect(".")
            self.expect("*")
            return Star(source, span=self.span_from(start))
        return None

    def maybe_alias(self) -> str | None:
        if self.accept("AS"):
            if self.peek(STRING):
                self.fail("a name after AS", 'an alias is a name: write it bare or in double quotes, AS "my column"')
            return self.expect_name("a name after AS")
        return str(self.advance().value) if self.token.kind in ALIAS_KINDS else None

    # --- FROM --------------------------------------------------------------------------------------------------------

    def parse_from(self) -> Source:
        """Sources joined from left to right; a comma joins like CROSS JOIN."""
        start = self.token.start
        left: Source = self.parse_source()
        while True:
            if self.accept(","):
                right = self.parse_source()
                left = Join("CROSS", left, right, span=self.span_from(start))
            elif (kind := self.maybe_join_kind()) is not None:
                left = self.parse_join(start, kind, left)
            else:
                return left

    def parse_source(self) -> DatasetSource | QuerySource:
        start = self.token.start
        if self.peek("("):
            if not self.peek_query():
                self.advance()
                self.fail("a sub-query", "only sub-queries stand in parentheses in FROM; joins go from left to right")
            query = self.bracketed("(", ")", self.parse_query)
            alias = self.maybe_alias()
            return QuerySource(query, alias, span=self.span_from(start))
        if self.token.kind not in NAME_KINDS and not self.peek(STRING):
            self.fail("a dataset or a sub-query", 'write FROM "path", FROM name or FROM (SELECT ...)')
        if self.token.value == "":
            self.fail("the path of a dataset")
        path = self.advance()
        version = self.parse_version() if self.accept("VERSION") else None
        alias = self.maybe_alias()
        quoted = path.kind not in NAME_KINDS or path.kind == QUOTED
        return DatasetSource(str(path.value), version, alias, quoted, span=self.span_from(start))

    def parse_version(self) -> str:
        if not self.peek(STRING):
            self.fail("the id of a version after VERSION", "write it in single quotes: VERSION 'id'")
        return str(self.advance().value)

    def maybe_join_kind(self) -> JoinKind | None:
        """The words up to and with JOIN."""
        kind = self.token.kind
        if kind == "NATURAL":
            self.refuse(
                "NATURAL JOIN is not part of the language",
                "name the common columns: JOIN b USING (id)",
                kind="natural-join",
            )
        if kind in OUTER_JOINS:
            self.advance()
            if kind != "OUTER":
                self.accept("OUTER")
            self.expect("JOIN")
            return OUTER_JOINS[kind]
        if kind in ("INNER", "CROSS"):
            self.advance()
            self.expect("JOIN")
            return "INNER" if kind == "INNER" else "CROSS"
        return "INNER" if self.accept("JOIN") else None

    def parse_join(self, start: int, kind: JoinKind, left: Source) -> Join:
        """The right side of a join, and its condition if it has one."""
        right = self.parse_source()
        on: Expr | None = None
        using: tuple[str, ...] = ()
        if kind == "CROSS":
            if self.peek("ON", "USING"):
                self.fail("no condition after CROSS JOIN", "a join with a condition is an INNER JOIN")
        elif self.accept("ON"):
            on = self.parse_expression()
        elif self.accept("USING"):
            using = self.bracketed("(", ")", self.parse_names)
        else:
            self.fail("ON or USING after the join", "to join every row with every row write CROSS JOIN")
        return Join(kind, left, right, on, using, span=self.span_from(start))

    def parse_names(self) -> tuple[str, ...]:
        return self.listed(lambda: self.expect_name("a column"))

    # --- EXPAND, GROUP, UNGROUP --------------------------------------------------------------------------------------

    def parse_expand(self) -> Expand:
        """``EXPAND BY before [after] [OVERLAP [bool]] [AS name]``; version 3 puts a comma between the counts."""
        start = self.expect("EXPAND").start
        self.expect("BY")
        before = self.parse_count()
        after = self.parse_count() if self.accept(",") or self.peek(INTEGER, "?", ":") else None
        overlap = self.accept("OVERLAP") and self.parse_switch()
        alias = self.expect_name("a name after AS") if self.accept("AS") else None
        return Expand(before, after, overlap, alias, span=self.span_from(start))

    def parse_count(self) -> Expr:
        if self.peek("?", ":"):
            return self.parse_parameter()
        if not self.peek(INTEGER):
            self.fail("a number of rows", "write EXPAND BY 2 or EXPAND BY 2 3, with whole numbers or parameters")
        return self.parse_literal()

    def parse_switch(self) -> bool:
        """TRUE or FALSE; TRUE where nothing is said."""
        if self.accept("FALSE"):
            return False
        self.accept("TRUE")
        return True

    def parse_group_by(self) -> tuple[tuple[Expr, ...], Expr | None, OneOf["TIME", "SPACE"] | None]:
        if not self.accept("GROUP"):
            return (), None, None
        self.expect("BY")
        keys = self.parse_expressions()
        having = self.parse_expression() if self.accept("HAVING") else None
        across = self.parse_dimension() if self.accept("ACROSS") else None
        return keys, having, across

    def parse_dimension(self) -> OneOf["TIME", "SPACE"]:
        if self.token.kind not in DIMENSIONS:
            self.fail("TIME or SPACE after ACROSS")
        return DIMENSIONS[self.advance().kind]

    def parse_ungroup(self) -> Ungroup:
        start = self.expect("UNGROUP").start
        self.expect("BY")
        if self.peek("SPLIT") and self.peek_next().kind not in AFTER_OPERAND:
            self.advance()
            return Ungroup(span=self.span_from(start))
        return Ungroup(self.parse_expression(), span=self.span_from(start))

    # --- ORDER BY, LIMIT, SAMPLE BY ----------------------------------------------------------------------------------

    def parse_order_by(self) -> tuple[OrderItem, ...]:
        self.expect("ORDER")
        self.expect("BY")
        return self.listed(self.parse_order_item)

    def parse_order_item(self) -> OrderItem:
        start = self.token.start
        value = self.parse_expression()
        descending = self.accept("DESC")
        if not descending:
            self.accept("ASC")
        nulls_first = self.parse_nulls() if self.accept("NULLS") else None
        return OrderItem(value, descending, nulls_first, span=self.span_from(start))

    def parse_nulls(self) -> bool:
        if not self.peek("FIRST", "LAST"):
            self.fail("FIRST or LAST after NULLS")
        return self.advance().kind == "FIRST"

    def parse_limits(self, top: Limit | None) -> tuple[Limit | None, Expr | None]:
        """LIMIT and OFFSET, in either order, each at most once."""
        limit, offset = top, None
        for _ in range(2):
            if self.peek("LIMIT") and limit is top:
                if top is not None:
                    self.refuse("TOP and LIMIT both say how many rows", "keep one of them", kind="two-limits")
                limit = self.parse_limit()
            elif self.peek("OFFSET") and offset is None:
                self.advance()
                offset = self.parse_expression()
        return limit, offset

    def parse_limit(self) -> Limit:
        following = [token.kind for token in self.tokens[self.position + 1 : self.position + 3]]
        if following[0] != "ALL" or following[1] == "(":
            return self.parse_share()
        start = self.expect("LIMIT").start
        self.expect("ALL")
        return Limit(None, span=self.span_from(start))

    def parse_share(self) -> Limit:
        """``LIMIT n`` or ``LIMIT p PERCENT``."""
        start = self.expect("LIMIT").start
        count = self.parse_expression()
        return Limit(count, self.accept("PERCENT"), span=self.span_from(start))

    def parse_sample(self) -> SampleBy:
        start = self.expect("SAMPLE").start
        self.expect("BY")
        weight = self.parse_expression()
        replace = self.parse_switch() if self.accept("REPLACE") else True
        limit = self.parse_share() if self.peek("LIMIT") else None
        return SampleBy(weight, replace, limit, span=self.span_from(start))


def closed(body: Body, top: Limit | None) -> Body:
    """A branch whose TOP, if it has one, stays with it."""
    return body if top is None else Query(body, limit=top, span=body.span)


def bare(query: Query) -> Body:
    """The body of a query that adds nothing to it, else the query: redundant parentheses leave no trace."""
    adds = query.with_tables or query.order_by or query.limit or query.offset or query.sample
    return query if adds else query.body


def simplest(query: Query) -> Query:
    """The query itself, or the one in parentheses that is all of it."""
    body = bare(query)
    return body if isinstance(body, Query) else query
