"""Decoded samples as `numpy` and `data` show them: parts of samples, stacking, one dictionary of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import LakebedError
from .indexing import RowArray
from .storage.errors import InvalidInputError, RangeError
from .storage.schema import TensorSpec

_PYTHON_HTYPES = ("text", "json", "list", "tag")


def inside(sample: Any, spec: TensorSpec, index: tuple[Any, ...]) -> Any:
    """The part of a decoded sample that `index` names; the sample itself for ``()``.

    Raises:
        RangeError: the sample has no such part.
        InvalidInputError: samples of this htype have no parts.
    """
    if not index:
        return sample
    if not isinstance(sample, (np.ndarray, list, tuple, str)):
        raise InvalidInputError(
            f"a {spec.full_htype} sample has no parts to index", kind="bad-index", place=f"tensor {spec.name!r}"
        )
    try:
        return sample[index] if isinstance(sample, np.ndarray) else _inside_list(sample, spec, index)
    except (IndexError, TypeError) as error:
        if isinstance(error, LakebedError):
            raise
        raise RangeError(f"the sample has no part {index}: {error}", place=f"tensor {spec.name!r}") from error


def _inside_list(sample: Sequence[Any], spec: TensorSpec, index: tuple[Any, ...]) -> Any:
    first, rest = index[0], index[1:]
    part = sample[first]
    if isinstance(first, slice) and not isinstance(sample, str):
        return [inside(item, spec, rest) for item in part]
    return inside(part, spec, rest)


def as_numpy(sample: Any, spec: TensorSpec, index: tuple[Any, ...], aslist: bool) -> Any:
    """A decoded sample as `Tensor.numpy` gives it.

    Text and json become an object array of one element, lists and tags one of n; a sequence becomes one array if its
    items have one shape, else (and with `aslist`) a list of arrays; polygons stay a list of arrays.
    """
    part = inside(sample, spec, index)
    if isinstance(part, np.ndarray) or (np.isscalar(part) and not isinstance(part, str)):
        return part
    if spec.htype in _PYTHON_HTYPES and not spec.sequence:
        return _objects(part if spec.htype in ("list", "tag") and isinstance(part, list) else [part])
    if isinstance(part, list) and spec.sequence and not aslist and part:
        return _stack_items(part, spec)
    return part


def stack(arrays: Sequence[Any], name: str, rows: RowArray, dtype: np.dtype[Any] | None) -> np.ndarray[Any, Any]:
    """One array with a new first axis.

    Raises:
        InvalidInputError: kind "ragged"; names two rows that differ.
    """
    if not arrays:
        return np.zeros((0,), dtype=dtype)
    shapes = [np.shape(array) if not isinstance(array, list) else None for array in arrays]
    for row, shape in zip(rows.tolist(), shapes, strict=True):
        if shape is None or shape != shapes[0]:
            raise InvalidInputError(
                f"samples differ in shape: row {int(rows[0])} is {shapes[0]}, row {row} is {shape}",
                kind="ragged",
                place=f"tensor {name!r}",
                hint="use numpy(aslist=True) for a list of arrays",
            )
    return np.stack(arrays)


def merge_data(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Dictionaries of single samples as one dictionary of lists."""
    keys = list(dict.fromkeys(key for one in found for key in one)) or ["value"]
    return {key: [one.get(key) for one in found] for key in keys}


def _objects(values: list[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array


def _stack_items(items: list[Any], spec: TensorSpec) -> Any:
    arrays = [as_numpy(item, _item_spec(spec), (), False) for item in items]
    shapes = {np.shape(array) for array in arrays}
    return np.stack(arrays) if len(shapes) == 1 else arrays


def _item_spec(spec: TensorSpec) -> TensorSpec:
    from dataclasses import replace

    return replace(spec, sequence=False)
