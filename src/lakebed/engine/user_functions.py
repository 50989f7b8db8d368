"""How DuckDB calls the functions of `lakebed.tql.register_function`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from ..tql.functions import Registered

SQL_TYPES = {"float64": "DOUBLE", "int64": "BIGINT", "bool": "BOOLEAN", "str": "VARCHAR"}
ARROW_TYPES = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "str": pa.string()}


def sql_type(registered: Registered) -> str:
    return SQL_TYPES[registered.element] + ("[]" if registered.vector else "")


def arrow_type(registered: Registered) -> pa.DataType:
    element = ARROW_TYPES[registered.element]
    return pa.list_(element) if registered.vector else element


def vectorised(registered: Registered) -> Callable[..., pa.Array]:
    """The function over Arrow columns."""

    def call(*columns: pa.ChunkedArray) -> pa.Array:
        rows = zip(*(map(argument, column.to_pylist()) for column in columns), strict=True)
        return pa.array([plain(registered.function(*row)) for row in rows], arrow_type(registered))

    # DuckDB looks at the signature for the number of parameters.
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # functions take attributes
        [inspect.Parameter(f"x{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(registered.arity)]
    )
    return call


def argument(value: Any) -> Any:
    if isinstance(value, dict):
        return np.array(value["data"]).reshape(value["shape"])
    return value


def plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
