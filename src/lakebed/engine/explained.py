"""How a query would run, for people: canonical text, tree, plan, SQL, fragments left out, and about how many rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tql import parse, to_text
from ..tql.bound import Bound, Field
from ..tql.nodes import Node
from ..tql.relations import CountRows, CutTo, Filter, Relation, Scan
from ..tql.row_tests import Joined, LabelTest, SpanTest, Test
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
from ..tql.schema import ColumnInfo
from ..tql.sql import Compiled
from .element_tables import Array, Derived
from .label_scan import label_mask
from .pruning import possible

if TYPE_CHECKING:
    from .execution import Execution

SAMPLE = 8_192
"""Rows looked at to guess how many pass a label test."""
GUESS = 1 / 3
"""Share of rows that pass a condition about which nothing is known."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`str()` shows all of it."""

    text: str
    """The query in canonical form."""
    tree: str
    """The parsed query, one node a line."""
    plan: str
    """What is done, the last step first. A filter says which of the fragments it looks at: ``fragments=3 of 8``."""
    sql: tuple[str, ...]
    """Each statement that DuckDB would run; none if the query only looks at labels and positions."""
    fragments: int
    """Fragments of the datasets that the query names."""
    pruned: int
    """Those among them that no part of the query looks at: their files are not opened."""
    estimated_rows: int

    def __str__(self) -> str:
        statements = "".join(f"\nsql:\n  {one}" for one in self.sql)
        return (
            f"query:\n  {self.text}\ntree:\n{self.tree}\nplan:\n{self.plan}{statements}\n"
            f"fragments pruned: {self.pruned} of {self.fragments}\nestimated rows: {self.estimated_rows}"
        )


def explanation(execution: Execution) -> Explanation:
    root: Any = execution.plan.rows or execution.plan.relation
    outputs = execution.plan.outputs
    compiled = [execution.compiled(r, outputs if r is root else ()) for r in relations(root)]
    needed = [np.zeros(len(source.fragments()), dtype=bool) for source in execution.sources]
    for plan in row_plans(root, compiled):
        mark(execution, plan, needed)
    tree = parse(execution.text)
    return Explanation(
        to_text(tree),
        tree_outline(tree),
        outline(root, partial(fragments_looked_at, execution)),
        tuple(one.sql for one in compiled),
        sum(len(one) for one in needed),
        sum(int(np.count_nonzero(~one)) for one in needed),
        round(estimate(execution, root)),
    )


# --- fragments -------------------------------------------------------------------------------------------------------


def row_plans(root: Any, compiled: Sequence[Compiled]) -> list[RowPlan]:
    """The plans of all rows that are read: the query's own, and those of the tables that its SQL reads."""
    inputs = [one.rows or AllRows(one.dataset) for statement in compiled for one in statement.inputs]
    return inputs if is_relation(root) else [root, *inputs]


def mark(execution: Execution, plan: RowPlan, needed: Sequence[Array]) -> None:
    """Mark the fragments that a row plan may look at."""
    match plan:
        case AllRows():
            needed[plan.dataset][:] = True
        case FilterRows() if isinstance(plan.source, AllRows):
            needed[plan.dataset][possible(execution.sources[plan.dataset], plan.test)] = True
        case FilterRows() | CutRows() | OrderRows() | DrawRows() | NearRows():
            mark(execution, plan.source, needed)
        case MergeRows():
            for branch in plan.branches:
                mark(execution, branch, needed)
        case ExpandRows():
            mark(execution, plan.source, needed)
        case SqlRows():
            pass  # its statement is among the compiled ones


def fragments_looked_at(execution: Execution, node: Any) -> str:
    if not isinstance(node, FilterRows):
        return ""
    may = possible(execution.sources[node.dataset], node.test)
    return f"fragments={np.count_nonzero(may)} of {len(may)}"


def relations(node: Any) -> list[Any]:
    """The relations of a plan that SQL answers, outermost first."""
    if isinstance(node, (AllRows, FilterRows, CutRows, MergeRows, OrderRows, DrawRows)):
        inner = node.branches if isinstance(node, MergeRows) else () if isinstance(node, AllRows) else (node.source,)
        return [found for one in inner for found in relations(one)]
    return [node.relation] if isinstance(node, (SqlRows, NearRows)) else [node]


def kept(execution: Execution, node: FilterRows | OrderRows) -> float:
    """About how many rows a filter or sort would yield without its limit."""
    found = estimate(execution, node.source)
    if isinstance(node, OrderRows):
        return found
    return min(found * share(execution, node.dataset, node.test), rows_looked_at(execution, node))


def rows_looked_at(execution: Execution, node: FilterRows) -> int:
    """The rows of the fragments that a filter looks at."""
    source = execution.sources[node.dataset]
    return int(np.diff(source.starts())[possible(source, node.test)].sum())


