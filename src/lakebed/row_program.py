"""Row plans run: NumPy over label columns and positions, SQL for the rest, masks to join them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .element_scan import rows_deciding
from .element_tables import Array, Derived, Ints
from .label_scan import label_masks, label_rows
from .scalar_scan import scalar_masks, scalar_rows
from .tql.bound import Cut, Expr, Ref, walk
from .tql.coerce import logic
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
    ScalarTest,
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
PIXEL_BLOCK = 256
"""Images that are decoded before a limit is looked at again."""


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
        source, test = self.sources[plan.dataset], plan.test
        everything = isinstance(plan.source, AllRows)
        if everything and isinstance(test, LabelTest):
            return label_rows(source.chunks(test.column.value), test, plan.limit)
        if everything and isinstance(test, ScalarTest):
            return scalar_rows(source.scalar_chunks(test.column.value), test, plan.limit)
        if everything and isinstance(test, SpanTest):
            return span_rows(test.wanted, len(source.live()))[: plan.limit]
        given = None if everything else self.rows(plan.source)
        if plan.limit is not None and reads_pixels(test):
            return self.in_blocks(source, plan.dataset, test, source.rows() if given is None else given, plan.limit)
        mask = self.holds(source, plan.dataset, test, given)
        rows = np.flatnonzero(mask).astype(np.int64, copy=False) if given is None else given[mask]
        return rows[: plan.limit]

    def in_blocks(self, source: Derived, dataset: int, test: Test, rows: Ints, limit: int) -> Ints:
        """Rows that pass, stopping at `limit`: what is cheap is asked of all rows, pixels of a few at a time."""
        tests = test.tests if isinstance(test, Joined) and test.op == "AND" else (test,)
        for part in tests:
            if not reads_pixels(part):
                rows = rows[self.holds(source, dataset, part, rows)]
        slow = [part for part in tests if reads_pixels(part)]
        found, total = [rows[:0]], 0
        for start in range(0, len(rows), PIXEL_BLOCK):
            block = rows[start : start + PIXEL_BLOCK]
            for part in slow:
                block = block[self.holds(source, dataset, part, block)]
            found.append(block)
            total += len(block)
            if total >= limit:
                break
        return np.concatenate(found)[:limit]

    def holds(self, source: Derived, dataset: int, test: Test, rows: Ints | None) -> Array:
        """One boolean for each of `rows` (None: all): the test is true, not false and not NULL."""
        match test:
            case Joined():
                return self.joined(source, dataset, test, rows)
            case SqlTest():
                return self.sql_holds(source, dataset, test, rows)
            case LabelTest():
                mask = label_masks(source.chunks(test.column.value), test)
            case ScalarTest():
                mask = scalar_masks(source.scalar_chunks(test.column.value), test)
            case SpanTest():
                return inside(source.rows() if rows is None else rows, test.wanted)
            case ElementTest():
                mask = self.element_mask(source, dataset, test)
        return mask if rows is None else mask[rows]

    def joined(self, source: Derived, dataset: int, test: Joined, rows: Ints | None) -> Array:
        """AND asks the next test only of the rows that are left, OR of those that failed so far."""
        everything = source.rows() if rows is None else rows
        first, *others = sorted(test.tests, key=cost)
        found = self.holds(source, dataset, first, rows)
        for part in others:
            open_ = np.flatnonzero(found if test.op == "AND" else ~found)
            found[open_] = self.holds(source, dataset, part, everything[open_])
        return found

    def sql_holds(self, source: Derived, dataset: int, test: SqlTest, rows: Ints | None) -> Array:
        size = len(source.live())
        few = rows is not None and (test.pixels or len(rows) * FEW <= size)
        if few and not test.positions:
            passed = mask_of(self.sql_rows(dataset, test.condition, rows), size)
        else:
            passed = mask_of(self.sql_rows(dataset, test.condition, None), size)
        return passed if rows is None else passed[rows]

    def sql_rows(self, dataset: int, condition: Expr, given: Ints | None) -> Ints:
        fields = {e.field.number: e.field for e in walk(condition) if isinstance(e, Ref)}
        scan = Scan(dataset, tuple(f for f in fields.values() if f.origin is not None))
        return self.run_relation(Filter(scan, condition), given)

    def element_mask(self, source: Derived, dataset: int, test: ElementTest) -> Array:
        size = len(source.live())
        if not source.aligned([column.value for column in test.columns]):
            # Rows whose shapes differ: SQL over whole rows finds them and says where.
            return self.sql_holds(source, dataset, SqlTest(whole_condition(test)), None)
        mask = rows_deciding(source, test) if test.simple else mask_of(self.run_elements(source, test), size)
        if test.quantifier != "ANY":
            mask = ~mask
            if test.quantifier == "ALL_STRICT":
                mask &= source.cell_lengths(test.columns[0].value) > 0
        return ~mask if test.negated else mask


def whole_condition(test: ElementTest) -> Expr:
    return logic("NOT", [test.fallback], test.fallback.span) if test.negated else test.fallback


def reads_pixels(test: Test) -> bool:
    if isinstance(test, Joined):
        return any(reads_pixels(part) for part in test.tests)
    return isinstance(test, SqlTest) and test.pixels


def cost(test: Test) -> int:
    """The order in which tests are asked: positions, columns in memory, SQL, pixels."""
    if reads_pixels(test):
        return 4
    return COSTS.get(type(test), 2)


COSTS = {SpanTest: 0, ScalarTest: 1, LabelTest: 1, ElementTest: 2, SqlTest: 3}


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
