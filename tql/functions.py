"""Python functions in queries: the process's registry, by the names that queries use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .catalogue import FUNCTIONS as BUILT_IN
from .errors import TQLNameError, TQLTypeError
from .scope import UserFunction

RETURNS = ("float64", "int64", "bool", "str")


@dataclass(frozen=True, slots=True)
class Registered:
    """A Python function and what it returns: one of `RETURNS`, followed by ``[]`` for a vector."""

    function: Callable[..., Any]
    arity: int
    returns: str

    @property
    def element(self) -> str:
        return self.returns.removesuffix("[]")

    @property
    def vector(self) -> bool:
        return self.returns.endswith("[]")


REGISTERED: dict[str, Registered] = {}


def register_function(
    function: Callable[..., Any], name: str | None = None, returns: str = "float64"
) -> Callable[..., Any]:
    """Make a Python function callable in queries of this process.

    It is called once per row with one argument per parameter: a NumPy array for an array cell, else a number, string or
    bool; None for a missing value. It returns one value, or a vector if `returns` ends with ``[]``. Registering a name
    again replaces the function.

    Args:
        function: its name, in any case, is the name in queries unless `name` is given.
        returns: "float64", "int64", "bool", "str", or one of them with ``[]``.

    Raises:
        TQLNameError: the name is taken by a built-in function, or is no name.
        TQLTypeError: `returns` is not one of these.

    >>> register_function(lambda x: x.mean(), "brightness")  # doctest: +ELLIPSIS
    <function ...>
    """
    known = (name or function.__name__).upper()
    if known in BUILT_IN:
        raise TQLNameError(f"{known} is a built-in function", kind="name-taken", hint="register it under another name")
    if not known.isidentifier():
        raise TQLNameError(f"{known!r} cannot be the name of a function", kind="bad-name", hint='pass name="..."')
    if returns.removesuffix("[]") not in RETURNS:
        raise TQLTypeError(
            f"a function cannot return {returns!r}",
            kind="bad-type",
            hint=f"one of {', '.join(RETURNS)}, or these with []",
        )
    REGISTERED[known] = Registered(function, len(inspect.signature(function).parameters), returns)
    return function


def known_functions() -> Mapping[str, UserFunction]:
    """What the binder needs to know of each."""
    return {name: UserFunction(name, one.arity, one.returns) for name, one in REGISTERED.items()}