# --- trees and plans as indented outlines ----------------------------------------------------------------------------


def tree_outline(tree: Node) -> str:
    """One line for each node of a parsed query with its own values; a loop, as trees may be tall."""
    lines: list[str] = []
    pending: list[tuple[Node, int]] = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        own = [repr(part) for part in node.parts() if isinstance(part, (str, int, float, bool)) and part is not False]
        lines.append(f"{'  ' * depth}{type(node).__name__}{'(' + ', '.join(own) + ')' if own else ''}")
        pending += [(child, depth + 1) for child in reversed(list(node.children()))]
    return "\n".join(lines)


def outline(node: Any, remark: Callable[[Any], str], depth: int = 1) -> str:
    """One line for each node, its own values and the remark first, the nodes in it below."""
    inner = [value for value in members(node) if is_plan(value)]
    own = [f"{f.name}={brief(getattr(node, f.name))}" for f in fields(node) if says_something(getattr(node, f.name))]
    own += [said] if (said := remark(node)) else []
    lines = [f"{'  ' * depth}{type(node).__name__}{'(' + ', '.join(own) + ')' if own else ''}"]
    return "\n".join([*lines, *(outline(value, remark, depth + 1) for value in inner)])


def members(node: Any) -> list[Any]:
    found: list[Any] = []
    for f in fields(node):
        value = getattr(node, f.name)
        found += value if isinstance(value, tuple) else [value]
    return found


def is_plan(value: Any) -> bool:
    return is_dataclass(value) and type(value).__module__.rpartition(".")[2] in ("rows", "relations")


def is_relation(value: Any) -> bool:
    return is_plan(value) and type(value).__module__.endswith(".relations")


def says_something(value: Any) -> bool:
    if is_plan(value) or value is None or value == ():
        return False
    return not (isinstance(value, tuple) and any(is_plan(one) for one in value))


def brief(value: Any) -> str:
    match value:
        case Field() | ColumnInfo():
            return value.name
        case Bound():
            return type(value).__name__
        case tuple():
            return "[" + ", ".join(brief(one) for one in value[:8]) + (", ..." if len(value) > 8 else "") + "]"
        case _ if is_dataclass(value):
            return type(value).__name__
        case _:
            return str(value)


# --- estimates -------------------------------------------------------------------------------------------------------


def estimate(execution: Execution, node: RowPlan | Relation) -> float:
    """About how many rows (or groups) a node yields."""
    match node:
        case AllRows():
            return len(execution.held[node.dataset])
        case FilterRows() | OrderRows():
            return cut(kept(execution, node), node.limit, None, 0)
        case CutRows() | CutTo():
            return cut(estimate(execution, node.source), node.cut.count, node.cut.percent, node.cut.offset)
        case MergeRows():
            parts = [estimate(execution, branch) for branch in node.branches]
            return sum(parts) if node.op == "UNION" else min(parts) if node.op == "INTERSECT" else parts[0]
        case DrawRows():
            return cut(estimate(execution, node.source), node.draw.count, node.draw.percent, 0)
        case SqlRows() | NearRows():
            return estimate(execution, node.relation)
        case Scan():
            return estimate(execution, node.rows or AllRows(node.dataset))
        case Filter():
            return estimate(execution, node.source) * GUESS
        case CountRows():
            return 1
        case _:
            inner = [value for value in members(node) if is_plan(value)]
            return max((estimate(execution, value) for value in inner), default=0)


def cut(rows: float, count: int | None, percent: float | None, offset: int) -> float:
    if percent is not None:
        return rows * percent / 100
    left = max(0.0, rows - offset)
    return left if count is None else min(left, count)


def share(execution: Execution, dataset: int, test: Test) -> float:
    """The part of the rows that passes; of label tests it is measured on the first rows."""
    total = max(1, len(execution.held[dataset]))
    match test:
        case LabelTest():
            return label_share(execution.sources[dataset], test)
        case SpanTest():
            return sum(max(0, min(high, total - 1) - max(low, 0) + 1) for low, high in test.wanted) / total
        case Joined():
            shares = [share(execution, dataset, part) for part in test.tests]
            if test.op == "OR":
                return min(1.0, sum(shares))
            product = 1.0
            for one in shares:
                product *= one
            return product
        case _:
            return GUESS


def label_share(source: Derived, test: LabelTest) -> float:
    """Measured on the first rows of the first fragment that may have hits, for all fragments that may."""
    may = possible(source, test)
    sizes = np.diff(source.starts())
    number = next(iter(np.flatnonzero(may & (sizes > 0)).tolist()), None)
    if number is None:
        return 0
    first = source.labels(test.column.value, number)
    seen = min(SAMPLE, len(first.offsets) - 1)
    passed = np.count_nonzero(label_mask(first.offsets[: seen + 1], first.values, test))
    return float(passed / seen * sizes[may].sum() / sizes.sum())
