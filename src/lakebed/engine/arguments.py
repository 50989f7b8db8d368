"""What a caller hands to a query beside its text, checked before anything is run."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from ..storage.errors import InvalidInputError

Params = Mapping[str, Any] | Sequence[Any] | None


def checked_params(params: Any) -> Params:
    """The values of ``?`` or ``:name``.

    Raises:
        InvalidInputError: kind "bad-argument", they are neither a sequence nor a mapping.
    """
    if hasattr(params, "tolist"):  # a NumPy array
        params = params.tolist()
    if params is None or isinstance(params, Mapping):
        return params
    if isinstance(params, Sequence) and not isinstance(params, (str, bytes)):
        return params
    raise InvalidInputError(
        f"params takes a list of values or a dict of them by name, found {params!r}",
        kind="bad-argument",
        hint=f"pass params=[{params!r}] for one ?",
    )


def checked_seed(seed: Any) -> int | None:
    """The seed as a Python integer.

    Raises:
        InvalidInputError: kind "bad-argument", it is no whole number.
    """
    try:
        return None if seed is None else operator.index(seed)
    except TypeError:
        raise InvalidInputError(f"seed is a whole number, found {seed!r}", kind="bad-argument") from None
