"""Sort keys that compare a column of vectors with a known one: what is near it can be found before it is sorted."""

from __future__ import annotations

from .bound import Const, Expr, ListCall, Map, Ref, SortKey
from .rows import NearKey
from .schema import ColumnInfo, Kind

METRICS = {"COSINE_SIMILARITY": "cosine", "DOT": "dot", "INNER_PRODUCT": "dot"}


def near_key(keys: tuple[SortKey, ...]) -> NearKey | None:
    """The one key of ORDER BY as a comparison with a known vector, missing ones last; None if it is something else."""
    if len(keys) != 1 or keys[0].nulls_first:
        return None
    match keys[0].value:
        case ListCall(name="L2_NORM", args=(Map(name="-", args=(left, right)),)):
            metric = "distance"
        case ListCall(name=name, args=(left, right)) if name in METRICS:
            metric = METRICS[name]
        case _:
            return None
    column, vector = vector_column(left) or vector_column(right), known_vector(left) or known_vector(right)
    if column is None or vector is None:
        return None
    return NearKey(column, metric, vector, keys[0].descending)


def vector_column(expr: Expr) -> ColumnInfo | None:
    if not isinstance(expr, Ref) or expr.part != "value" or expr.field.grouped or expr.field.origin is None:
        return None
    column = expr.field.origin.column
    plain = column.kind is Kind.ARRAY and column.ndim == 1 and not column.sequence and not column.item
    return column if plain and column.dtype in ("float16", "float32", "float64") else None


def known_vector(expr: Expr) -> tuple[float, ...] | None:
    if not isinstance(expr, Const) or not isinstance(expr.value, tuple) or expr.type.dims != (len(expr.value),):
        return None
    numbers = [float(x) for x in expr.value if isinstance(x, (int, float))]
    return tuple(numbers) if len(numbers) == len(expr.value) else None
