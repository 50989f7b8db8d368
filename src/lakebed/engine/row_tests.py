"""Tests on rows run: NumPy over columns, fragment by fragment, SQL for the rest, masks to join them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ..storage.arrow import take_chunks
from ..tql.bound import ExistsRelation, Expr, InRelation, Ref
from ..tql.coerce import logic
from ..tql.relations import Filter, Relation, Scan
from ..tql.row_tests import ElementTest, Joined, LabelTest, ScalarTest, SpanTest, SqlTest, Test, TextTest
from ..tql.walking import walk
from .by_fragment import Ask, by_fragment, whole
from .element_scan import rows_deciding
from .element_tables import Array, Derived, Ints
from .label_scan import label_mask, label_mask_at
from .row_sets import inside, mask_of
from .scalar_scan import scalar_mask
from .text_scan import text_mask

RunRelation = Callable[[Relation, Ints | None], Ints]
"""Rows that a relation yields; the second argument, where given, are the rows that its scan reads."""
RunElements = Callable[[Derived, ElementTest, Sequence[int]], Ints]
"""Rows of some fragments that have an element for which the test's condition holds (ANY) or fails (ALL, ALL_STRICT)."""

FEW = 16
"""SQL looks at the remaining rows alone if at most one in so many is left."""
MANY = 8
"""With more than one row in so many left, a test in memory is asked of all rows of a fragment."""


class RowTests:
    """Asks tests of rows of one source."""

    def __init__(self, source: Derived, dataset: int, run_relation: RunRelation, run_elements: RunElements) -> None:
        self.source = source
        self.dataset = dataset
        self.run_relation = run_relation
        self.run_elements = run_elements

    def holds(self, test: Test, rows: Ints | None) -> Array:
        """One boolean for each of `rows` (None: all): the test is true, not false and not NULL."""
        match test:
            case SpanTest():
                return inside(self.source.rows() if rows is None else rows, test.wanted)
            case _ if in_memory(test):
                return self.by_fragment(rows, partial(self.fragment_holds, test))
            case Joined():
                return self.joined(test, rows)
            case SqlTest():
                return self.sql_holds(test, rows)
            case ElementTest():
                return self.element_holds(test, rows)
            case _:
                raise AssertionError(f"a {type(test).__name__} is in memory")

    def joined(self, test: Joined, rows: Ints | None) -> Array:
        """AND asks the next test only of the rows that are left, OR of those that failed so far."""
        everything = self.source.rows() if rows is None else rows
        first, *others = in_order(test)
        found = self.holds(first, rows)
        for part in others:
            open_ = np.flatnonzero(found if test.op == "AND" else ~found)
            found[open_] = self.holds(part, everything[open_])
        return found

    def by_fragment(self, rows: Ints | None, ask: Ask) -> Array:
        return by_fragment(self.source, rows, ask, "bool")

    # --- columns in memory -------------------------------------------------------------------------------------------

    def fragment_holds(self, test: Test, number: int, places: Ints | None) -> Array:
        """One boolean for each of the places (None: all) in a fragment, of a test that is `in_memory`."""
        match test:
            case Joined():
                return self.joined_in_fragment(test, number, places)
            case LabelTest():
                return self.label_holds(test, number, places)
            case ScalarTest():
                return self.scalar_holds(test, number, places)
            case TextTest():
                return self.text_holds(test, number, places)
            case SpanTest():
                start, stop = self.source.starts()[number : number + 2].tolist()
                return inside(np.arange(start, stop) if places is None else start + places, test.wanted)
            case _:
                raise AssertionError(f"{type(test).__name__} is not in memory")

    def block_holds(self, test: Test, number: int, start: int, stop: int) -> Array:
        """The same of the places from `start` to `stop`."""
        return self.fragment_holds(test, number, np.arange(start, stop))

    def joined_in_fragment(self, test: Joined, number: int, places: Ints | None) -> Array:
        """As `joined`; while many rows are left, the next test is asked of all of them, which needs no copy."""
        both = test.op == "AND"
        first, *others = in_order(test)
        found = self.fragment_holds(first, number, places)
        for part in others:
            open_ = found if both else ~found
            left = np.count_nonzero(open_)
            if left * MANY > len(found):
                join = np.logical_and if both else np.logical_or
                join(found, self.fragment_holds(part, number, places), out=found)
            elif left:
                at = np.flatnonzero(open_)
                found[at] = self.fragment_holds(part, number, at if places is None else places[at])
        return found

    def label_holds(self, test: LabelTest, number: int, places: Ints | None) -> Array:
        chunk = self.source.labels(test.column.value, number)
        if places is None:
            return label_mask(chunk.offsets, chunk.values, test)
        return label_mask_at(chunk, places, test)

    def scalar_holds(self, test: ScalarTest, number: int, places: Ints | None) -> Array:
        chunks = self.source.scalars(test.column.value, number)
        if places is None or len(chunks) != 1:
            mask = whole([scalar_mask(chunk.values, chunk.valid, test) for chunk in chunks], "bool")
            return mask if places is None else mask[places]
        valid = chunks[0].valid
        return scalar_mask(chunks[0].values[places], None if valid is None else valid[places], test)

    def text_holds(self, test: TextTest, number: int, places: Ints | None) -> Array:
        column = self.source.arrays([test.column.value], [number])[0]
        if places is None or len(places) * MANY > len(column):
            mask = text_mask(column, test)
            return mask if places is None else mask[places]
        return text_mask(take_chunks(column, places), test)

    # --- elements ----------------------------------------------------------------------------------------------------

    def element_holds(self, test: ElementTest, rows: Ints | None) -> Array:
        names = [column.value for column in test.columns]
        numbers = self.fragments_with(rows)
        if not numbers:
            return np.zeros(0, dtype=bool)
        if not all(self.source.aligned(names, number) for number in numbers):
            # Rows whose shapes differ: SQL over whole rows finds them and says where.
            return self.sql_holds(SqlTest(whole_condition(test)), rows)
        if test.simple:
            return self.by_fragment(rows, partial(self.elements_in_memory, test))
        decided = mask_of(self.run_elements(self.source, test, numbers), len(self.source.live()))
        return self.by_fragment(rows, partial(self.elements_by_sql, test, decided))

    def elements_in_memory(self, test: ElementTest, number: int, places: Ints | None) -> Array:
        return self.quantified(test, rows_deciding(self.source, test, number), number, places)

    def elements_by_sql(self, test: ElementTest, decided: Array, number: int, places: Ints | None) -> Array:
        start, stop = self.source.starts()[number : number + 2].tolist()
        return self.quantified(test, decided[start:stop], number, places)

    def quantified(self, test: ElementTest, decided: Array, number: int, places: Ints | None) -> Array:
        """From the rows that have a deciding element to those that pass."""
        mask = decided
        if test.quantifier != "ANY":
            mask = ~mask
            if test.quantifier == "ALL_STRICT":
                mask &= self.source.cell_lengths(test.columns[0].value, number) > 0
        mask = ~mask if test.negated else mask
        return mask if places is None else mask[places]

    # --- SQL ---------------------------------------------------------------------------------------------------------

    def sql_holds(self, test: SqlTest, rows: Ints | None) -> Array:
        size = len(self.source.live())
        if rows is None or test.positions or asks_a_query(test.condition):
            read = None
        elif not test.pixels and len(rows) * FEW > size:
            read = self.whole_fragments(rows)
        else:
            read = rows
        passed = mask_of(self.sql_rows(test.condition, read), size)
        return passed if rows is None else passed[rows]

    def whole_fragments(self, rows: Ints) -> Ints | None:
        """All rows of the fragments that hold some, which need no copy; None if these are all fragments."""
        numbers = self.fragments_with(rows)
        return None if numbers == self.fragments_with(None) else self.source.rows_of(numbers)

    def fragments_with(self, rows: Ints | None) -> list[int]:
        """The fragments that hold some of the rows."""
        starts = self.source.starts()
        found = np.flatnonzero(starts[1:] > starts[:-1]) if rows is None else np.unique(self.source.fragments_of(rows))
        numbers: list[int] = found.tolist()
        return numbers

    def sql_rows(self, condition: Expr, given: Ints | None) -> Ints:
        fields = {e.field.number: e.field for e in walk(condition) if isinstance(e, Ref)}
        scan = Scan(self.dataset, tuple(f for f in fields.values() if f.origin is not None))
        return self.run_relation(Filter(scan, condition), given)


