"""Trees to bound queries: sources opened, names and types resolved, clause by clause; expressions are bound elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import nodes
from .bind_clauses import bind_cut, bind_distinct, bind_draw, bind_group, bind_order, bind_spread, bind_window
from .bind_conditions import bind_condition
from .bind_expressions import bind_expr
from .bound import (
    INT,
    BoundDataset,
    BoundJoin,
    BoundQuery,
    BoundSelect,
    BoundSetOperation,
    BoundSource,
    BoundSubquery,
    Const,
    Expr,
    Field,
    Group,
    Origin,
    Output,
    Ref,
    walk,
)
from .coerce import compare, logic, suggest
from .errors import TQLLimitError, TQLNameError, TQLTypeError, TQLUnsupportedError
from .lineage import dataset_of
from .schema import DatasetSchema
from .scope import Binders, Context, DatasetUse, Grouping, Resolver, Scope, UserFunction, column_type
from .source import Span


@dataclass(frozen=True, slots=True)
class BoundTree:
    """A whole bound query and the datasets it reads, by number."""

    query: BoundQuery
    datasets: tuple[DatasetUse, ...]


def bind(
    tree: nodes.Query,
    schema: DatasetSchema | None,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    resolve: Resolver | None = None,
    functions: Mapping[str, UserFunction] | None = None,
) -> BoundTree:
    """Resolve every name of `tree` against `schema` (dataset 0) and the datasets that FROM names.

    Args:
        tree: what `lakebed.tql.parse` returned.
        schema: the dataset that is asked; None if the query must name its datasets in FROM.
        params: values of ``?`` (a sequence) or ``:name`` (a mapping).
        resolve: finds the schema of a dataset by path and version.
        functions: functions registered from Python, by upper-case name.

    Raises:
        TQLNameError, TQLTypeError, TQLUnsupportedError: with the place in the text and a hint.
        TQLLimitError: the query is nested too deeply.
    """
    context = Context(params, resolve, functions or {}, binders=Binders(bind_expr, bind_query))
    if schema is not None:
        context.datasets.append(DatasetUse(0, schema))
    try:
        query = bind_query(tree, context, {}, None)
    except RecursionError:
        raise TQLLimitError("the query is nested too deeply", span=tree.span) from None
    return BoundTree(query, tuple(context.datasets))


def bind_query(node: nodes.Body, context: Context, tables: dict[str, nodes.Query], parent: Scope | None) -> BoundQuery:
    """A query, a branch or a sub-query; `tables` are the common tables in sight, `parent` the query around it."""
    if not isinstance(node, nodes.Query):
        return BoundQuery(bind_body(node, context, tables, parent)[0])
    for table in node.with_tables:
        tables = {
            **tables,
            table.name: replace(table.query, with_tables=(*as_tables(tables), *table.query.with_tables)),
        }
    body, scope = bind_body(node.body, context, tables, parent)
    order = tuple(bind_order(item, scope) for item in node.order_by)
    cut = bind_cut(node, scope)
    draw = None if node.sample is None else bind_draw(node.sample, scope)
    if isinstance(body, BoundSelect) and body.group is not None and scope.grouping is not None:
        # ORDER BY and SAMPLE BY may ask for columns of the groups that SELECT does not show.
        body = replace(body, group=finished(scope.grouping, body.group.across))
    return BoundQuery(body, order, cut, draw)


def as_tables(tables: dict[str, nodes.Query]) -> tuple[nodes.CommonTable, ...]:
    return tuple(nodes.CommonTable(name, query) for name, query in tables.items())


def bind_body(
    node: nodes.Body, context: Context, tables: dict[str, nodes.Query], parent: Scope | None
) -> tuple[BoundSelect | BoundSetOperation | BoundQuery, Scope]:
    """The body and the scope in which its ORDER BY is read."""
    if isinstance(node, nodes.Select):
        return bind_select(node, context, tables, parent)
    if isinstance(node, nodes.SetOperation):
        return bind_set_operation(node, context, tables, parent)
    inner = bind_query(node, context, tables, parent)
    return inner, scope_of_results(inner.fields, context, tables, parent)


def scope_of_results(
    fields: Sequence[Field], context: Context, tables: dict[str, nodes.Query], parent: Scope | None
) -> Scope:
    return Scope(context, [(None, f) for f in fields], tables=tables, parent=parent, in_result=True)


# --- SELECT ----------------------------------------------------------------------------------------------------------


def bind_select(
    node: nodes.Select, context: Context, tables: dict[str, nodes.Query], parent: Scope | None
) -> tuple[BoundSelect, Scope]:
    scope = Scope(context, tables=tables, parent=parent)
    source = bind_source(node.source, scope, node.span)
    scope.aliases = {
        item.alias: item.value for item in node.items if item.alias and not isinstance(item.value, nodes.Star)
    }
    where = None if node.where is None else bind_condition(node.where, scope)
    if counts_rows(node):
        return count_query(node, source, where, scope)
    window = None if node.expand is None else bind_window(node.expand, source, scope)
    if node.group_by:
        scope.grouping = Grouping([])
        scope.grouping.keys = bind_group(node.group_by, replace_scope(scope, None))
    elif node.having is not None:
        raise TQLUnsupportedError("HAVING needs GROUP BY", kind="having-alone", span=node.having.span, hint="use WHERE")
    outputs = bind_outputs(node, replace_scope(scope, scope.grouping, in_result=True))
    if window is not None and window.counter is not None:
        outputs = (*outputs, Output(window.counter, Ref(window.counter, type=INT)))
    having = None if node.having is None else bind_condition(node.having, scope)
    after = replace_scope(scope, scope.grouping, in_result=True)
    after.results = {o.field.name: shown(o) for o in outputs}
    distinct = bind_distinct(node, outputs, after)
    spread, outputs = bind_spread(node, outputs, after)
    group = None if scope.grouping is None else finished(scope.grouping, node.across)
    select = BoundSelect(source, outputs, where, window, group, having, distinct, spread)
    if spread is not None:
        after = scope_of_results(select.fields, context, tables, parent)
    return select, after


def shown(output: Output) -> Expr:
    """What a result column's name stands for in ORDER BY: a column shown unchanged stays that column."""
    return output.value if isinstance(output.value, Ref) else Ref(output.field, type=output.field.type)


