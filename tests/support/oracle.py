"""What a query means, evaluated over the tree row by row with NumPy and no SQL, to compare the engine with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import Any

from lakebed.tql import nodes

import oracle_functions  # noqa: F401  # tells `evaluate` what calls mean
from oracle_cells import Arr, Json, Row, Seq, condition, evaluate, seq


@dataclass(frozen=True)
class Line:
    """One row of a result: the rows of the dataset that it stands for (one, unless grouped), and its columns."""

    rows: tuple[int, ...]
    cells: Mapping[str, Any]
    """Everything that ORDER BY may name."""
    shown: Mapping[str, Any]


class Oracle:
    """Answers queries over columns given as Python lists of cells."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], labels: Mapping[str, Sequence[str]]) -> None:
        self.columns = columns
        self.labels = labels
        self.size = len(next(iter(columns.values())))

    def answer(self, query: nodes.Body) -> list[Line]:
        """The lines of the result, in order."""
        if not isinstance(query, nodes.Query):
            query = nodes.Query(query)
        lines = self.body(query.body)
        if query.order_by:
            lines = self.ordered(lines, query.order_by)
        if isinstance(query.body, nodes.Select) and (query.body.distinct or query.body.distinct_on):
            lines = self.distinct(lines, query.body)
        return cut(lines, query)

    def body(self, body: nodes.Body) -> list[Line]:
        match body:
            case nodes.Query():
                return self.answer(body)
            case nodes.SetOperation():
                return self.combined(body)
            case _:
                return self.select(body)

    # --- SELECT ------------------------------------------------------------------------------------------------------

    def select(self, select: nodes.Select) -> list[Line]:
        source = self.source(select.source)
        aliases = {
            item.alias: item.value for item in select.items if item.alias and not isinstance(item.value, nodes.Star)
        }
        kept: list[Line] = []
        for position, line in enumerate(source):
            row = Row(line.cells, position, self.labels, aliases)
            if select.where is None or condition(select.where, row) is True:
                kept.append(line)
        if select.expand is not None:
            kept = expanded(source, kept, select.expand)
        if select.group_by:
            return self.grouped(kept, select, aliases)
        return [self.shown(line, position, select, aliases) for position, line in enumerate(kept)]

    def source(self, source: nodes.Source | None) -> list[Line]:
        if isinstance(source, nodes.QuerySource):
            return [replace(line, cells=line.shown) for line in self.answer(source.query)]
        names = list(self.columns)
        cells = [{name: self.columns[name][i] for name in names} for i in range(self.size)]
        return [Line((i,), cell, cell) for i, cell in enumerate(cells)]

    def shown(self, line: Line, position: int, select: nodes.Select, aliases: Mapping[str, nodes.Expr]) -> Line:
        row = Row(line.cells, position, self.labels, aliases)
        shown: dict[str, Any] = {}
        for item in select.items:
            if isinstance(item.value, nodes.Star):
                shown |= line.cells
            else:
                shown[item.alias or name_of(item.value)] = evaluate(item.value, row)
        return Line(line.rows, {**line.cells, **shown}, shown)

    def grouped(self, lines: list[Line], select: nodes.Select, aliases: Mapping[str, nodes.Expr]) -> list[Line]:
        groups: dict[Any, list[Line]] = {}
        for position, line in enumerate(lines):
            row = Row(line.cells, position, self.labels, aliases)
            key = tuple(identity(evaluate(expr, row)) for expr in select.group_by)
            groups.setdefault(key, []).append(line)
        result: list[Line] = []
        for members in groups.values():
            cells: dict[str, Any] = {name: sequence([m.cells[name] for m in members]) for name in members[0].cells}
            for expr in select.group_by:
                assert isinstance(expr, nodes.Column), "the oracle groups by columns"
                cells[expr.name] = members[0].cells[expr.name]
            cells["count(*)"] = len(members)
            rows = tuple(row for m in members for row in m.rows)
            line = Line(rows, cells, cells)
            row = Row(cells, len(result), self.labels, {k: counted(v) for k, v in aliases.items()})
            if select.having is not None and condition(counted(select.having), row) is not True:
                continue
            items = tuple(
                replace(i, value=i.value if isinstance(i.value, nodes.Star) else counted(i.value)) for i in select.items
            )
            made = self.shown(line, len(result), replace(select, items=items), aliases)
            if select.across == "SPACE":
                shown = {name: end_to_end(cell) for name, cell in made.shown.items()}
                made = Line(made.rows, {**made.cells, **shown}, shown)
            result.append(made)
        return result

    # --- order, sets, limits -----------------------------------------------------------------------------------------

    def ordered(self, lines: list[Line], items: Sequence[nodes.OrderItem]) -> list[Line]:
        keys = [
            [evaluate(counted(item.value), Row(line.cells, position, self.labels)) for item in items]
            for position, line in enumerate(lines)
        ]

        def compare(a: int, b: int) -> int:
            for item, x, y in zip(items, keys[a], keys[b], strict=True):
                found = compare_keys(x, y, item)
                if found:
                    return found
            return a - b

        return [lines[i] for i in sorted(range(len(lines)), key=cmp_to_key(compare))]

    def distinct(self, lines: list[Line], select: nodes.Select) -> list[Line]:
        seen: set[Any] = set()
        kept = []
        for position, line in enumerate(lines):
            row = Row(line.cells, position, self.labels)
            values = [evaluate(e, row) for e in select.distinct_on] if select.distinct_on else list(line.shown.values())
            key = tuple(map(identity, values))
            if key not in seen:
                kept.append(line)
            seen.add(key)
        return kept

    def combined(self, node: nodes.SetOperation) -> list[Line]:
        if node.op == "UNION":
            branches = chain(node)
            lines = [line for branch in branches for line in self.answer(branch)]
            if node.all:
                return lines
            if not any(map(is_ordered, branches)):
                lines.sort(key=lambda line: line.rows)
            return first_of_each(lines)
        left, right = self.answer(node.left), self.answer(node.right)
        if node.all:
            return counted_set(node.op, left, right)
        known = {line.rows for line in right}
        return [line for line in first_of_each(left) if (line.rows in known) == (node.op == "INTERSECT")]


