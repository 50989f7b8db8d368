"""Row plans run: NumPy over label columns and positions, SQL for the rest, masks to join them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .element_scan import rows_deciding
from .element_tables import Array, Derived, Ints
from .label_scan import label_masks, label_rows
from .tql.bound import Cut, Expr, Ref, walk
from .tql.relations import Filter, Relation, Scan
from .tql.rows import (
    AllRows,
    CutRows,
    ElementTest,
    ExpandRows,
    FilterRows,
    Intervals,
    Joined,
    LabelTest,
    MergeRows,
    RowPlan,
    SpanTest,
    SqlRows,
    SqlTest,
    Test,
)

RunRelation = Callable[[Relation, Ints | None], Ints]
"""Rows that a relation yields; the second argument, where given, are the rows that its scan reads."""
RunElements = Callable[[Derived, ElementTest], Ints]
"""Rows that have an element for which the test's condition holds (ANY) or fails (ALL, ALL_STRICT)."""

FEW = 16
"""SQL looks at the remaining rows alone if at most one in so many is left."""


class RowProgram:
    """Runs row plans over the sources of one query."""

    def __init__(self, sources: Sequence[Derived], run_relation: RunRelation, run_elements: RunElements) -> None:
        self.sources = sources
        self.run_relation = run_relation
        self.run_elements = run_elements

    def rows(self, plan: RowPlan) -> Ints:
        """The row numbers that `plan` yields, in its order."""
        match plan:
            case AllRows():
                return self.sources[plan.dataset].rows()
            case FilterRows():
                return self.filtered(plan)
            case CutRows():
                return cut(self.rows(plan.source), plan.cut)
            case MergeRows():
                return merged(plan, [self.rows(branch) for branch in plan.branches])
            case SqlRows():
                return self.run_relation(plan.relation, None)
            case ExpandRows():
                return self.windows(plan)[0]

    def windows(self, plan: ExpandRows) -> tuple[Ints, Ints]:
        """The rows around each hit, and the number of the window that each belongs to."""
        source = self.rows(plan.source)
        hits = np.flatnonzero(np.isin(source, self.rows(plan.hits))).astype(np.int64)
        low = np.maximum(hits - plan.window.before, 0)
        high = np.minimum(hits + plan.window.after + 1, len(source))
        if not plan.window.overlap:
            low, high = joined_windows(low, high)
        sizes = high - low
        number = np.repeat(np.arange(len(low), dtype=np.int64), sizes)
        inside_window = np.arange(int(sizes.sum()), dtype=np.int64) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return source[np.repeat(low, sizes) + inside_window], number

    # --- filters -----------------------------------------------------------------------------------------------------

    def filtered(self, plan: FilterRows) -> Ints:
        source = self.sources[plan.dataset]
        if isinstance(plan.source, AllRows):
            rows = self.from_all(source, plan)
        else:
            given = self.rows(plan.source)
            rows = self.from_given(source, plan, given)
        return rows if plan.limit is None else rows[: plan.limit]

    def from_all(self, source: Derived, plan: FilterRows) -> Ints:
        test = plan.test
        if isinstance(test, LabelTest):
            return label_rows(source.chunks(test.column.value), test, plan.limit)
        if isinstance(test, SpanTest):
            return span_rows(test.wanted, len(source.live()))
        if isinstance(test, Joined) and test.op == "AND":
            return self.all_of(source, plan.dataset, test.tests, None)
        return np.flatnonzero(self.mask(source, plan.dataset, test)).astype(np.int64, copy=False)

    def from_given(self, source: Derived, plan: FilterRows, given: Ints) -> Ints:
        if isinstance(plan.test, Joined) and plan.test.op == "AND":
            return self.all_of(source, plan.dataset, plan.test.tests, given)
        if isinstance(plan.test, SqlTest):
            return self.sql_rows(plan.dataset, plan.test.condition, given)
        return given[self.mask(source, plan.dataset, plan.test)[given]]

    def all_of(self, source: Derived, dataset: int, tests: Sequence[Test], given: Ints | None) -> Ints:
        """The rows that pass every test: positions first, SQL last and only on the rows that are left."""
        left = source.rows() if given is None else given
        spans = [test for test in tests if isinstance(test, SpanTest)]
        for span in spans:
            left = left[inside(left, span.wanted)]
        slow = [test for test in tests if isinstance(test, SqlTest)]
        for test in tests:
            if not isinstance(test, (SpanTest, SqlTest)):
                left = left[self.mask(source, dataset, test)[left]]
        for test in slow:
            all_left = given is None and len(left) * FEW > len(source.live())
            if all_left:
                passed = self.mask(source, dataset, test)
                left = left[passed[left]]
            else:
                left = self.sql_rows(dataset, test.condition, left)
        return left

    def sql_rows(self, dataset: int, condition: Expr, given: Ints | None) -> Ints:
        fields = {e.field.number: e.field for e in walk(condition) if isinstance(e, Ref)}
        scan = Scan(dataset, tuple(f for f in fields.values() if f.origin is not None))
        return self.run_relation(Filter(scan, condition), given)

    # --- masks -------------------------------------------------------------------------------------------------------

    def mask(self, source: Derived, dataset: int, test: Test) -> Array:
        """One boolean for each row of the dataset: the test is true (not false, not NULL)."""
        size = len(source.live())
        match test:
            case LabelTest():
                return label_masks(source.chunks(test.column.value), test)
            case SpanTest():
                return inside(source.rows(), test.wanted)
            case SqlTest():
                return mask_of(self.sql_rows(dataset, test.condition, None), size)
            case ElementTest():
                return self.element_mask(source, dataset, test, size)
            case Joined():
                masks = [self.mask(source, dataset, part) for part in test.tests]
                join: Any = np.logical_and if test.op == "AND" else np.logical_or
                return join.reduce(masks)  # type: ignore[no-any-return]  # ufunc methods are untyped

    def element_mask(self, source: Derived, dataset: int, test: ElementTest, size: int) -> Array:
        if not source.aligned([column.value for column in test.columns]):
            # Rows whose shapes differ: SQL over whole rows finds them and says where.
            return self.mask(source, dataset, SqlTest(negation(test)))
        mask = rows_deciding(source, test) if test.simple else mask_of(self.run_elements(source, test), size)
        if test.quantifier != "ANY":
            mask = ~mask
            if test.quantifier == "ALL_STRICT":
                mask &= source.cell_lengths(test.columns[0].value) > 0
        return ~mask if test.negated else mask