def replace_scope(scope: Scope, grouping: Grouping | None, *, in_result: bool = False) -> Scope:
    return replace(scope, grouping=grouping, in_result=in_result)


def finished(grouping: Grouping, across: str | None) -> Group:
    members = list(grouping.members.values())
    if grouping.size is not None:
        members.append((grouping.size, Const(None, type=INT)))
    keys = tuple((f, e) for _, f, e in grouping.keys)
    return Group(keys, tuple(members), "SPACE" if across == "SPACE" else "TIME")


def counts_rows(node: nodes.Select) -> bool:
    """Whether the query is ``SELECT COUNT(*)`` without GROUP BY."""
    return not node.group_by and len(node.items) == 1 and is_count_star(node.items[0].value)


def is_count_star(value: nodes.Expr | nodes.Star) -> bool:
    return isinstance(value, nodes.Call) and value.name == "COUNT" and is_star_only(value.args)


def is_star_only(args: tuple[nodes.Expr | nodes.Star | nodes.Weighted, ...]) -> bool:
    return len(args) == 1 and isinstance(args[0], nodes.Star)


def count_query(node: nodes.Select, source: BoundSource, where: Expr | None, scope: Scope) -> tuple[BoundSelect, Scope]:
    for clause, word in ((node.expand, "EXPAND BY"), (node.having, "HAVING"), (node.ungroup, "UNGROUP BY")):
        if clause is not None:
            raise TQLUnsupportedError(f"COUNT(*) does not go with {word}", kind="misplaced-count", span=clause.span)
    field = scope.context.new_field(node.items[0].alias or "count", INT)
    select = BoundSelect(source, (Output(field, Ref(field, type=INT)),), where, counts=True)
    return select, scope_of_results(select.fields, scope.context, scope.tables, scope.parent)


def bind_outputs(node: nodes.Select, scope: Scope) -> tuple[Output, ...]:
    """The SELECT list; ``*`` and a column beside it give the column once."""
    outputs: dict[str, Output] = {}
    for item in node.items:
        for output in bind_item(item, scope):
            known = outputs.get(output.field.name)
            if known is not None and not (known.is_plain and output.is_plain and known.field == output.field):
                raise TQLNameError(
                    f"two result columns are called {output.field.name!r}",
                    kind="duplicate-name",
                    span=item.span,
                    hint="give one of them another name with AS",
                )
            outputs.setdefault(output.field.name, output)
    return tuple(outputs.values())


def bind_item(item: nodes.SelectItem, scope: Scope) -> list[Output]:
    if isinstance(item.value, nodes.Star):
        refs = [scope.grouped(f, item.span) for f in star_fields(item.value, scope)]
        return [Output(ref.field, ref) for ref in refs if isinstance(ref, Ref)]
    value = bind_expr(item.value, scope)
    if isinstance(value, Ref) and value.part == "value":
        if item.alias in (None, value.field.name):
            return [Output(value.field, value)]
        renamed = scope.context.new_field(
            item.alias or "", value.type, origin=value.field.origin, grouped=value.field.grouped
        )
        return [Output(renamed, value)]
    field = scope.context.new_field(item.alias or auto_name(value, item), value.type)
    return [Output(field, value)]


def star_fields(star: nodes.Star, scope: Scope) -> list[Field]:
    """The columns of ``*``; those that several sources share are named apart by their source."""
    fields = scope.columns_of(star.source, star.span)
    return list({f.number: f for f in fields}.values())