def chain(node: nodes.SetOperation) -> list[nodes.Body]:
    """The branches of a row of equal UNIONs."""
    left: nodes.Body = node.left
    if isinstance(left, nodes.SetOperation) and (left.op, left.all) == (node.op, node.all):
        return [*chain(left), node.right]
    return [left, node.right]


def first_of_each(lines: Sequence[Line]) -> list[Line]:
    seen: set[Any] = set()
    kept = []
    for line in lines:
        if line.rows not in seen:
            kept.append(line)
        seen.add(line.rows)
    return kept


def counted_set(op: str, left: Sequence[Line], right: Sequence[Line]) -> list[Line]:
    left_over = [line.rows for line in right]
    kept = []
    for line in left:
        hit = line.rows in left_over
        if hit:
            left_over.remove(line.rows)
        if hit == (op == "INTERSECT"):
            kept.append(line)
    return kept


def is_ordered(body: nodes.Body) -> bool:
    """Whether a branch orders or computes."""
    match body:
        case nodes.Query():
            return bool(body.order_by) or is_ordered(body.body)
        case nodes.SetOperation():
            return body.all or is_ordered(body.left) or is_ordered(body.right)
        case _:
            computes = any(not isinstance(i.value, (nodes.Star, nodes.Column)) for i in body.items)
            inner = isinstance(body.source, nodes.QuerySource) and is_ordered(body.source.query)
            return computes or inner or bool(body.group_by)


def cut(lines: list[Line], query: nodes.Query) -> list[Line]:
    start = 0 if query.offset is None else literal(query.offset)
    if query.limit is None or query.limit.count is None:
        return lines[start:]
    count = literal(query.limit.count)
    if query.limit.percent:
        count = math.floor(len(lines) * count / 100)
    return lines[start : start + max(0, count)]


def literal(node: nodes.Expr) -> int:
    if isinstance(node, nodes.Unary):
        return -literal(node.operand)
    assert isinstance(node, nodes.Literal)
    return int(node.value or 0)


def expanded(source: list[Line], hits: list[Line], expand: nodes.Expand) -> list[Line]:
    before, after = literal(expand.before), 0 if expand.after is None else literal(expand.after)
    at = [i for i, line in enumerate(source) if any(line is hit for hit in hits)]
    windows = [range(max(0, i - before), min(len(source), i + after + 1)) for i in at]
    if expand.overlap:
        return [source[i] for window in windows for i in window]
    return [source[i] for i in sorted({i for window in windows for i in window})]


# --- values ----------------------------------------------------------------------------------------------------------


def name_of(node: nodes.Expr) -> str:
    """The name of an unnamed result column: that of the one column in it."""
    while not isinstance(node, nodes.Column):
        match node:
            case nodes.Subscript():
                node = node.value
            case nodes.Binary():
                node = node.left if not isinstance(node.left, nodes.Literal) else node.right
            case nodes.Unary():
                node = node.operand
            case nodes.Call() if node.args and not isinstance(node.args[0], (nodes.Star, nodes.Weighted)):
                node = node.args[0]
            case _:
                return "?"
    return node.name


def counted(node: nodes.Expr) -> nodes.Expr:
    """COUNT(*) as the column that holds it."""
    if isinstance(node, nodes.Call) and any(isinstance(arg, nodes.Star) for arg in node.args):
        return nodes.Column("count(*)")
    if isinstance(node, nodes.Binary):
        return replace(node, left=counted(node.left), right=counted(node.right))
    return node


def sequence(cells: Sequence[Any]) -> Any:
    """The cells of a group: a sequence of arrays, or one array of single values."""
    first = cells[0]
    if isinstance(first, Seq):
        return None  # sequences are not grouped
    if isinstance(first, Arr):
        empty = Arr((), (0, *first.shape[1:])) if first.shape[1:] == (4,) else Arr((), (0,) * len(first.shape))
        return seq(cells, empty)
    return Arr(tuple(cells), (len(cells),))


def end_to_end(value: Any) -> Any:
    """The arrays of a sequence as one, along their first axis."""
    if not isinstance(value, Seq):
        return value
    return Arr(value.data, (sum(cell.shape[0] for cell in value.cells), *value.cells[0].shape[1:]))


def identity(value: Any) -> Any:
    """What two equal cells share: NaN equals NaN and NULL equals NULL here."""
    if isinstance(value, Arr):
        return ("array", value.shape, tuple(map(identity, value.data)))
    if isinstance(value, Json):
        return ("json", repr(value.value))
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return value


def compare_keys(x: Any, y: Any, item: nodes.OrderItem) -> int:
    last = [is_last(x), is_last(y)]
    if any(last):
        order = int(last[0]) - int(last[1])
        return -order if item.nulls_first else order
    found = int(x > y) - int(x < y)
    return -found if item.descending else found


def is_last(value: Any) -> bool:
    return value is None or bool(value != value)
