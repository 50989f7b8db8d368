"""Samples that are text: text, tag, and the JSON-backed json and list."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from ..schema import TensorSpec
from .base import EncodeContext, Htype
from .columns import list_lengths
from .place import bad_sample, describe
from .sample import Sample


class Text(Htype):
    """Samples are str; None is stored as null and read back as ""."""

    name: ClassVar[str] = "text"
    default_dtype: ClassVar[str | None] = "str"
    shape_without_value: ClassVar[bool] = True

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return {"": pa.string()}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        prepared = list(values)
        if set(map(type, values)) - {str, type(None)}:
            prepared = [_as_text(value, spec, context, row) for row, value in enumerate(values)]
        check_unicode([text or "" for text in prepared], spec, context)
        return spec, prepared

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        return {"": pa.array(prepared, pa.string())}

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        return ["" if text is None else text for text in cells[""].to_pylist()]

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        return [(1,) if valid else (0,) for valid in cells[""].is_valid().to_pylist()]


def _as_text(value: Any, spec: TensorSpec, context: EncodeContext, row: int) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "UO":
        return _as_text(value.reshape(-1)[0], spec, context, row)
    if isinstance(value, Sample):
        return _decode(value.read(context.fetch), spec, context.first_row + row)
    raise bad_sample(spec, context.first_row + row, describe(value), "a string")


def _decode(data: bytes, spec: TensorSpec, row: int) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_sample(
            spec, row, f"a file that is not UTF-8 ({error.reason} at byte {error.start})", "text"
        ) from error


def check_unicode(texts: Sequence[str], spec: TensorSpec, context: EncodeContext) -> None:
    """Refuse text that UTF-8 cannot hold: lone surrogates.

    Raises:
        SampleError: names the row.
    """
    try:
        "".join(texts).encode("utf-8")
    except UnicodeEncodeError:
        row = next(row for row, text in enumerate(texts) if _has_surrogate(text))
        raise bad_sample(
            spec, context.first_row + row, "text with a lone surrogate", "text that UTF-8 can hold"
        ) from None


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


class Json(Htype):
    """Samples are any JSON-able value, NumPy arrays and scalars included; kept as JSON text; None is null."""

    name: ClassVar[str] = "json"
    default_dtype: ClassVar[str | None] = "Any"
    shape_without_value: ClassVar[bool] = True

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return {"": pa.string()}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        prepared = [self._dump(value, spec, context.first_row + row) for row, value in enumerate(values)]
        check_unicode([text or "" for text in prepared], spec, context)
        return spec, prepared

    def accepts(self, value: Any) -> bool:
        """Whether the outermost value is of the right kind."""
        return True

    def _dump(self, value: Any, spec: TensorSpec, row: int) -> str | None:
        if value is None:
            return None
        if not self.accepts(value):
            raise bad_sample(spec, row, describe(value), f"a {self.name}")
        try:
            return json.dumps(value, default=_jsonable, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            hint = "use None in place of NaN or infinity" if "Out of range" in str(error) else ""
            raise bad_sample(
                spec, row, f"{describe(value)} ({error})", "a value that JSON can hold", hint=hint
            ) from error

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        return {"": pa.array(prepared, pa.string())}

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        return [self._empty() if text is None else json.loads(text) for text in cells[""].to_pylist()]

    def _empty(self) -> Any:
        return None

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        return [(1,) if valid else (0,) for valid in cells[""].is_valid().to_pylist()]


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON-able")


class List(Json):
    """Samples are lists of JSON-able values; None is the empty list."""

    name: ClassVar[str] = "list"
    default_dtype: ClassVar[str | None] = "List"
    shape_without_value: ClassVar[bool] = False

    def accepts(self, value: Any) -> bool:
        return isinstance(value, list | tuple | np.ndarray)

    def _empty(self) -> Any:
        return []

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        return [(len(sample),) for sample in self.unpack(cells, spec)]


class Tag(Htype):
    """Samples are object arrays of str (n,); one string is n = 1, None is n = 0."""

    name: ClassVar[str] = "tag"
    default_dtype: ClassVar[str | None] = "str"

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return {"": pa.list_(pa.string())}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        prepared = [_tags(value, spec, context.first_row + row) for row, value in enumerate(values)]
        check_unicode(["".join(tags) for tags in prepared], spec, context)
        return spec, prepared

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        return {"": pa.array(prepared, pa.list_(pa.string()))}

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        return [_object_array(tags or []) for tags in cells[""].to_pylist()]

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        return [(length,) for length in list_lengths(cells[""]).tolist()]


def _tags(value: Any, spec: TensorSpec, row: int) -> list[str]:
    if value is None:
        return []
    items = [value] if isinstance(value, str) else list(value) if hasattr(value, "__iter__") else [value]
    for item in items:
        if not isinstance(item, str):
            raise bad_sample(spec, row, describe(item), "strings")
    return [str(item) for item in items]


def _object_array(items: list[str]) -> np.ndarray[Any, np.dtype[Any]]:
    array = np.empty(len(items), object)
    array[:] = items
    return array
