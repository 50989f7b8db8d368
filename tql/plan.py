"""Bound queries to plans: row plans where a query only picks rows, relations where values are computed.

Rules: a branch stops at its limit; conditions on labels and boxes run over their elements; positions become slices;
columns are read for the rows that the cheap tests left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .bind import BoundTree
from .bound import (
    BoundDataset,
    BoundQuery,
    BoundSelect,
    BoundSetOperation,
    BoundSource,
    BoundSubquery,
    Cut,
    Expr,
    Field,
    Output,
    Ref,
    RowNumber,
    is_pixel_part,
)
from .grouping import GroupRows, group_rows
from .lineage import dataset_of, is_ordered, is_pure, pure_source, shows_stored
from .nearest import near_key
from .ordering import order_keys
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
)
from .row_tests import SqlTest, test_of
from .rows import AllRows, CutRows, ExpandRows, FilterRows, MergeRows, NearRows, OrderRows, RowPlan, SqlRows
from .walking import walk
from .weights import draw_rows


@dataclass(frozen=True, slots=True)
class Plan:
    """What the engine runs: `rows` for a query that only picks rows, else `relation`; `outputs` in result order."""

    outputs: tuple[Field, ...]
    rows: RowPlan | None = None
    relation: Relation | None = None

    @property
    def counted(self) -> RowPlan | None:
        """The rows whose number is the whole answer, where a row plan finds them."""
        if isinstance(self.relation, CountRows) and isinstance(self.relation.source, Scan):
            scan = self.relation.source
            return None if scan.counter is not None else scan.rows or AllRows(scan.dataset)
        return None

    @property
    def grouped(self) -> GroupRows | None:
        """The groups that are the whole answer, where no SQL is needed to find and describe them."""
        return group_rows(self.relation, self.outputs)


def plan(tree: BoundTree) -> Plan:
    """The plan of a bound query."""
    query = tree.query
    if is_pure(query):
        return Plan(query.fields, rows=row_plan(query))
    return Plan(query.fields, relation=lower_query(query))


# --- queries that only pick rows -------------------------------------------------------------------------------------


def row_plan(query: BoundQuery) -> RowPlan:
    """The rows of a pure query."""
    number = the_dataset(query)
    simple = simple_rows(query.body)
    found = None if simple is None else ordered_rows(number, simple, query)
    if found is not None:
        found = cut_rows(number, found, query.cut)
    if found is not None and query.draw is not None:
        found = draw_rows(found, query.draw)
    if found is None and simple is not None and isinstance(query.body, BoundSelect) and query.body.window is None:
        relation = lower_where(query.body)
        assert isinstance(relation, Scan), "its rows are simple"
        found = near_rows(relation, query)
    return SqlRows(number, lower_query(query)) if found is None else found


def near_rows(relation: Scan, query: BoundQuery) -> RowPlan | None:
    """The rows of a scan cut to those that are nearest to a known vector; None if the query asks for something else."""
    key, limits = near_key(query.order), query.cut
    if key is None or limits is None or limits.count is None or query.draw is not None:
        return None
    rows = relation.rows or AllRows(relation.dataset)
    if not isinstance(rows.source if isinstance(rows, FilterRows) else rows, AllRows):
        return None  # they come in another order
    wanted = limits.count + limits.offset
    by_sql = CutTo(Sort(relation, query.order), Cut(count=wanted))
    return CutRows(relation.dataset, NearRows(relation.dataset, rows, key, wanted, by_sql), limits)


def the_dataset(query: BoundQuery) -> int:
    number = dataset_of(query)
    assert number is not None, "asked of queries over one dataset only"
    return number


def simple_rows(body: BoundSelect | BoundSetOperation | BoundQuery) -> RowPlan | None:
    """The rows of a body that needs no sorting, or None if SQL must find them."""
    match body:
        case BoundQuery():
            return row_plan(body)
        case BoundSetOperation():
            return merge_rows(body)
        case _:
            if body.distinct is not None:
                return None
            return filtered_rows(body) if body.window is None else expanded_rows(body)


def ordered_rows(number: int, rows: RowPlan, query: BoundQuery) -> RowPlan | None:
    """`rows` in the order that the query asks for, or None if SQL must sort them."""
    if not query.order:
        return rows
    keys = order_keys(query.order)
    return None if keys is None else OrderRows(number, rows, keys)


def merge_rows(body: BoundSetOperation) -> MergeRows:
    ascending = not any(is_ordered(branch) for branch in body.branches)
    branches = tuple(row_plan(branch) for branch in body.branches)
    return MergeRows(the_dataset(body.branches[0]), body.op, body.all, branches, ascending)


def filtered_rows(body: BoundSelect) -> RowPlan | None:
    """The rows of the source that pass WHERE, or None if the whole of WHERE is SQL's."""
    rows = source_rows(body.source)
    if body.where is None:
        return rows
    test = test_of(body.where, all_rows=isinstance(rows, AllRows))
    return None if test is None else FilterRows(rows.dataset, rows, test)


def expanded_rows(body: BoundSelect) -> ExpandRows:
    assert body.window is not None
    rows = source_rows(body.source)
    hits = filtered_rows(body) or SqlRows(rows.dataset, lower_where(body))
    return ExpandRows(rows.dataset, rows, hits, body.window)


def source_rows(source: BoundSource) -> RowPlan:
    if isinstance(source, BoundSubquery):
        return row_plan(source.query)
    assert isinstance(source, BoundDataset)
    return AllRows(source.number)


