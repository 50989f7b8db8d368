"""Casts that lose nothing a person would miss; everything else is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}


class CastError(ValueError):
    """The values do not fit the dtype; the message says why."""


def cast_safely(array: Array, dtype: np.dtype[Any]) -> Array:
    """`array` as `dtype`; the same object where it already is.

    Allowed: booleans to numbers, integers to floats, floats to narrower floats that can hold them, and integers to
    any integer type that holds their values. Refused: floats to integers, numbers to booleans, overflow.

    Raises:
        CastError: says which rule was broken.

    >>> cast_safely(np.array([1, 2]), np.dtype("uint8")).dtype.name
    'uint8'
    """
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in "biuf":
        if array.size:
            raise CastError(f"{'text' if array.dtype.kind == 'U' else array.dtype} values are not numbers")
        return np.zeros(array.shape, dtype)
    if array.size == 0 or np.can_cast(array.dtype, dtype, "safe"):
        return array.astype(dtype)
    _check_kinds(array, dtype)
    if dtype.kind in "iu":
        _check_range(array, dtype)
        return array.astype(dtype)
    return _to_float(array, dtype)


def _check_kinds(array: Array, dtype: np.dtype[Any]) -> None:
    if _RANK[array.dtype.kind] > _RANK.get(dtype.kind, -1):
        raise CastError(f"{array.dtype} values would lose information as {dtype}")


def _check_range(array: Array, dtype: np.dtype[Any]) -> None:
    limits = np.iinfo(dtype)
    low, high = int(array.min()), int(array.max())
    if low < limits.min or high > limits.max:
        value = low if low < limits.min else high
        raise CastError(f"the value {value} is outside {dtype} ({limits.min} to {limits.max})")


def _to_float(array: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(over="ignore"):
        narrowed = array.astype(dtype)
    if np.isinf(narrowed).sum() != np.isinf(array).sum():
        raise CastError(f"a value is too large for {dtype}")
    return narrowed
