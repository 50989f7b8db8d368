"""What names mean at one place of a query: the columns in sight, the aliases of the SELECT list, grouped columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from . import nodes
from .bound import INT, Base, BoundQuery, Expr, Field, Origin, Ref, Type
from .coerce import const, suggest
from .errors import TQLNameError, TQLTypeError
from .schema import ColumnInfo, DatasetSchema, Kind
from .source import Span
from .types import sequence_of

Resolver = Callable[[str, str | None], DatasetSchema]
"""Finds the schema of ``FROM "path@ref" [VERSION id]``; raises what storage raises where there is none."""


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function registered from Python; `result` is the dtype name of what it returns ("float64[]": a vector)."""

    name: str
    arity: int
    result: str = "float64"
    doc: str = ""


@dataclass(frozen=True)
class DatasetUse:
    """A dataset that the query reads: number 0 is the one that was asked (path None)."""

    number: int
    schema: DatasetSchema
    path: str | None = None
    version: str | None = None

    @cached_property
    def columns(self) -> tuple[tuple[str, Type, Origin], ...]:
        """What the fields of each use are made of: a query may name the dataset many times."""
        return tuple((c.name, column_type(c), Origin(self.number, c)) for c in self.schema.columns)


@dataclass(frozen=True, slots=True)
class Binders:
    """The two entrances of the binder."""

    expression: Callable[[nodes.Expr, Scope], Expr]
    query: Callable[[nodes.Body, Context, dict[str, nodes.Query], Scope | None], BoundQuery]


@dataclass(slots=True)
class Context:
    """What is shared by all of one query: datasets, parameters, and the next free field number."""

    params: Mapping[str, Any] | Sequence[Any] | None = None
    resolve: Resolver | None = None
    functions: Mapping[str, UserFunction] = field(default_factory=dict)
    datasets: list[DatasetUse] = field(default_factory=list)
    next_number: int = 0
    binders: Binders | None = None
    """How expressions and sub-queries are bound; set by `lakebed.tql.bind`, so that no clause imports another."""

    def new_field(self, name: str, type: Type, origin: Origin | None = None, grouped: bool = False) -> Field:
        self.next_number += 1
        return Field(self.next_number, name, type, origin, grouped)

    def parameter(self, node: nodes.Parameter) -> Expr:
        """The value given for ``?`` or ``:name``.

        Raises:
            TQLNameError: no value was given for it.
        """
        given = self.params
        if node.name is not None:
            if isinstance(given, Mapping) and node.name in given:
                return const(given[node.name], node.span)
            known = list(given) if isinstance(given, Mapping) else []
            hint = suggest(node.name, known, "parameters given") if known else f"pass params={{{node.name!r}: ...}}"
            raise TQLNameError(
                f"no value was given for :{node.name}", kind="missing-parameter", span=node.span, hint=hint
            )
        if given is None or isinstance(given, Mapping) or node.index >= len(given):
            count = 0 if given is None or isinstance(given, Mapping) else len(given)
            raise TQLNameError(
                f"the query has a parameter number {node.index + 1}, and {count} values were given",
                kind="missing-parameter",
                span=node.span,
                hint="pass params=[...] with one value for each ?",
            )
        return const(given[node.index], node.span)


@dataclass(slots=True)
class Grouping:
    """A grouped select: its keys, and the grouped columns made so far, by number of the column grouped."""

    keys: list[tuple[nodes.Expr, Field, Expr]]
    members: dict[int, tuple[Field, Expr]] = field(default_factory=dict)
    size: Field | None = None


