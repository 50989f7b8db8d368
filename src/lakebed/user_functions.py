"""Python functions in queries: ``lakebed.tql.register_function``'s registry, and how DuckDB calls them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .storage.errors import InvalidInputError
from .tql.catalogue import FUNCTIONS as BUILT_IN
from .tql.scope import UserFunction

SQL_TYPES = {"float64": "DOUBLE", "int64": "BIGINT", "bool": "BOOLEAN", "str": "VARCHAR"}
ARROW_TYPES = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "str": pa.string()}


@dataclass(frozen=True, slots=True)
class Registered:
    """A Python function and what it returns: "float64", "int64", "bool", "str", or "float64[]" for a vector."""

    function: Callable[..., Any]
    arity: int
    returns: str

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.returns.removesuffix("[]")] + ("[]" if self.returns.endswith("[]") else "")

    @property
    def arrow_type(self) -> pa.DataType:
        element = ARROW_TYPES[self.returns.removesuffix("[]")]
        return pa.list_(element) if self.returns.endswith("[]") else element


FUNCTIONS: dict[str, Registered] = {}


def register_function(
    function: Callable[..., Any], name: str | None = None, returns: str = "float64"
) -> Callable[..., Any]:
    """Make a Python function callable in queries of this process.

    It is called once per row with one argument per parameter: a NumPy array for an array cell, else a number, string or
    bool; None for a missing value. It returns one value, or a vector if `returns` ends with ``[]``.

    Args:
        function: its name, in any case, is the name in queries unless `name` is given.
        returns: "float64", "int64", "bool", "str", or one of them with ``[]``.

    Raises:
        InvalidInputError: the name is taken by a built-in function, or `returns` is not one of these.

    >>> register_function(lambda x: x.mean(), "brightness")  # doctest: +ELLIPSIS
    <function ...>
    """
    known = (name or function.__name__).upper()
    if known in BUILT_IN:
        raise InvalidInputError(
            f"{known} is a built-in function", kind="name-taken", hint="register it under another name"
        )
    if not known.isidentifier():
        raise InvalidInputError(f"{known!r} cannot be the name of a function", kind="bad-name", hint='pass name="..."')
    if returns.removesuffix("[]") not in SQL_TYPES:
        raise InvalidInputError(
            f"a function cannot return {returns!r}",
            kind="bad-type",
            hint=f"one of {', '.join(SQL_TYPES)}, or these with []",
        )
    FUNCTIONS[known] = Registered(function, len(inspect.signature(function).parameters), returns)
    return function


def known_functions() -> Mapping[str, UserFunction]:
    return {name: UserFunction(name, f.arity, f.returns) for name, f in FUNCTIONS.items()}


def vectorised(registered: Registered) -> Callable[..., pa.Array]:
    """The function over Arrow columns."""

    def call(*columns: pa.ChunkedArray) -> pa.Array:
        rows = zip(*(map(argument, column.to_pylist()) for column in columns), strict=True)
        return pa.array([plain(registered.function(*row)) for row in rows], registered.arrow_type)

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
