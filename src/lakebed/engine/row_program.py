"""Row plans run: NumPy over label columns and positions, SQL for the rest; fragments that cannot match stay closed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..tql.row_tests import Joined, LabelTest, ScalarTest, SpanTest, Test
from ..tql.rows import (
    AllRows,
    CutRows,
    DrawRows,
    ExpandRows,
    FilterRows,
    MergeRows,
    NearRows,
    OrderRows,
    RowPlan,
    SqlRows,
)
from .draw_scan import drawn
from .element_tables import Array, Derived, Ints
from .label_scan import label_rows, rows_in_blocks
from .near_scan import nearest
from .pruning import possible
from .row_sets import cut, joined_windows, merged, span_rows
from .row_tests import RowTests, RunElements, RunRelation, in_memory, reads_pixels
from .scalar_scan import scalar_rows
from .sort_scan import ordered

PIXEL_BLOCK = 256
"""Images that are decoded before a limit is looked at again."""


class RowProgram:
    """Runs row plans over the sources of one query."""

    def __init__(
        self, sources: Sequence[Derived], run_relation: RunRelation, run_elements: RunElements, seed: int
    ) -> None:
        self.sources = sources
        self.seed = seed
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
            case OrderRows():
                everything = isinstance(plan.source, AllRows)
                rows = None if everything else self.rows(plan.source)
                return ordered(self.sources[plan.dataset], rows, plan.keys, plan.limit)
            case SqlRows():
                return self.run_relation(plan.relation, None)
            case ExpandRows():
                return self.windows(plan)[0]
            case DrawRows():
                return self.drawn(plan)
            case NearRows():
                return self.nearest(plan)

    def count(self, plan: RowPlan) -> int:
        """How many rows `plan` yields."""
        return len(self.sources[plan.dataset].live()) if isinstance(plan, AllRows) else len(self.rows(plan))

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

    def nearest(self, plan: NearRows) -> Ints:
        rows = None if isinstance(plan.source, AllRows) else self.rows(plan.source)
        found = nearest(self.sources[plan.dataset], rows, plan.key, plan.limit)
        return self.run_relation(plan.relation, rows) if found is None else found

    def drawn(self, plan: DrawRows) -> Ints:
        rows = self.rows(plan.source)
        given = None if isinstance(plan.source, AllRows) else rows
        tests, join = self.tests(plan.dataset), np.maximum if plan.how == "MAX_WEIGHT" else np.add
        weights: Array | None = None
        for test, weight in plan.weights:
            part = np.where(tests.holds(test, given), weight, 0.0)
            weights = part if weights is None else join(weights, part, out=weights)
        assert weights is not None, "there is a weight"
        found: Ints = rows[drawn(weights, plan.draw, self.seed)]
        return found

    # --- filters -----------------------------------------------------------------------------------------------------

    def filtered(self, plan: FilterRows) -> Ints:
        if isinstance(plan.source, AllRows):
            return self.all_filtered(plan)
        source = self.sources[plan.dataset]
        rows, may = self.rows(plan.source), possible(source, plan.test)
        return self.passing(plan, rows if may.all() else rows[may[source.fragments_of(rows)]])

    def all_filtered(self, plan: FilterRows) -> Ints:
        """The rows of the dataset that pass; a scan with a limit opens a fragment when it comes to it."""
        source, test = self.sources[plan.dataset], plan.test
        if isinstance(test, SpanTest):
            return span_rows(test.wanted, len(source.live()))[: plan.limit]
        may = possible(source, test)
        numbers: list[int] = np.flatnonzero(may).tolist()
        if isinstance(test, LabelTest):
            return label_rows((source.placed_labels(test.column.value, n) for n in numbers), test, plan.limit)
        if isinstance(test, ScalarTest):
            placed = (chunk for n in numbers for chunk in source.placed_scalars(test.column.value, n))
            return scalar_rows(placed, test, plan.limit)
        if plan.limit is not None and in_memory(test):
            tests = self.tests(plan.dataset)
            starts = source.starts().tolist()
            blocks = ((starts[n], source.size(n), partial(tests.block_holds, test, n)) for n in numbers)
            return rows_in_blocks(blocks, plan.limit)
        return self.passing(plan, None if may.all() else source.rows_of(numbers))

    def tests(self, dataset: int) -> RowTests:
        return RowTests(self.sources[dataset], dataset, self.run_relation, self.run_elements)

    def passing(self, plan: FilterRows, given: Ints | None) -> Ints:
        """Those of the given rows (None: all) that pass, at most as many as the plan wants."""
        source, tests = self.sources[plan.dataset], self.tests(plan.dataset)
        if plan.limit is not None and reads_pixels(plan.test):
            return in_blocks(tests, plan.test, source.rows() if given is None else given, plan.limit)
        mask = tests.holds(plan.test, given)
        rows = np.flatnonzero(mask).astype(np.int64, copy=False) if given is None else given[mask]
        return rows[: plan.limit]


def in_blocks(tests: RowTests, test: Test, rows: Ints, limit: int) -> Ints:
    """Rows that pass, stopping at `limit`: what is cheap is asked of all rows, pixels of a few at a time."""
    parts = test.tests if isinstance(test, Joined) and test.op == "AND" else (test,)
    for part in parts:
        if not reads_pixels(part):
            rows = rows[tests.holds(part, rows)]
    slow = [part for part in parts if reads_pixels(part)]
    found, total = [rows[:0]], 0
    for start in range(0, len(rows), PIXEL_BLOCK):
        block = rows[start : start + PIXEL_BLOCK]
        for part in slow:
            block = block[tests.holds(part, block)]
        found.append(block)
        total += len(block)
        if total >= limit:
            break
    return np.concatenate(found)[:limit]
