"""Values of a row that are no arithmetic: random numbers, registered functions, sub-queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bound import Base, BoundQuery, ExistsRelation, InRelation, Random, Relevance, UserCall
from .sql import SQL_TYPES
from .sql_columns import inner_relation

if TYPE_CHECKING:
    from .sql_expressions import ExpressionWriter


def write_random(w: ExpressionWriter, expr: Random) -> str:
    """A hash of the row's place and the run's salt: another number for each row, the same for the same seed."""
    place = [term.split(" ")[0] for term in w.step.order]
    salt = w.writer.param(w.writer.runtime.salt + expr.number, "BIGINT")
    return f"CAST({mixed_hash([*place, salt])} % 2147483648 AS BIGINT)"


def mixed_hash(values: list[str]) -> str:
    """64 bits that tell nothing about those of other values: DuckDB's hash of several is the XOR of their hashes."""
    return f"hash(hash({', '.join(values)}))"


def write_call(w: ExpressionWriter, expr: UserCall) -> str:
    """A registered function: arrays go as their elements and shape."""
    args, types = [], []
    for arg in expr.args:
        element = SQL_TYPES[arg.type.base]
        if arg.type.is_array:
            data, shape = w.wide_items(arg), w.shape(arg)
            args.append(f"struct_pack(data := CAST({data} AS {element}[]), shape := {shape})")
            types.append(f"STRUCT(data {element}[], shape BIGINT[])")
        else:
            args.append(f"CAST({w.scalar(arg)} AS {element})")
            types.append(element)
    name = f"{w.writer.runtime.prefix}_{len(w.writer.calls)}"
    w.writer.calls.append((name, expr.name, tuple(types)))
    return f"{name}({', '.join(args)})"


def subquery(w: ExpressionWriter, query: BoundQuery) -> str:
    """The relation of a sub-query in parentheses; it may read columns of the row at hand."""
    inner = w.writer.nested()
    last = inner.write(inner_relation(query), inner)
    w.writer.next_name = inner.next_name
    return f"(WITH {', '.join(inner.steps)} SELECT * FROM {last.name})"


def write_in_relation(w: ExpressionWriter, expr: InRelation) -> str:
    """NaN is a member of nothing, as it equals nothing; SQL has it equal itself."""
    query, field = subquery(w, expr.query), expr.query.fields[0]
    known = f" WHERE c{field.number} IS NULL OR NOT isnan(c{field.number})" if field.type.base is Base.FLOAT else ""
    return f"({w.scalar(expr.value)} IN (SELECT c{field.number} FROM {query}{known}))"


def write_exists(w: ExpressionWriter, expr: ExistsRelation) -> str:
    return f"EXISTS (SELECT 1 FROM {subquery(w, expr.query)})"


WORDS = "regexp_extract_all(lower({0}), '[\\p{{L}}\\p{{N}}_]+')"
"""The words of a text."""


def write_relevance(w: ExpressionWriter, expr: Relevance) -> str:
    """Okapi BM25 (k1 = 1.2, b = 0.75); how often each word occurs is counted over the whole column first."""
    origin = expr.value.field.origin
    assert origin is not None, "the binder lets only stored columns through"
    words = [w.writer.param(word, "VARCHAR") for word in expr.words]
    corpus = w.writer.input(origin.dataset, (("text", origin.column.value),))
    counts = ", ".join(f"count(*) FILTER (list_contains(t, {word})) AS d{i}" for i, word in enumerate(words))
    texts = f"SELECT {WORDS.format('text')} AS t FROM {corpus}"
    stats = w.writer.step(f"SELECT count(t) AS n, avg(len(t)) AS size, {counts} FROM ({texts})")
    tokens = WORDS.format(w.scalar(expr.value))
    length = f"(0.25 + 0.75 * len({tokens}) / (SELECT size FROM {stats}))"
    parts = []
    for i, word in enumerate(words):
        times = f"len(list_filter({tokens}, lambda word: word = {word}))"
        rarity = f"(SELECT ln(1 + (n - d{i} + 0.5) / (d{i} + 0.5)) FROM {stats})"
        parts.append(f"{rarity} * {times} * 2.2 / ({times} + 1.2 * {length})")
    return f"CAST(({' + '.join(parts)}) AS DOUBLE)"
