"""Bound queries to plans: row plans where a query only picks rows, relations where values are computed.

Rules: a branch stops at its limit; conditions on labels and boxes run over their elements; positions become slices;
columns are read for the rows that the cheap tests left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .bind import BoundTree, dataset_of, source_dataset
from .bound import (
    BoundDataset,
    BoundQuery,
    BoundSelect,
    BoundSetOperation,
    BoundSource,
    BoundSubquery,
    Cut,
    Field,
    Output,
    Ref,
    RowNumber,
    walk,
)
from .relations import (
    Combine,
    Compute,
    CountRows,
    CutTo,
    Distinct,
    DrawFrom,
    Filter,
    GroupBy,
    JoinOn,
    Relation,
    Scan,
    Sort,
    SpreadOut,
    WindowAround,
)
from .rows import AllRows, CutRows, FilterRows, MergeRows, RowPlan, SqlRows, test_of


@dataclass(frozen=True, slots=True)
class Plan:
    """What the engine runs: `rows` for a query that only picks rows, else `relation`; `outputs` in result order."""

    outputs: tuple[Field, ...]
    rows: RowPlan | None = None
    relation: Relation | None = None


def plan(tree: BoundTree) -> Plan:
    """The plan of a bound query."""
    query = tree.query
    if is_pure(query):
        return Plan(query.fields, rows=row_plan(query))
    return Plan(query.fields, relation=lower_query(query))


# --- queries that only pick rows -------------------------------------------------------------------------------------


def is_pure(query: BoundQuery) -> bool:
    """Whether every result column is a stored column of one dataset, one cell per row."""
    if dataset_of(query) is None:
        return False
    body = query.body
    match body:
        case BoundQuery():
            return is_pure(body)
        case BoundSetOperation():
            return all(is_pure(branch) for branch in body.branches)
        case BoundSelect():
            plain = all(is_stored(output) for output in body.outputs)
            counted = body.window is not None and body.window.counter is not None
            return plain and body.group is None and body.spread is None and not counted and pure_source(body.source)


def is_stored(output: Output) -> bool:
    return isinstance(output.value, Ref) and output.field.origin is not None and not output.field.grouped


def pure_source(source: BoundSource) -> bool:
    return isinstance(source, BoundDataset) or (isinstance(source, BoundSubquery) and is_pure(source.query))


def row_plan(query: BoundQuery) -> RowPlan:
    """The rows of a pure query."""
    number = dataset_of(query)
    assert number is not None
    simple = simple_rows(query.body)
    if simple is None or query.order or query.draw is not None:
        return SqlRows(number, lower_query(query))
    return cut_rows(number, simple, query.cut)


def simple_rows(body: BoundSelect | BoundSetOperation | BoundQuery) -> RowPlan | None:
    """The rows of a body that needs no sorting, or None if SQL must find them."""
    match body:
        case BoundQuery():
            return row_plan(body)
        case BoundSetOperation():
            return merge_rows(body)
        case BoundSelect():
            if body.window is not None or body.distinct is not None:
                return None
            return filtered_rows(body)


def merge_rows(body: BoundSetOperation) -> MergeRows:
    number = dataset_of(body.branches[0])
    assert number is not None
    ascending = not any(is_ordered(branch) for branch in body.branches)
    return MergeRows(number, body.op, body.all, tuple(row_plan(branch) for branch in body.branches), ascending)


def is_ordered(query: BoundQuery) -> bool:
    """Whether a branch orders, samples or computes, so that the order of its rows means something."""
    if query.order or query.draw is not None:
        return True
    body = query.body
    match body:
        case BoundQuery():
            return is_ordered(body)
        case BoundSetOperation():
            return body.all or any(is_ordered(branch) for branch in body.branches)
        case BoundSelect():
            if body.group is not None or not all(is_stored(o) for o in body.outputs):
                return True
            return isinstance(body.source, BoundSubquery) and is_ordered(body.source.query)


def filtered_rows(body: BoundSelect) -> RowPlan | None:
    number, rows = source_dataset(body.source), source_rows(body.source)
    assert number is not None
    if body.where is None:
        return rows
    test = test_of(body.where, all_rows=isinstance(rows, AllRows))
    if test is None:
        return None
    return FilterRows(number, rows, test)


def source_rows(source: BoundSource) -> RowPlan:
    if isinstance(source, BoundSubquery):
        return row_plan(source.query)
    assert isinstance(source, BoundDataset)
    return AllRows(source.number)


def cut_rows(number: int, rows: RowPlan, cut: Cut | None) -> RowPlan:
    """`rows` cut; a filter is told how many rows are wanted, so that it may stop early."""
    if cut is None:
        return rows
    if cut.count is not None and isinstance(rows, FilterRows) and rows.limit is None:
        rows = replace(rows, limit=cut.count + cut.offset)
    return CutRows(number, rows, cut)


# --- everything else -------------------------------------------------------------------------------------------------


def lower_query(query: BoundQuery) -> Relation:
    """Body, then order, cut and sample, in the order of the text."""
    body = query.body
    late: tuple[Output, ...] = ()
    match body:
        case BoundQuery():
            relation = lower_query(body)
        case BoundSetOperation():
            relation = lower_set_operation(body)
        case BoundSelect():
            late = () if body.distinct is not None or body.spread is not None else numbered(body, query)
            relation = lower_select(body, late)
    if query.order:
        relation = Sort(relation, query.order)
    if query.cut is not None:
        relation = CutTo(relation, query.cut)
    if query.draw is not None:
        relation = DrawFrom(relation, query.draw)
    return computed(relation, late)


def numbered(body: BoundSelect, query: BoundQuery) -> tuple[Output, ...]:
    """Outputs that count the result's rows: computed after order and limit, unless these need them."""
    if body.group is not None:
        return ()
    used = {e.field.number for key in query.order for e in walk(key.value) if isinstance(e, Ref)}
    if query.draw is not None:
        used |= {e.field.number for e in walk(query.draw.weight) if isinstance(e, Ref)}
    counting = [o for o in body.outputs if any(isinstance(e, RowNumber) for e in walk(o.value))]
    return tuple(o for o in counting if o.field.number not in used)


