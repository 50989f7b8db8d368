"""How a query would run, for people: canonical text, plan, SQL, and about how many rows."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from .label_scan import label_rows
from .tql import parse, to_text
from .tql.bound import Bound, Field
from .tql.relations import Compute, CountRows, CutTo, Filter, GroupBy, Relation, Scan
from .tql.rows import AllRows, CutRows, FilterRows, Joined, LabelTest, MergeRows, RowPlan, SpanTest, SqlRows, Test
from .tql.schema import ColumnInfo

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
    plan: str
    sql: tuple[str, ...]
    """Each statement that DuckDB would run; none if the query only looks at labels and positions."""
    estimated_rows: int

    def __str__(self) -> str:
        statements = "".join(f"\nsql:\n  {one}" for one in self.sql)
        return f"query:\n  {self.text}\nplan:\n{self.plan}{statements}\nestimated rows: {self.estimated_rows}"


def explanation(execution: Execution) -> Explanation:
    root: Any = execution.plan.rows or execution.plan.relation
    statements = tuple(execution.compiled(r, execution.plan.outputs if r is root else ()).sql for r in relations(root))
    return Explanation(to_text(parse(execution.text)), outline(root), statements, round(estimate(execution, root)))


def relations(node: Any) -> list[Any]:
    """The relations of a plan that SQL answers, outermost first."""
    if isinstance(node, (AllRows, FilterRows, CutRows, MergeRows)):
        inner = node.branches if isinstance(node, MergeRows) else () if isinstance(node, AllRows) else (node.source,)
        return [found for one in inner for found in relations(one)]
    return [node.relation] if isinstance(node, SqlRows) else [node]


# --- the plan as an indented outline ---------------------------------------------------------------------------------


def outline(node: Any, depth: int = 1) -> str:
    """One line for each node, its own values first, the nodes in it below."""
    inner = [value for value in members(node) if is_plan(value)]
    own = [f"{f.name}={brief(getattr(node, f.name))}" for f in fields(node) if says_something(getattr(node, f.name))]
    lines = [f"{'  ' * depth}{type(node).__name__}{'(' + ', '.join(own) + ')' if own else ''}"]
    return "\n".join([*lines, *(outline(value, depth + 1) for value in inner)])


def members(node: Any) -> list[Any]:
    found: list[Any] = []
    for f in fields(node):
        value = getattr(node, f.name)
        found += value if isinstance(value, tuple) else [value]
    return found


def is_plan(value: Any) -> bool:
    return is_dataclass(value) and type(value).__module__.rpartition(".")[2] in ("rows", "relations")


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
        case FilterRows():
            found = estimate(execution, node.source) * share(execution, node.dataset, node.test)
            return found if node.limit is None else min(found, node.limit)
        case CutRows() | CutTo():
            return cut(estimate(execution, node.source), node.cut.count, node.cut.percent, node.cut.offset)
        case MergeRows():
            parts = [estimate(execution, branch) for branch in node.branches]
            return sum(parts) if node.op == "UNION" else min(parts) if node.op == "INTERSECT" else parts[0]
        case SqlRows():
            return estimate(execution, node.relation)
        case Scan():
            return estimate(execution, node.rows or AllRows(node.dataset))
        case Filter():
            return estimate(execution, node.source) * GUESS
        case CountRows():
            return 1
        case GroupBy() | Compute():
            return estimate(execution, node.source)
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
            chunks = execution.sources[dataset].chunks(test.column.value)[:1]
            if not chunks:
                return 0
            first = chunks[0]
            seen = min(SAMPLE, len(first.offsets) - 1)
            sample = type(first)(first.first, first.offsets[: seen + 1], first.values)
            return len(label_rows([sample], test, None)) / max(1, seen)
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