def cut_rows(number: int, rows: RowPlan, cut: Cut | None) -> RowPlan:
    """`rows` cut; a filter or sort is told how many rows are wanted, so that it may stop early."""
    if cut is None:
        return rows
    if cut.count is not None and isinstance(rows, (FilterRows, OrderRows)) and rows.limit is None:
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
        case _:
            late = numbered(body, query)
            relation = lower_select(body, late)
            early = chosen_first(relation, query, body)
            if early is not None:
                return computed(early, late)
    if query.order:
        relation = Sort(relation, query.order)
    if isinstance(body, BoundSelect) and body.distinct is not None:
        relation = Distinct(
            relation, body.distinct
        )  # after sorting: of equal rows the first in the order asked for stays
    if query.cut is not None:
        relation = CutTo(relation, query.cut)
    if query.draw is not None:
        relation = DrawFrom(relation, query.draw)
    return computed(relation, late)


def chosen_first(relation: Relation, query: BoundQuery, body: BoundSelect) -> Relation | None:
    """`relation` over the rows that order and limit leave, where these can be found before columns are computed."""
    if body.distinct is not None or (query.cut is None and not query.order and query.draw is None):
        return None
    if isinstance(relation, Compute):
        inner = chosen_first(relation.source, query, body)
        return None if inner is None else replace(relation, source=inner)
    if not isinstance(relation, Scan) or relation.counter is not None:
        return None
    rows = first_rows(relation, query)
    return None if rows is None else replace(relation, rows=rows)


def first_rows(relation: Scan, query: BoundQuery) -> RowPlan | None:
    """The rows of a scan that order, limit and sample leave, or None if SQL must find them."""
    stored = (*relation.fields, *(field for field in query.fields if field.origin is not None))
    if not all(names_only(clause, stored) for clause in late_clauses(query)):
        return None
    rows = ordered_rows(relation.dataset, relation.rows or AllRows(relation.dataset), query)
    if rows is None:
        return near_rows(relation, query)
    rows = cut_rows(relation.dataset, rows, query.cut)
    return rows if query.draw is None else draw_rows(rows, query.draw)


def late_clauses(query: BoundQuery) -> list[Expr]:
    """What ORDER BY and SAMPLE BY ask of each row."""
    return [key.value for key in query.order] + ([] if query.draw is None else [query.draw.weight])


def numbered(body: BoundSelect, query: BoundQuery) -> tuple[Output, ...]:
    """Outputs that count the result's rows: computed after order and limit, unless these need them."""
    if body.group is not None or body.distinct is not None or body.spread is not None:
        return ()
    used = {e.field.number for clause in late_clauses(query) for e in walk(clause) if isinstance(e, Ref)}
    counting = [o for o in body.outputs if any(isinstance(e, RowNumber) for e in walk(o.value))]
    return tuple(o for o in counting if o.field.number not in used)


def lower_select(body: BoundSelect, late: tuple[Output, ...]) -> Relation:
    relation = lower_where(body) if body.window is None else lower_window(body)
    if body.counts:
        return CountRows(relation, body.outputs[0].field)
    if body.group is not None:
        relation = GroupBy(relation, body.group)
    if body.having is not None:
        relation = Filter(relation, body.having)
    if body.spread is not None:
        return SpreadOut(computed(relation, body.spread.inner), body.spread)
    return computed(relation, tuple(o for o in body.outputs if o not in late))


def computed(relation: Relation, outputs: tuple[Output, ...]) -> Relation:
    items = tuple((o.field, o.value) for o in outputs if not o.is_plain)
    return Compute(relation, items) if items else relation


def lower_window(body: BoundSelect) -> Relation:
    assert body.window is not None
    rows = expanded_rows(body)
    return Scan(rows.dataset, body.source.fields, rows, body.window.counter)


def lower_where(body: BoundSelect) -> Relation:
    """The source, filtered: by a row plan where the condition has parts that need no SQL."""
    relation = lower_source(body.source)
    if body.where is None:
        return relation
    if isinstance(relation, Scan) and names_only(body.where, relation.fields):
        rows = relation.rows or AllRows(relation.dataset)
        test = test_of(body.where, all_rows=isinstance(rows, AllRows))
        if test is None and reads_pixels(body):
            test = SqlTest(body.where)
        if test is not None:
            return replace(relation, rows=FilterRows(relation.dataset, rows, test))
    return Filter(relation, body.where)


def reads_pixels(body: BoundSelect) -> bool:
    """Whether a result column is about pixels: then rows are filtered first, so that few are decoded."""
    return any(isinstance(e, Ref) and is_pixel_part(e.part) for o in body.outputs for e in walk(o.value))


def names_only(condition: Expr, fields: tuple[Field, ...]) -> bool:
    """Whether a condition reads no row but that of its own source (a correlated one does)."""
    own = {f.number for f in fields}
    return all(e.field.number in own for e in walk(condition) if isinstance(e, Ref))


def lower_source(source: BoundSource) -> Relation:
    match source:
        case BoundDataset():
            return Scan(source.number, source.fields)
        case BoundSubquery(query=query) if pure_source(source):
            return Scan(the_dataset(query), query.fields, row_plan(query))
        case BoundSubquery():
            return lower_query(source.query)
        case _:
            return JoinOn(source.kind, lower_source(source.left), lower_source(source.right), source.on)


def lower_set_operation(body: BoundSetOperation) -> Relation:
    if body.by_row and shows_stored(body) and all(is_pure(branch) for branch in body.branches):
        return Scan(the_dataset(body.branches[0]), body.stored, merge_rows(body))
    columns = tuple((field, tuple(named(branch, field.name) for branch in body.branches)) for field in body.fields)
    ascending = body.by_row and not any(is_ordered(branch) for branch in body.branches)
    branches = tuple(lower_query(branch) for branch in body.branches)
    return Combine(body.op, body.all, branches, columns, body.stored, body.by_row, ascending)


def named(query: BoundQuery, name: str) -> Field:
    return next(field for field in query.fields if field.name == name)
