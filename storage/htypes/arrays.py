"""Numeric arrays kept in the row: generic, embedding, keypoints_coco."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from ..errors import SchemaError
from ..schema import TensorSpec
from .base import EncodeContext, Htype
from .cast import CastError, cast_safely
from .columns import SHAPE_TYPE, flat_copy, lengths_of, list_column, list_lengths, list_rows, shape_column, shape_rows
from .place import bad_sample, describe

Array = np.ndarray[Any, np.dtype[Any]]

_DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
NUMERIC_DTYPES = (*_DTYPES, "float16", "float32", "float64")


def check_dtype(dtype: Any, name: str) -> str | None:
    """The plain NumPy name of a dtype that arrays can be stored in; None stays None.

    Raises:
        SchemaError: names the dtypes there are.
    """
    if dtype is None:
        return None
    try:
        plain = str(np.dtype(dtype).name)
    except TypeError:
        plain = str(dtype)
    if plain not in NUMERIC_DTYPES:
        raise SchemaError(
            f"dtype {plain!r} cannot be stored in an array tensor",
            kind="bad-dtype",
            place=f"tensor {name!r}",
            hint=f"use one of {', '.join(NUMERIC_DTYPES)}; text goes into htype 'text'",
        )
    return plain


class Generic(Htype):
    """Samples are arrays of one dtype and one number of axes, both fixed by the spec or by the first sample.

    0-d samples are a plain nullable number or bool column; others are ``list<dtype>`` in C order with a shape column.
    Until both are fixed every cell is null. None reads back as an empty array.
    """

    name: ClassVar[str] = "generic"
    shape_without_value: ClassVar[bool] = True

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        return replace(spec, dtype=check_dtype(spec.dtype, spec.name))

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        if spec.dtype is None or spec.ndim is None:
            return {"": pa.null()}
        element = pa.from_numpy_dtype(np.dtype(spec.dtype))
        return {"": element} if spec.ndim == 0 else {"": pa.list_(element), ".shape": SHAPE_TYPE}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        numbers = self._plain_numbers(values, spec)
        if numbers is not None:
            return replace(spec, dtype=numbers.dtype.name, ndim=0), list(numbers)
        arrays = [None if v is None else _as_array(v, spec, context.first_row + row) for row, v in enumerate(values)]
        spec = self._fixed(arrays, spec, context)
        if spec.dtype is None or spec.ndim is None:
            return spec, arrays
        dtype = np.dtype(spec.dtype)
        return spec, [
            None if array is None else self._fitted(array, dtype, spec, context.first_row + row)
            for row, array in enumerate(arrays)
        ]

    def _plain_numbers(self, values: Sequence[Any], spec: TensorSpec) -> Array | None:
        """All samples in one array if they are Python numbers of one kind that plainly fit."""
        kinds = set(map(type, values))
        if spec.ndim not in {None, 0} or len(kinds) != 1 or not kinds <= {int, float, bool}:
            return None
        try:
            numbers = np.array(values)
            if numbers.dtype.kind not in {int: "iu", float: "f", bool: "b"}[kinds.pop()]:
                return None
            return cast_safely(numbers, np.dtype(spec.dtype or numbers.dtype))
        except (CastError, OverflowError):
            return None

    def _fixed(self, arrays: Sequence[Array | None], spec: TensorSpec, context: EncodeContext) -> TensorSpec:
        """`spec` with the dtype and ndim of the first sample, where they are open."""
        first = next(((row, array) for row, array in enumerate(arrays) if array is not None), None)
        if first is None or (spec.dtype and spec.ndim is not None):
            return spec
        row, array = first
        dtype = spec.dtype or array.dtype.name
        if dtype not in NUMERIC_DTYPES:
            hint = "make the tensor with htype='text'" if array.dtype.kind == "U" else ""
            raise bad_sample(spec, context.first_row + row, describe(array), "numbers or booleans", hint=hint)
        return replace(spec, dtype=dtype, ndim=array.ndim if spec.ndim is None else spec.ndim)

    def _fitted(self, array: Array, dtype: np.dtype[Any], spec: TensorSpec, row: int) -> Array:
        expected = f"an array of {spec.ndim} axes and dtype {dtype}"
        if array.ndim != spec.ndim:
            raise bad_sample(spec, row, describe(array), expected)
        try:
            return cast_safely(array, dtype)
        except CastError as error:
            hint = f"make the tensor with dtype={array.dtype.name!r}, or cast" if spec.htype == "generic" else "cast"
            raise bad_sample(spec, row, f"{describe(array)}: {error}", expected, hint=hint) from error

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        if spec.dtype is None or spec.ndim is None:
            return {"": pa.nulls(len(prepared))}
        if spec.ndim == 0:
            return {"": _scalar_column(prepared, np.dtype(spec.dtype))}
        return pack_arrays(prepared, np.dtype(spec.dtype), self.fields(spec)[""])

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        column = cells[""]
        dtype = np.dtype(spec.dtype or "float64")
        if pa.types.is_null(column.type):
            return [_empty(spec.ndim or 1, dtype) for _ in range(len(column))]
        if spec.ndim == 0:
            return _scalars(column, dtype)
        return unpack_arrays(cells, dtype, spec.ndim or 1)

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        if pa.types.is_null(cells[""].type):
            return [(0,) * (spec.ndim or 1)] * len(cells[""])
        if spec.ndim == 0:
            return [() if valid else (0,) for valid in cells[""].is_valid().to_pylist()]
        return [shape or (0,) * (spec.ndim or 1) for shape in shape_rows(cells[".shape"])]


class KeypointsCoco(Generic):
    """Key points as COCO keeps them, int32 (3 * K, n): x, y, visibility of K points of n objects."""

    name: ClassVar[str] = "keypoints_coco"
    default_dtype: ClassVar[str | None] = "int32"

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        info["keypoints"] = list(info.get("keypoints") or [])
        info["connections"] = [list(pair) for pair in info.get("connections") or []]
        return replace(spec, dtype="int32", ndim=2)

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        columns = [self._as_columns(value) for value in values]
        spec, prepared = super().prepare(columns, spec, context)
        for row, array in enumerate(prepared):
            if array is not None and array.shape[0] % 3:
                expected = "an array of shape (3 * K, n): x, y and visibility of K key points"
                raise bad_sample(spec, context.first_row + row, describe(array), expected)
        return spec, prepared

    def _as_columns(self, value: Any) -> Any:
        if value is None or (hasattr(value, "__len__") and len(value) == 0):
            return None
        array = np.asarray(value)
        return array.reshape(-1, 1) if array.ndim == 1 else array

    def data(self, sample: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        return {"value": sample, "keypoints": info.get("keypoints"), "connections": info.get("connections")}


class Embedding(Htype):
    """Vectors, float32 (d,)."""

    name: ClassVar[str] = "embedding"
    default_dtype: ClassVar[str | None] = "float32"

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        return replace(spec, ndim=1)

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return {"": pa.list_(pa.float32())}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        return spec, [self._vector(value, spec, context.first_row + row) for row, value in enumerate(values)]

    def _vector(self, value: Any, spec: TensorSpec, row: int) -> Array:
        array = np.zeros(0, np.float32) if value is None else _as_array(value, spec, row)
        if array.ndim == 2 and array.shape[0] == 1:
            array = array[0]
        if array.ndim != 1:
            raise bad_sample(spec, row, describe(array), "a vector of shape (d,) and dtype float32")
        try:
            return cast_safely(array, np.dtype("float32"))
        except CastError as error:
            raise bad_sample(spec, row, f"{describe(array)}: {error}", "a float32 vector") from error

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        return {"": pack_arrays(prepared, np.dtype("float32"), pa.list_(pa.float32()))[""]}

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        return list_rows(cells[""], np.float32)

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        return [(length,) for length in list_lengths(cells[""]).tolist()]


def pack_arrays(prepared: Sequence[Array | None], dtype: np.dtype[Any], type: pa.DataType) -> dict[str, pa.Array]:
    """Value and shape columns of arrays; None is a null cell."""
    rows = [_NOTHING if array is None else array.reshape(-1) for array in prepared]
    flat = np.concatenate(rows, dtype=dtype, casting="unsafe") if rows else np.zeros(0, dtype)
    mask = np.array([array is None for array in prepared], bool)
    values = list_column(pa.array(flat), lengths_of(rows), type, mask)
    return {"": values, ".shape": shape_column(None if array is None else array.shape for array in prepared)}


def unpack_arrays(cells: Mapping[str, pa.Array], dtype: np.dtype[Any], ndim: int) -> list[Array]:
    """The inverse of `pack_arrays`; null cells, and those older than their shape column, become empty arrays of `ndim`
    axes, which are at least one."""
    shapes = shape_rows(cells[".shape"])
    rows = list_rows(cells[""], dtype)
    return [row.reshape(shape) if shape else _empty(ndim, dtype) for row, shape in zip(rows, shapes, strict=True)]


_NOTHING = np.zeros(0, np.uint8)


def _empty(ndim: int, dtype: np.dtype[Any]) -> Array:
    return np.zeros((0,) * ndim, dtype)


def _as_array(value: Any, spec: TensorSpec, row: int) -> Array:
    """`value` as an array that the caller's later changes do not reach."""
    try:
        # In two steps, because tensors of torch warn when NumPy asks them for a copy.
        array = np.array(np.asarray(value), copy=True, order="C")
    except (ValueError, TypeError) as error:
        raise bad_sample(spec, row, f"{describe(value)} of unequal parts", "an array of numbers") from error
    if array.dtype.kind not in "biuf" and array.size:
        hint = "make the tensor with htype='text'" if array.dtype.kind == "U" else ""
        raise bad_sample(spec, row, describe(value), "numbers or booleans", hint=hint)
    return array


def _scalar_column(prepared: Sequence[Array | None], dtype: np.dtype[Any]) -> pa.Array:
    mask = np.array([array is None for array in prepared], bool)
    numbers = np.array([0 if array is None else array[()] for array in prepared], dtype)
    return pa.array(numbers, mask=mask if mask.any() else None)


def _scalars(column: pa.Array, dtype: np.dtype[Any]) -> list[Array]:
    valid = column.is_valid().to_pylist()
    flat = flat_copy(column.fill_null(False if dtype.kind == "b" else 0), dtype)
    return [flat[row, ...] if there else np.zeros(0, dtype) for row, there in enumerate(valid)]
