"""Results of queries that compute, group, join or count: SQL columns sorted into rows, groups and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .element_tables import Ints
from .tql.bound import Field
from .tql.relations import Relation
from .tql.sql import Compiled, compile_relation

if TYPE_CHECKING:
    from .engine import Execution, QueryResult


def assemble(execution: Execution, relation: Relation) -> QueryResult:
    """Run `relation` and put its columns where a result has them."""
    from .engine import QueryResult, result_column

    outputs = execution.plan.outputs
    compiled = compile_relation(relation, outputs)
    one_source = len(compiled.rows) == 1 or compiled.groups is not None
    shown = tuple(f for f in outputs if not (one_source and f.origin is not None))
    if shown != outputs:
        compiled = compile_relation(relation, shown)
    table = execution.execute(compiled)
    rows, offsets = row_references(compiled, table, one_source)
    columns = tuple(result_column(field, field not in shown) for field in outputs)
    computed = pa.table({f.name: table.column(f"c{f.number}") for f in shown}) if shown else None
    return QueryResult(execution.text, columns, rows, computed, offsets, tuple(execution.held))


def row_references(compiled: Compiled, table: pa.Table, one_source: bool) -> tuple[Ints | None, Ints | None]:
    """Row numbers, and where each group's start (None if the query does not group)."""
    if not one_source:
        return None, None
    if compiled.groups is not None:
        lists = table.column(compiled.groups).combine_chunks()
        offsets = lists.offsets.to_numpy().astype(np.int64)
        return lists.values.to_numpy().astype(np.int64, copy=False), offsets
    return table.column(compiled.rows[0][0]).to_numpy().astype(np.int64, copy=False), None


__all__ = ["Field", "assemble"]
