"""What htypes stored as bytes share: payload, shape and info columns, and reading files that users hand over."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from os import PathLike, fspath
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from ...errors import LakebedError
from ..codecs.formats import COMPRESSIONS
from ..errors import SampleError, SchemaError
from ..links.base import Link
from ..schema import TensorSpec
from .base import EncodeContext, Htype, Payload
from .columns import SHAPE_TYPE, shape_column, shape_rows
from .parallel import map_threaded
from .place import bad_sample, describe, placed, row_place, undecodable
from .sample import Sample, read_local

Array = np.ndarray[Any, np.dtype[Any]]
Facts = tuple[tuple[int, ...] | None, dict[str, Any]]
"""Shape (None if it cannot be told) and info of a file."""

PAYLOAD_FIELDS = {"": pa.large_binary(), ".shape": SHAPE_TYPE, ".info": pa.string()}


class PayloadHtype(Htype):
    """Samples kept as the bytes of a file; a sample is given as bytes, a path, a `Sample`, or (where the format can
    be written) an array. None is a null cell, which reads back as an empty array."""

    is_payload: ClassVar[bool] = True
    shape_without_value: ClassVar[bool] = True
    kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of compression (see `codecs.formats`) that fit this htype."""
    needs_compression: ClassVar[bool] = False

    def check_spec(self, spec: TensorSpec, info: dict[str, Any]) -> TensorSpec:
        codec = spec.sample_compression or spec.chunk_compression
        if codec is None:
            if self.needs_compression:
                raise missing_compression(self.name, spec.name, self.kinds)
            return spec
        if COMPRESSIONS[codec].kind not in self.kinds:
            raise SchemaError(
                f"compression {codec!r} does not fit htype {self.name!r}",
                kind="bad-compression",
                place=f"tensor {spec.name!r}",
                hint=f"use one of {', '.join(fitting(self.kinds))}",
            )
        return spec

    def fields(self, spec: TensorSpec) -> dict[str, pa.DataType]:
        return dict(PAYLOAD_FIELDS)

    def prepare(self, values: Sequence[Any], spec: TensorSpec, context: EncodeContext) -> tuple[TensorSpec, list[Any]]:
        def prepare(job: tuple[int, Any]) -> Payload | None:
            return self._prepare_one(job[1], spec, context, job[0])

        quick = all(isinstance(value, bytes | Payload) or value is None for value in values)
        return spec, map_threaded(prepare, list(enumerate(values)), 1 if quick else 0)

    def _prepare_one(self, value: Any, spec: TensorSpec, context: EncodeContext, row: int) -> Payload | None:
        if value is None or isinstance(value, Payload):
            return value
        try:
            data = file_bytes(value, context)
            if data is not None:
                return self.from_file(data, spec)
            return self.from_array(as_array(value), spec)
        except LakebedError as error:
            where = row_place(spec, context.first_row + row)
            raise placed(error, where if error.place else where + _file_named(value)) from error
        except (TypeError, ValueError) as error:
            raise bad_sample(
                spec, context.first_row + row, describe(value), f"an {self.name} sample", hint=_how_to_give(value, spec)
            ) from error

    @abstractmethod
    def from_file(self, data: bytes, spec: TensorSpec) -> Payload:
        """The payload of a file's bytes, kept as they are if their format is the tensor's.

        Raises:
            SampleError: the file is not of this htype, or its header is broken.
        """

    def from_array(self, array: Array, spec: TensorSpec) -> Payload:
        """The payload of an array.

        Raises:
            SampleError: arrays of this shape and dtype, or any arrays, cannot be written.
        """
        raise SampleError(
            f"found an array, expected the bytes of a file: {self.name} arrays cannot be encoded",
            kind="cannot-encode",
            hint="pass bytes, a path or lakebed.read(path)",
        )

    @abstractmethod
    def inspect(self, head: bytes, size: int, spec: TensorSpec, *, complete: bool) -> Facts | None:
        """Shape and info from the first bytes of a file of `size` bytes, or None if more bytes are needed.

        Raises:
            SampleError: the file is not of this htype.
        """

    @abstractmethod
    def decode(self, data: memoryview, shape: tuple[int, ...] | None, spec: TensorSpec) -> Any:
        """The sample that `data` holds: a writable array.

        Raises:
            SampleError: the bytes cannot be decoded.
        """

    @abstractmethod
    def empty(self, spec: TensorSpec) -> Any:
        """What a null cell reads back as."""

    def pack(self, prepared: Sequence[Any], spec: TensorSpec) -> dict[str, pa.Array]:
        infos = [
            None if item is None or not spec.create_sample_info_tensor else dump_info(item.info) for item in prepared
        ]
        return {
            "": pa.array([None if item is None else item.data for item in prepared], pa.large_binary()),
            ".shape": shape_column(None if item is None else item.shape or None for item in prepared),
            ".info": pa.array(infos, pa.string()),
        }

    def unpack(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[Any]:
        payloads = memoryviews(cells[""])
        shapes = shape_rows(cells[".shape"]) if ".shape" in cells else [None] * len(payloads)

        def decode(row: int) -> Any:
            return self._decode_one(row, payloads[row], shapes[row], spec)

        return map_threaded(decode, range(len(payloads)))

    def _decode_one(self, row: int, data: memoryview | None, shape: tuple[int, ...] | None, spec: TensorSpec) -> Any:
        if data is None:
            return self.empty(spec)
        try:
            return self.decode(data, shape, spec)
        except LakebedError as error:
            raise undecodable(error, spec, row) from error

    def shapes(self, cells: Mapping[str, pa.Array], spec: TensorSpec) -> list[tuple[int, ...]] | None:
        """Shapes as recorded; the payloads themselves may be elsewhere (null), as those in chunk files are."""
        if ".shape" not in cells:
            return None
        absent = [cells[suffix].is_null().to_pylist() for suffix in ("", ".info") if suffix in cells]
        return shapes_or_none(
            shape_rows(cells[".shape"]), [all(flags) for flags in zip(*absent, strict=True)], self.empty_shape(spec)
        )

    def empty_shape(self, spec: TensorSpec) -> tuple[int, ...]:
        """Shape of a null cell."""
        return tuple(np.shape(self.empty(spec)))


def _file_named(value: Any) -> str:
    path = value.path if isinstance(value, Sample) else value
    return f" ({fspath(path)})" if isinstance(path, str | PathLike) else ""


def _how_to_give(value: Any, spec: TensorSpec) -> str:
    if isinstance(value, str):
        return f"a file is given as lakebed.read({value[:100]!r}), or as a pathlib.Path; text is no sample here"
    if isinstance(value, Link):
        return f"links need htype='link[{spec.htype}]'; lakebed.read(path) puts the file itself here"
    return "pass an array, lakebed.read(path), a pathlib.Path, or the bytes of a file"


def shapes_or_none(
    shapes: Sequence[tuple[int, ...] | None], missing: Sequence[bool], empty: tuple[int, ...]
) -> list[tuple[int, ...]] | None:
    """The shapes, `empty` where a sample is missing; None if one is not recorded."""
    known = [empty if shape is None and gone else shape for shape, gone in zip(shapes, missing, strict=True)]
    found = [shape for shape in known if shape is not None]
    return found if len(found) == len(known) else None


def fitting(kinds: Sequence[str]) -> list[str]:
    """Names of the compressions of these kinds."""
    return [name for name, codec in COMPRESSIONS.items() if codec.kind in kinds]


def missing_compression(htype: str, tensor: str, kinds: Sequence[str]) -> SchemaError:
    """The error for an htype that cannot be stored without a compression."""
    return SchemaError(
        f"htype {htype!r} needs sample_compression or chunk_compression, found neither",
        kind="missing-compression",
        place=f"tensor {tensor!r}",
        hint=f"pass sample_compression=..., one of {', '.join(fitting(kinds))}",
    )


def file_bytes(value: Any, context: EncodeContext) -> bytes | None:
    """The bytes of a sample given as a file, or None if it is an array.

    Raises:
        SampleError: the file cannot be read.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, Sample):
        return value.read(context.fetch)
    if isinstance(value, bytearray | memoryview | pa.Buffer):
        return bytes(value)
    if isinstance(value, PathLike):
        return read_local(value)
    return None


def as_array(value: Any) -> Array:
    """`value` as an array: anything NumPy or DLPack takes, PIL images included.

    Raises:
        TypeError: it is text, a link or another object that is no array.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{type(value).__name__} is no array of numbers")
    return array


def dump_info(info: Mapping[str, Any]) -> str | None:
    """Sample info as compact JSON; None where there is none."""
    return json.dumps(dict(info), ensure_ascii=False, separators=(",", ":")) if info else None


def memoryviews(column: pa.Array) -> list[memoryview | None]:
    """The payloads of a `large_binary` column without copying; None where a cell is null."""
    _, offsets, content = column.buffers()
    if len(column) == 0 or offsets is None:
        return []
    ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1].tolist()
    whole = memoryview(content if content is not None else b"").cast("B")
    valid = column.is_valid().to_pylist()
    return [whole[start:end] if there else None for there, (start, end) in zip(valid, pairwise(ends), strict=True)]
