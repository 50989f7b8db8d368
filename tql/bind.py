"""Trees to bound queries: names and types resolved, clause by clause; expressions are bound elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import nodes
from .bind_clauses import (
    bind_cut,
    bind_distinct,
    bind_draw,
    bind_group,
    bind_order,
    bind_spread,
    bind_window,
    joined_cells,
)
from .bind_conditions import bind_condition
from .bind_expressions import bind_expr
from .bind_sets import bind_set_operation
from .bind_sources import bind_source
from .bound import INT, BoundQuery, BoundSelect, BoundSetOperation, BoundSource, Const, Expr, Field, Group, Output, Ref
from .errors import TQLLimitError, TQLNameError, TQLUnsupportedError
from .schema import DatasetSchema
from .scope import Binders, Context, DatasetUse, Grouping, Resolver, Scope, UserFunction, scope_of_results
from .walking import walk


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
    if params and not isinstance(params, Mapping):
        check_surplus(tree, params)
    context = Context(params, resolve, functions or {}, binders=Binders(bind_expr, bind_query))
    if schema is not None:
        context.datasets.append(DatasetUse(0, schema))
    try:
        query = bind_query(tree, context, {}, None)
    except RecursionError:
        raise TQLLimitError("the query is nested too deeply", span=tree.span) from None
    return BoundTree(query, tuple(context.datasets))


def check_surplus(tree: nodes.Query, params: Sequence[Any]) -> None:
    """A value that no ``?`` asks for is a mistake: the query would mean something else than its author thinks."""
    asked = sum(isinstance(node, nodes.Parameter) and node.name is None for node in tree.walk())
    if len(params) > asked:
        raise TQLNameError(
            f"{len(params)} values were given for {asked} parameters",
            kind="surplus-parameter",
            span=tree.span,
            hint="pass params=[...] with one value for each ?",
        )


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
        body = replace(body, group=finished(scope.grouping))
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
        scope.grouping.keys = bind_group(node, replace(scope, grouping=None))
    outputs = bind_outputs(node, scope)
    if window is not None and window.counter is not None:
        outputs = (*outputs, Output(window.counter, Ref(window.counter, type=INT)))
    if node.across == "SPACE":
        outputs = tuple(joined_cells(output, node.span, scope) for output in outputs)
    having = None if node.having is None else bind_condition(node.having, scope)
    after = replace(scope, results={o.field.name: shown(o) for o in outputs})
    distinct = bind_distinct(node, outputs, after)
    spread, outputs = bind_spread(node, outputs, after)
    group = None if scope.grouping is None else finished(scope.grouping)
    select = BoundSelect(source, outputs, where, window, group, having, distinct, spread)
    if spread is not None:
        after = scope_of_results(select.fields, context, tables, parent)
    return select, after


def shown(output: Output) -> Expr:
    """What a result column's name stands for in ORDER BY: a column shown unchanged stays that column."""
    return output.value if isinstance(output.value, Ref) else Ref(output.field, type=output.field.type)


def finished(grouping: Grouping) -> Group:
    members = list(grouping.members.values())
    if grouping.size is not None:
        members.append((grouping.size, Const(None, type=INT)))
    keys = tuple((f, e) for _, f, e in grouping.keys)
    return Group(keys, tuple(members))


def counts_rows(node: nodes.Select) -> bool:
    """Whether the query is ``SELECT COUNT(*)`` without GROUP BY."""
    return not node.group_by and len(node.items) == 1 and is_count_star(node.items[0].value)


def is_count_star(value: nodes.Expr | nodes.Star) -> bool:
    return isinstance(value, nodes.Call) and value.name == "COUNT" and is_star_only(value.args)


def is_star_only(args: tuple[nodes.Expr | nodes.Star | nodes.Weighted, ...]) -> bool:
    return len(args) == 1 and isinstance(args[0], nodes.Star)


def count_query(node: nodes.Select, source: BoundSource, where: Expr | None, scope: Scope) -> tuple[BoundSelect, Scope]:
    for clause, word in ((node.expand, "EXPAND BY"), (node.ungroup, "UNGROUP BY")):
        if clause is not None:
            raise TQLUnsupportedError(f"COUNT(*) does not go with {word}", kind="misplaced-count", span=clause.span)
    field = scope.context.new_field(node.items[0].alias or "count", INT)
    select = BoundSelect(source, (Output(field, Ref(field, type=INT)),), where, counts=True)
    return select, scope_of_results(select.fields, scope.context, scope.tables, scope.parent)


def bind_outputs(node: nodes.Select, scope: Scope) -> tuple[Output, ...]:
    """The SELECT list; ``*`` and a column beside it give the column once.

    Columns of one name that no AS has named, as two sides of a join have, come as ``id``, ``id_1``, ``id_2``.
    """
    outputs: dict[str, Output] = {}
    named = {item.alias for item in node.items if item.alias}
    for item in node.items:
        for output in bind_item(item, scope):
            known = outputs.get(output.field.name)
            if known is not None and known.is_plain and output.is_plain and known.field == output.field:
                continue
            if known is not None and item.alias is None and output.field.name not in named:
                output = numbered(output, {*outputs, *named}, scope)
            elif known is not None:
                raise TQLNameError(
                    f"two result columns are called {output.field.name!r}",
                    kind="duplicate-name",
                    span=item.span,
                    hint="give one of them another name with AS",
                )
            outputs[output.field.name] = output
    return tuple(outputs.values())


def numbered(output: Output, taken: Collection[str], scope: Scope) -> Output:
    """The column under the first free of the names ``id_1``, ``id_2``, ..."""
    field, number = output.field, 1
    while f"{field.name}_{number}" in taken:
        number += 1
    renamed = scope.context.new_field(f"{field.name}_{number}", field.type, origin=field.origin, grouped=field.grouped)
    return Output(renamed, output.value)


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
        hint=f"write: ... AS name{column_meant(item.value)}",
    )


def column_meant(value: nodes.Expr | nodes.Star) -> str:
    """What to write if TRUE, FALSE or NULL alone were to be a column."""
    words = {"True": "true", "False": "false", "None": "null"}
    word = words.get(repr(value.value)) if isinstance(value, nodes.Literal) else None
    return "" if word is None else f'; a column of that name is written "{word}"'