def auto_name(value: Expr, item: nodes.SelectItem) -> str:
    """The name of an expression over exactly one column is that column's.

    Raises:
        TQLNameError: it is over none or several and has no alias.
    """
    names = {e.field.name for e in walk(value) if isinstance(e, Ref)}
    if len(names) == 1:
        return names.pop()
    if isinstance(item.value, nodes.Call) and not names:
        return item.value.name.lower()
    raise TQLNameError(
        f"an expression over {'several columns' if names else 'no column'} needs a name",
        kind="missing-alias",
        span=item.span,
        hint="write: ... AS name",
    )


# --- FROM ------------------------------------------------------------------------------------------------------------


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
        case nodes.Join():
            return bind_join(node, scope)


def add_dataset(use: DatasetUse, alias: str | None, scope: Scope) -> BoundDataset:
    fields = tuple(
        scope.context.new_field(c.name, column_type(c), origin=Origin(use.number, c)) for c in use.schema.columns
    )
    scope.fields += [(alias, f) for f in fields]
    return BoundDataset(use.number, fields)


def add_query(query: nodes.Query, alias: str | None, scope: Scope) -> BoundSubquery:
    inner = bind_query(query, scope.context, scope.tables, scope.parent)
    scope.fields += [(alias, f) for f in inner.fields]
    return BoundSubquery(inner)


def bind_named(node: nodes.DatasetSource, scope: Scope) -> BoundSource:
    """A common table, or a dataset by its path."""
    alias = node.alias or node.path
    if not node.quoted and node.version is None and node.path in scope.tables:
        others = {name: query for name, query in scope.tables.items() if name != node.path}
        inner = bind_query(scope.tables[node.path], scope.context, others, None)
        scope.fields += [(alias, f) for f in inner.fields]
        return BoundSubquery(inner)
    context = scope.context
    for use in context.datasets:
        if use.path is not None and (use.path, use.version) == (node.path, node.version):
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


# --- set operations --------------------------------------------------------------------------------------------------


def bind_set_operation(
    node: nodes.SetOperation, context: Context, tables: dict[str, nodes.Query], parent: Scope | None
) -> tuple[BoundSetOperation | BoundQuery, Scope]:
    parts = chain(node)
    bound = [bind_query(part, context, tables, parent) for part in parts]
    check_columns(bound, node.span)
    datasets = {dataset_of(branch) for branch in bound}
    by_row = len(datasets) == 1 and None not in datasets
    if not by_row and node.op != "UNION":
        raise TQLUnsupportedError(
            f"{node.op} of rows of different datasets", kind="set-across-datasets", span=node.span,
            hint="rows of different datasets are never the same row",
        )  # fmt: skip
    if not by_row:
        fields = tuple(context.new_field(f.name, f.type) for f in bound[0].fields)
        scope = scope_of_results(fields, context, tables, parent)
        return BoundSetOperation(node.op, node.all, tuple(bound), fields, False), scope
    scope = Scope(context, tables=tables, parent=parent, in_result=True)
    number = next(iter(datasets))
    assert number is not None
    stored = add_dataset(context.datasets[number], None, scope)
    by_column = {f.origin.column.name: f for f in stored.fields if f.origin is not None}
    fields = tuple(
        by_column[f.origin.column.name]
        if f.origin is not None and not f.grouped and f.origin.column.name == f.name
        else context.new_field(f.name, f.type, origin=f.origin, grouped=f.grouped)
        for f in bound[0].fields
    )
    scope.results = {f.name: Ref(f, type=f.type) for f in fields}
    scope.fields += [(None, f) for f in fields if f not in stored.fields]
    every = (*stored.fields, *(f for f in fields if f not in stored.fields))
    return BoundSetOperation(node.op, node.all, tuple(bound), fields, True, every), scope


def chain(node: nodes.SetOperation) -> list[nodes.Body]:
    """The branches of a chain of UNIONs of one kind; otherwise the two sides."""
    if node.op != "UNION":
        return [node.left, node.right]
    parts: list[nodes.Body] = []
    left: nodes.Body = node
    while isinstance(left, nodes.SetOperation) and (left.op, left.all) == (node.op, node.all):
        parts.append(left.right)
        left = left.left
    return [left, *reversed(parts)]


def check_columns(branches: Sequence[BoundQuery], span: Span) -> None:
    """Every branch needs the same result columns, in any order.

    Raises:
        TQLTypeError: names a column that one branch has and another has not.
    """
    first = {f.name: f.type for f in branches[0].fields}
    for branch in branches[1:]:
        other = {f.name: f.type for f in branch.fields}
        for name in [*first, *other]:
            if name not in first or name not in other:
                raise TQLTypeError(
                    f"the column {name!r} is in one branch and not in another", kind="branch-columns", span=span,
                    hint="select the same columns in every branch",
                )  # fmt: skip
            if first[name].base is not other[name].base and not (first[name].is_number and other[name].is_number):
                raise TQLTypeError(
                    f"the column {name!r} is {first[name]} in one branch and {other[name]} in another",
                    kind="branch-columns",
                    span=span,
                )
