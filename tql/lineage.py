"""Where the rows of a bound query come from: which dataset, in which order, with or without an outer row."""

from __future__ import annotations

from collections.abc import Iterator

from .bound import (
    BoundDataset,
    BoundQuery,
    BoundSelect,
    BoundSetOperation,
    BoundSource,
    BoundSubquery,
    ExistsRelation,
    Expr,
    InRelation,
    Output,
    Ref,
)
from .walking import walk


def dataset_of(query: BoundQuery) -> int | None:
    """The one dataset whose rows a query yields, or None if it joins several or counts."""
    body = query.body
    match body:
        case BoundQuery():
            return dataset_of(body)
        case BoundSetOperation():
            return dataset_of(body.branches[0]) if body.by_row else None
        case _:
            return None if body.counts else source_dataset(body.source)


def source_dataset(source: BoundSource) -> int | None:
    match source:
        case BoundDataset():
            return source.number
        case BoundSubquery():
            return dataset_of(source.query)
        case _:
            return None


def is_pure(query: BoundQuery) -> bool:
    """Whether every result column is a stored column of one dataset, one cell per row, and no outer row is needed."""
    return dataset_of(query) is not None and is_plain(query) and is_closed(query)


def is_plain(query: BoundQuery) -> bool:
    body = query.body
    match body:
        case BoundQuery():
            return is_plain(body)
        case BoundSetOperation():
            return shows_stored(body) and all(is_plain(branch) for branch in body.branches)
        case _:
            plain = all(is_stored(output) for output in body.outputs)
            counted = body.window is not None and body.window.counter is not None
            return plain and body.group is None and body.spread is None and not counted and plain_source(body.source)


def shows_stored(body: BoundSetOperation) -> bool:
    """Whether each result column is one stored column: a name may stand for another one in each branch."""
    return all(field.origin is not None and not field.grouped for field in body.fields)


def is_stored(output: Output) -> bool:
    return isinstance(output.value, Ref) and output.field.origin is not None and not output.field.grouped


def plain_source(source: BoundSource) -> bool:
    return isinstance(source, BoundDataset) or (isinstance(source, BoundSubquery) and is_plain(source.query))


def pure_source(source: BoundSource) -> bool:
    return isinstance(source, BoundDataset) or (isinstance(source, BoundSubquery) and is_pure(source.query))


def of_groups(query: BoundQuery) -> bool:
    """Whether each row of the result is a group of rows."""
    body = query.body
    match body:
        case BoundQuery():
            return of_groups(body)
        case BoundSetOperation():
            return of_groups(body.branches[0])
        case _:
            if body.group is not None or body.spread is not None:
                return body.spread is None or bool(body.spread.sizes)
            return isinstance(body.source, BoundSubquery) and of_groups(body.source.query) and not body.counts


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
        case _:
            if body.group is not None or not all(is_stored(o) for o in body.outputs):
                return True
            return isinstance(body.source, BoundSubquery) and is_ordered(body.source.query)


# --- correlated sub-queries ------------------------------------------------------------------------------------------


def is_closed(query: BoundQuery) -> bool:
    """Whether every column that a query names is one of its own."""
    made: set[int] = set()
    named: set[int] = set()
    gather(query, made, named)
    return named <= made


def gather(query: BoundQuery, made: set[int], named: set[int]) -> None:
    """Adds the numbers of the fields that a query makes, and of those that it names."""
    made |= {f.number for f in query.fields}
    for expr in own_expressions(query):
        for one in walk(expr):
            if isinstance(one, Ref):
                named.add(one.field.number)
            elif isinstance(one, (InRelation, ExistsRelation)):
                gather(one.query, made, named)
    body = query.body
    match body:
        case BoundQuery():
            gather(body, made, named)
        case BoundSetOperation():
            made |= {f.number for f in body.stored}
            for branch in body.branches:
                gather(branch, made, named)
        case _:
            if body.group is not None:
                made |= {f.number for f, _ in (*body.group.keys, *body.group.members)}
            gather_source(body.source, made, named)


def gather_source(source: BoundSource, made: set[int], named: set[int]) -> None:
    match source:
        case BoundDataset():
            made |= {f.number for f in source.fields}
        case BoundSubquery():
            gather(source.query, made, named)
        case _:
            gather_source(source.left, made, named)
            gather_source(source.right, made, named)
            if source.on is not None:
                named |= {e.field.number for e in walk(source.on) if isinstance(e, Ref)}


def own_expressions(query: BoundQuery) -> Iterator[Expr]:
    """The expressions of a query's own clauses."""
    yield from (key.value for key in query.order)
    if query.draw is not None:
        yield query.draw.weight
    body = query.body
    if not isinstance(body, BoundSelect):
        return
    spread = () if body.spread is None else body.spread.inner
    yield from (output.value for output in (*spread, *body.outputs))
    yield from body.distinct or ()
    yield from (expr for expr in (body.where, body.having) if expr is not None)
    if body.group is not None:
        yield from (expr for _, expr in (*body.group.keys, *body.group.members))
