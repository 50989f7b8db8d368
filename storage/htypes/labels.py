"""class_label: names of classes, stored as integer codes into ``info["class_names"]``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from ..errors import SampleError, SchemaError
from ..schema import TensorSpec
from .base import EncodeContext, Htype
from .columns import join_rows, lengths_of, list_column, list_lengths, list_rows, split_rows
from .place import bad_sample, describe

Array = np.ndarray[Any, np.dtype[Any]]

_EXPECTED = "class names or non-negative integers"
_MAX_CODE = 2**32 - 1


def check_class_names(info: dict[str, Any], name: str) -> None:
    """Make ``info["class_names"]`` a list of different strings, empty if none are given.

    Raises:
        SchemaError: it is something else.
    """
    given = info.get("class_names")
    names = [] if given is None else given
    if isinstance(names, str) or not isinstance(names, Iterable) or not all(isinstance(item, str) for item in names):
        raise SchemaError("class_names must be a list of strings", kind="bad-class-names", place=f"tensor {name!r}")
    # Elements of NumPy arrays are strings of NumPy's, which are not JSON.
    listed = [str(item) for item in names]
    if len(set(listed)) != len(listed):
        twice = next(item for item in listed if listed.count(item) > 1)
        raise SchemaError(f"class_names holds {twice!r} twice", kind="bad-class-names", place=f"tensor {name!r}")
    info["class_names"] = listed


class ClassLabel(Htype):
    """Samples are uint32 (n,); names, integers, lists and arrays of them, and None (no label) are accepted."""

    name: ClassVar[str] = "class_label"
    default_dtype: ClassVar[str | None] = "uint32"

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        check_class_names(info, spec.name)
        return replace(spec, ndim=1)

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return {"": pa.list_(pa.uint32())}

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        kinds = set(map(type, values))
        if kinds == {np.ndarray} and (flat := _joined_integers(values)) is not None:
            return spec, split_rows(flat, lengths_of(values))
        rows = values if kinds == {list} else [_as_list(value) for value in values]
        codes = _encode(rows, spec, context)
        return spec, split_rows(codes, lengths_of(rows))

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        flat = join_rows(prepared, np.uint32)
        return {"": list_column(pa.array(flat), lengths_of(prepared), pa.list_(pa.uint32()))}

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        return list_rows(cells[""], np.uint32)

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        return [(length,) for length in list_lengths(cells[""]).tolist()]

    def data(self, sample: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        return {"value": sample, "text": class_texts(sample, info)}


def class_texts(codes: Any, info: Mapping[str, Any]) -> list[str | None]:
    """The name of each code; None where the code has no name."""
    names = info.get("class_names") or []
    return [names[code] if code < len(names) else None for code in np.asarray(codes).ravel().tolist()]


def _joined_integers(values: Sequence[Any]) -> Array | None:
    """All rows as one uint32 array, or None where a row needs a closer look."""
    if any(row.ndim != 1 or row.dtype.kind not in "iu" for row in values):
        return None
    flat = np.concatenate(values)
    if flat.size and (int(flat.min()) < 0 or int(flat.max()) > _MAX_CODE):
        return None
    return flat.astype(np.uint32)


def _as_list(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, np.ndarray) and value.ndim <= 1:
        return value.reshape(-1).tolist() if value.dtype.kind in "iuUO" or value.size else ()
    return (value,)


def _encode(rows: Sequence[Sequence[Any]], spec: TensorSpec, context: EncodeContext) -> Array:
    """The codes of all rows in one uint32 array; registers names not seen before."""
    flat = list(chain.from_iterable(rows))
    kinds = set(map(type, flat))
    if kinds - {str, int}:
        flat = _plain(rows, spec, context)
        kinds = set(map(type, flat))
    if str in kinds:
        table = _register(flat, context.info, spec.column)
        flat = list(map(table.__getitem__, flat)) if kinds == {str} else [table.get(item, item) for item in flat]
    if kinds - {str} and flat and (min(flat) < 0 or max(flat) > _MAX_CODE):
        raise _first_bad(rows, spec, context)
    return np.array(flat, np.uint32)


def _plain(rows: Sequence[Sequence[Any]], spec: TensorSpec, context: EncodeContext) -> list[Any]:
    """Every label as a plain str or int, or the error for the first that is neither."""
    flat: list[Any] = []
    for label in chain.from_iterable(rows):
        if isinstance(label, str):
            flat.append(str(label))
        elif isinstance(label, int | np.integer) and not isinstance(label, bool):
            flat.append(int(label))
        else:
            raise _first_bad(rows, spec, context)
    return flat


def _register(flat: Sequence[Any], info: dict[str, Any], column: str) -> Mapping[Any, int]:
    """Codes by name, after adding the names of `flat` that are new, in first-seen order."""
    names = info.setdefault("class_names", [])
    wanted = [label for label in dict.fromkeys(flat) if isinstance(label, str)]
    kept = _TABLES.get(column, {})
    if len(wanted) < len(names) and _still_true(kept, wanted, names):
        return kept
    table: dict[Any, int] = {name: code for code, name in enumerate(names)}
    for label in wanted:
        if label not in table:
            table[label] = len(names)
            names.append(label)
    if len(_TABLES) >= _MAX_TABLES:
        _TABLES.clear()
    _TABLES[column] = table
    return table


_MAX_TABLES = 64
_TABLES: dict[str, Mapping[Any, int]] = {}
"""The last table of each column: building one for every appended row would cost as much as there are classes.
It is only believed where the names at hand say the same, so another dataset's table does no harm."""


def _still_true(table: Mapping[Any, int], wanted: Sequence[str], names: Sequence[str]) -> bool:
    codes = [table.get(label, -1) for label in wanted]
    return all(0 <= code < len(names) and names[code] == label for code, label in zip(codes, wanted, strict=True))


def _is_label(label: Any) -> bool:
    if isinstance(label, bool | np.bool_):
        return False
    return isinstance(label, str) or (isinstance(label, int | np.integer) and 0 <= int(label) <= _MAX_CODE)


def _first_bad(rows: Sequence[Sequence[Any]], spec: TensorSpec, context: EncodeContext) -> SampleError:
    for row, labels in enumerate(rows):
        for label in labels:
            if not _is_label(label):
                return bad_sample(spec, context.first_row + row, describe(label), _EXPECTED)
    raise AssertionError("a label was refused that fits")
