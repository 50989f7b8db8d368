"""Values of a row that are no arithmetic: random numbers, registered functions, sub-queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bound import BoundQuery, Random, UserCall
from .sql import SQL_TYPES
from .sql_columns import inner_relation

if TYPE_CHECKING:
    from .sql_expressions import ExpressionWriter


def write_random(w: ExpressionWriter, expr: Random) -> str:
    """A hash of the row's place and the run's salt: another number for each row, the same for the same seed."""
    place = [term.split(" ")[0] for term in w.step.order]
    salt = w.writer.param(w.writer.runtime.salt + expr.number, "BIGINT")
    return f"CAST(hash({', '.join([*place, salt])}) % 2147483648 AS BIGINT)"


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