def whole_condition(test: ElementTest) -> Expr:
    return logic("NOT", [test.fallback], test.fallback.span) if test.negated else test.fallback


def asks_a_query(condition: Expr) -> bool:
    """Whether a condition has a sub-query, whose answer does not depend on the rows that are left."""
    return any(isinstance(one, (InRelation, ExistsRelation)) for one in walk(condition))


def reads_pixels(test: Test) -> bool:
    if isinstance(test, Joined):
        return any(reads_pixels(part) for part in test.tests)
    return isinstance(test, SqlTest) and test.pixels


def cost(test: Test) -> int:
    """The order in which tests are asked: positions, columns in memory, SQL, pixels."""
    if isinstance(test, Joined):
        return max(cost(part) for part in test.tests)
    return 5 if reads_pixels(test) else COSTS[type(test)]


COSTS = {SpanTest: 0, ScalarTest: 1, LabelTest: 2, TextTest: 3, ElementTest: 3, SqlTest: 4}


def in_order(test: Joined) -> list[Test]:
    """The parts in the order in which they are asked; those in memory as one."""
    parts = sorted(test.tests, key=cost)
    near = [part for part in parts if in_memory(part)]
    if len(near) < 2 or len(near) == len(parts):
        return parts
    return [Joined(test.op, tuple(near)), *(part for part in parts if not in_memory(part))]


def in_memory(test: Test) -> bool:
    """Whether a test is NumPy's or Arrow's work over columns of one value, or one list of labels, for each row."""
    if isinstance(test, Joined):
        return all(in_memory(part) for part in test.tests)
    return isinstance(test, (SpanTest, ScalarTest, LabelTest, TextTest))
