"""FROM: datasets, common tables, sub-queries and joins; their columns come into sight."""

from __future__ import annotations

from . import nodes
from .bind_conditions import bind_condition
from .bound import BoundDataset, BoundJoin, BoundSource, BoundSubquery, Expr, Ref
from .coerce import compare, logic, suggest
from .errors import TQLNameError
from .scope import DatasetUse, Scope
from .source import Span

ASKED = "dataset"
"""As a bare name in FROM, the dataset that is asked; Deep Lake's documentation and the SQL dialect call it so."""


def bind_source(node: nodes.Source | None, scope: Scope, span: Span) -> BoundSource:
    """The relation that FROM names; its fields are added to `scope`."""
    match node:
        case None:
            if not scope.context.datasets or scope.context.datasets[0].path is not None:
                raise TQLNameError(
                    "the query names no dataset", kind="no-dataset", span=span, hint='write FROM "path/to/dataset"'
                )
            return add_dataset(scope.context.datasets[0], None, scope)
        case nodes.DatasetSource():
            return bind_named(node, scope)
        case nodes.QuerySource():
            return add_query(node.query, node.alias, scope)
        case _:
            return bind_join(node, scope)


def add_dataset(use: DatasetUse, alias: str | None, scope: Scope) -> BoundDataset:
    fields = tuple(scope.context.new_field(name, type_, origin) for name, type_, origin in use.columns)
    scope.fields += [(alias, f) for f in fields]
    return BoundDataset(use.number, fields)


def add_query(query: nodes.Query, alias: str | None, scope: Scope) -> BoundSubquery:
    inner = scope.bind_source(query, scope.tables)
    scope.fields += [(alias, f) for f in inner.fields]
    return BoundSubquery(inner)


def names(node: nodes.DatasetSource, use: DatasetUse) -> bool:
    """Whether FROM means a dataset that is known already: by its path, or the one that is asked by the word `ASKED`."""
    if use.path is None:
        return (node.path, node.version, node.quoted) == (ASKED, None, False)
    return (node.path, node.version) == (use.path, use.version)


def bind_named(node: nodes.DatasetSource, scope: Scope) -> BoundSource:
    """A common table, or a dataset by its path."""
    alias = node.alias or node.path
    if not node.quoted and node.version is None and node.path in scope.tables:
        others = {name: query for name, query in scope.tables.items() if name != node.path}
        inner = scope.bind_source(scope.tables[node.path], others)
        scope.fields += [(alias, f) for f in inner.fields]
        return BoundSubquery(inner)
    context = scope.context
    for use in context.datasets:
        if names(node, use):
            return add_dataset(use, alias, scope)
    if context.resolve is None:
        raise TQLNameError(
            f"there is no source {node.path!r}",
            kind="unknown-dataset",
            span=node.span,
            hint=suggest(node.path, scope.tables, "common tables")
            if scope.tables
            else "leave FROM out, or ask lakebed.query(...)",
        )
    use = DatasetUse(len(context.datasets) or 0, context.resolve(node.path, node.version), node.path, node.version)
    context.datasets.append(use)
    return add_dataset(use, alias, scope)


def bind_join(node: nodes.Join, scope: Scope) -> BoundJoin:
    left = bind_source(node.left, scope, node.span)
    middle = len(scope.fields)
    right = bind_source(node.right, scope, node.span)
    known = {alias for alias, _ in scope.fields[:middle] if alias}
    twice = next((alias for alias, _ in scope.fields[middle:] if alias in known), None)
    if twice is not None:
        raise TQLNameError(
            f"two sources are called {twice!r}",
            kind="duplicate-source",
            span=node.span,
            hint='name one: FROM "path" AS other',
        )
    on = None if node.on is None else bind_condition(node.on, scope)
    if node.using:
        on = using(node, scope, middle)
    return BoundJoin(node.kind, left, right, on, (*left.fields, *right.fields))


def using(node: nodes.Join, scope: Scope, middle: int) -> Expr:
    """``USING (a, b)`` as equalities; the left column stands for both."""
    tests: list[Expr] = []
    for name in node.using:
        sides = []
        for part in (scope.fields[:middle], scope.fields[middle:]):
            hits = [f for _, f in part if f.name == name]
            if len(hits) != 1:
                raise TQLNameError(f"USING needs a column {name!r} on each side", kind="unknown-column", span=node.span)
            sides.append(hits[0])
        left, right = (Ref(f, type=f.type, span=node.span) for f in sides)
        tests.append(compare("=", left, right, node.span))
        hidden = sides[0] if node.kind == "RIGHT" else sides[1]
        scope.fields = [(alias, f) for alias, f in scope.fields if f is not hidden]
        middle -= hidden is sides[0]
    return tests[0] if len(tests) == 1 else logic("AND", tests, node.span)