def lower_select(body: BoundSelect, late: tuple[Output, ...] = ()) -> Relation:
    relation = lower_where(body)
    if body.counts:
        return CountRows(relation, body.outputs[0].field)
    if body.window is not None:
        number = source_dataset(body.source)
        assert number is not None
        relation = WindowAround(relation, number, body.window, body.source.fields)
    if body.group is not None:
        relation = GroupBy(relation, body.group)
    outputs = tuple(o for o in body.outputs if o not in late)
    if body.spread is not None:
        return SpreadOut(relation, body.spread)
    relation = computed(relation, outputs)
    if body.having is not None:
        relation = Filter(relation, body.having)
    if body.distinct is not None:
        relation = Distinct(relation, body.distinct)
    return relation


def computed(relation: Relation, outputs: tuple[Output, ...]) -> Relation:
    items = tuple((o.field, o.value) for o in outputs if not o.is_plain)
    return Compute(relation, items) if items else relation


def lower_where(body: BoundSelect) -> Relation:
    """The source, filtered: by a row plan where the condition has parts that need no SQL."""
    relation = lower_source(body.source)
    if body.where is None:
        return relation
    if isinstance(relation, Scan):
        rows = relation.rows or AllRows(relation.dataset)
        test = test_of(body.where, all_rows=isinstance(rows, AllRows))
        if test is not None:
            return replace(relation, rows=FilterRows(relation.dataset, rows, test))
    return Filter(relation, body.where)


def lower_source(source: BoundSource) -> Relation:
    match source:
        case BoundDataset():
            return Scan(source.number, source.fields)
        case BoundSubquery(query=query) if is_pure(query):
            number = dataset_of(query)
            assert number is not None
            return Scan(number, query.fields, row_plan(query))
        case BoundSubquery():
            return lower_query(source.query)
        case _:
            return JoinOn(source.kind, lower_source(source.left), lower_source(source.right), source.on)


def lower_set_operation(body: BoundSetOperation) -> Relation:
    number = dataset_of(body.branches[0])
    if body.by_row and all(is_pure(branch) for branch in body.branches):
        assert number is not None
        return Scan(number, body.stored, merge_rows(body))
    columns = []
    for field in body.fields:
        columns.append((field, tuple(named(branch, field.name) for branch in body.branches)))
    ascending = body.by_row and not any(is_ordered(branch) for branch in body.branches)
    branches = tuple(lower_query(branch) for branch in body.branches)
    return Combine(body.op, body.all, branches, tuple(columns), body.by_row, ascending)


def named(query: BoundQuery, name: str) -> Field:
    return next(field for field in query.fields if field.name == name)