def negation(test: ElementTest) -> Expr:
    from .tql.coerce import logic

    return logic("NOT", [test.fallback], test.fallback.span) if test.negated else test.fallback


def mask_of(rows: Ints, size: int) -> Array:
    mask = np.zeros(size, dtype=bool)
    mask[rows] = True
    return mask


def inside(rows: Ints, wanted: Intervals) -> Array:
    mask = np.zeros(len(rows), dtype=bool)
    for low, high in wanted:
        mask |= (rows >= low) & (rows <= high)
    return mask


def span_rows(wanted: Intervals, size: int) -> Ints:
    """Ranges of positions without looking at the others."""
    parts = [np.arange(max(low, 0), min(high + 1, size), dtype=np.int64) for low, high in wanted]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def cut(rows: Ints, limits: Cut) -> Ints:
    count = limits.count
    if limits.percent is not None:
        count = int(len(rows) * limits.percent / 100)
    end = None if count is None else limits.offset + count
    return rows[limits.offset : end]


def joined_windows(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Windows that touch or overlap as one."""
    if not len(low):
        return low, high
    begins = np.concatenate([[True], low[1:] > np.maximum.accumulate(high)[:-1]])
    firsts = np.flatnonzero(begins)
    return low[firsts], np.maximum.reduceat(high, firsts)


# --- set operations --------------------------------------------------------------------------------------------------


def merged(plan: MergeRows, branches: Sequence[Ints]) -> Ints:
    """UNION, INTERSECT or EXCEPT of rows; without ALL each row once, in the order that the language promises."""
    if plan.op == "UNION":
        together = np.concatenate(branches)
        if plan.all:
            return together
        return np.unique(together) if plan.ascending else first_appearances(together)
    left, right = branches
    if plan.all:
        return counted(plan.op, left, right)
    left = first_appearances(left)
    hit = np.isin(left, right)
    return left[hit if plan.op == "INTERSECT" else ~hit]


def first_appearances(rows: Ints) -> Ints:
    if len(rows) < 2 or bool(np.all(rows[1:] > rows[:-1])):
        return rows
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]


def counted(op: str, left: Ints, right: Ints) -> Ints:
    """INTERSECT ALL and EXCEPT ALL: a row on the right uses up one on the left."""
    rank = occurrence(left)
    values, amounts = np.unique(right, return_counts=True)
    have = np.zeros(len(left), np.int64)
    if len(values):
        at = np.clip(np.searchsorted(values, left), 0, len(values) - 1)
        have = np.where(values[at] == left, amounts[at], 0)
    return left[rank < have] if op == "INTERSECT" else left[rank >= have]


def occurrence(rows: Ints) -> Ints:
    """For each place how often its row came before."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = (
        np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(rows) else np.zeros(0, np.int64)
    )
    sizes = np.diff(np.concatenate([starts, [len(rows)]]))
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.arange(len(rows)) - np.repeat(starts, sizes)
    return rank