@dataclass(slots=True)
class Scope:
    """The columns that an expression may name, each with the alias of its source."""

    context: Context
    fields: list[tuple[str | None, Field]] = field(default_factory=list)
    aliases: dict[str, nodes.Expr] = field(default_factory=dict)
    """Expressions of the SELECT list by alias: seen where no column has the name."""
    results: dict[str, Expr] = field(default_factory=dict)
    """Result columns by name: seen before columns (in ORDER BY)."""
    tables: dict[str, nodes.Query] = field(default_factory=dict)
    parent: Scope | None = None
    grouping: Grouping | None = None
    json_lists: bool = False
    """A JSON list stands for its elements: inside ANY and ALL."""
    open_aliases: tuple[str, ...] = ()

    def bind(self, node: nodes.Expr) -> Expr:
        """An expression in this scope."""
        assert self.context.binders is not None, "set before anything is bound"
        return self.context.binders.expression(node, self)

    def bind_query(self, node: nodes.Body) -> BoundQuery:
        """A sub-query of an expression, which may name the columns in sight."""
        assert self.context.binders is not None, "set before anything is bound"
        return self.context.binders.query(node, self.context, self.tables, self)

    def bind_source(self, node: nodes.Body, tables: dict[str, nodes.Query]) -> BoundQuery:
        """A sub-query in FROM: it sees what is around the whole query, and the common tables before it."""
        assert self.context.binders is not None, "set before anything is bound"
        return self.context.binders.query(node, self.context, tables, self.parent)

    def columns_of(self, source: str | None, span: Span) -> list[Field]:
        """The fields that ``*`` or ``source.*`` stands for."""
        found = [f for alias, f in self.fields if source is None or alias == source]
        if source is not None and not any(alias == source for alias, _ in self.fields):
            raise self.unknown_source(source, span)
        return found

    def find(self, name: str, source: str | None, span: Span) -> Field | None:
        """The column called `name`; an outer query's where this one has none.

        Raises:
            TQLNameError: several sources have one, or `source` is none of them.
        """
        if source is not None and not self.has_source(source):
            raise self.unknown_source(source, span)
        hits = {f.number: f for alias, f in self.fields if f.name == name and source in (None, alias)}
        if len(hits) > 1:
            raise TQLNameError(
                f"the column {name!r} is in several sources",
                kind="ambiguous-name",
                span=span,
                hint=f"write which one: {' or '.join(f'{a}.{name}' for a, f in self.fields if f.name == name and a)}",
            )
        if hits:
            return next(iter(hits.values()))
        return self.parent.find(name, source, span) if self.parent is not None else None

    def has_source(self, source: str) -> bool:
        return any(alias == source for alias, _ in self.fields) or (
            self.parent is not None and self.parent.has_source(source)
        )

    def unknown_source(self, source: str, span: Span) -> TQLNameError:
        known = [alias for alias, _ in self.fields if alias]
        if any(f.name == source for _, f in self.fields):
            hint = f"for a key of a JSON column write {source}['key']"
        elif inside := next((f.name for _, f in self.fields if f.name.startswith(f"{source}/")), None):
            hint = f'{source!r} is a group; its tensors are written in double quotes: "{inside}"'
        else:
            hint = suggest(source, known, "sources") if known else f"columns stand alone here: leave {source}. out"
        return TQLNameError(f"there is no source {source!r} in FROM", kind="unknown-source", span=span, hint=hint)

    def unknown_column(self, node: nodes.Column) -> TQLNameError:
        names = [f.name for _, f in self.fields] + list(self.aliases)
        hint = suggest(node.name, names, "columns")
        inside = next((name for name in names if name.startswith(f"{node.name}/")), None)
        if inside is not None:
            hint = f'{node.name!r} is a group; its tensors are written in double quotes: "{inside}"'
        elif not hint.startswith("did you mean"):
            # In many languages "car" is text; here it names a column.
            hint = f"{hint}; a value that is text stands in single quotes: '{node.name}'"
        return TQLNameError(f"there is no column {node.name!r}", kind="unknown-column", span=node.span, hint=hint)

    def grouped(self, field: Field, span: Span) -> Expr:
        """The list of `field`'s cells in each group."""
        grouping = self.grouping
        if grouping is None or field not in [f for _, f in self.fields]:
            return Ref(field, type=field.type, span=span)
        for _, key_field, key in grouping.keys:
            if isinstance(key, Ref) and key.field.number == field.number:
                return Ref(key_field, type=key_field.type, span=span)
        if field.number not in grouping.members:
            member = self.context.new_field(
                field.name, grouped_type(field.type, span), origin=field.origin, grouped=True
            )
            grouping.members[field.number] = (member, Ref(field, type=field.type))
        member = grouping.members[field.number][0]
        return Ref(member, type=member.type, span=span)

    def group_size(self, span: Span) -> Expr:
        """``COUNT(*)`` of a grouped select."""
        assert self.grouping is not None
        if self.grouping.size is None:
            self.grouping.size = self.context.new_field("count", INT)
        return Ref(self.grouping.size, type=INT, span=span)


def scope_of_results(
    fields: Sequence[Field], context: Context, tables: dict[str, nodes.Query], parent: Scope | None
) -> Scope:
    return Scope(context, [(None, f) for f in fields], tables=tables, parent=parent)


def grouped_type(type: Type, span: Span) -> Type:
    """The type of the list of a group's cells."""
    if type.nested:
        raise TQLTypeError(
            "a column of sequences cannot be grouped again",
            kind="grouped-twice",
            span=span,
            hint="ungroup by split first",
        )
    return sequence_of(type)


def column_type(column: ColumnInfo) -> Type:
    """The type of a stored column's cells."""
    return sequence_of(cell_type(column)) if column.sequence else cell_type(column)


def cell_type(column: ColumnInfo) -> Type:
    """The same of a column that is no sequence, or of one item of a sequence."""
    base = base_of_dtype(column.dtype)
    match column.kind:
        case Kind.LABEL:
            return Type(Base.INT, (None,), column.dtype or "uint32", column.class_names)
        case Kind.BOX:
            return Type(Base.FLOAT, (None, 4), column.dtype or "float32", boxes=column.coords[1])
        case Kind.SCALAR:
            return Type(base, (), column.dtype)
        case Kind.ARRAY if column.item:
            return Type(base, (None, *column.item), column.dtype)
        case Kind.ARRAY:
            dims = None if column.ndim is None else (None,) * column.ndim
            return Type(base, (None,) if column.shape is None else dims, column.dtype)
        case Kind.TEXT:
            return Type(Base.TEXT)
        case Kind.JSON:
            return Type(Base.JSON)
        case Kind.TAG:
            return Type(Base.TEXT, (None,))
        case _:
            return Type(Base.IMAGE)


def base_of_dtype(dtype: str) -> Base:
    if dtype == "bool":
        return Base.BOOL
    if dtype.startswith(("int", "uint")):
        return Base.INT
    return Base.TEXT if dtype == "str" else Base.FLOAT
