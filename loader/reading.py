"""Rows of any source to dictionaries of NumPy arrays, as transforms get them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import LakebedError
from ..storage.errors import DamageError, InvalidInputError
from ..storage.htypes import htype_of
from ..storage.schema import TensorSpec
from ..storage.source import Failures, SampleSource
from .decode import DecodeHints, decode_into
from .errors import RowPlace, located
from .geometry import check_resizable, pixel_tensors, rescale
from .images import image_mode, is_image
from .payload_view import payload_views
from .policy import Failed
from .samples import SampleDict
from .stats import FileReads
from .view import MaterialisedView, check_tensors

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Out = Mapping[str, np.ndarray[Any, Any]]
"""Arrays that take the images of a batch, (rows, H, W, C) by tensor."""

DECODE_METHODS = ("numpy", "tobytes", "data", "pil")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is read of each row, and in which form.

    Attributes:
        tensors: names, in the order of the sample's keys.
        decode_method: by tensor "numpy" (default), "tobytes" (the stored file), "pil" (images), "data" (a dict).
        hints: see `DecodeHints`.
        return_index: add "index", int64 (1,): the row's position in the source.
    """

    tensors: tuple[str, ...]
    decode_method: Mapping[str, str] = field(default_factory=dict)
    hints: DecodeHints = field(default_factory=DecodeHints)
    return_index: bool = True


class RowReader:
    """Reads rows of `source`; picklable, safe for several threads.

    Samples hold images as uint8 (H, W, C), boxes as float32 (n, 4), class labels as int64 (n,), other tensors as their
    htype says. All arrays are writable and C-contiguous.

    Raises:
        NotFoundError: an unknown tensor.
        InvalidInputError: a decode method or resize that does not fit the tensors.
    """

    def __init__(self, source: SampleSource, options: ReadOptions) -> None:
        check_tensors(source.schema, options.tensors)
        self.source = source
        self.options = options
        self.specs = tuple(source.schema[name].unlinked() for name in options.tensors)
        self._check_methods()
        self._images = [spec.name for spec in self.specs if is_image(spec)]
        info = {spec.name: source.info(spec.name) for spec in self.specs}
        moved = pixel_tensors(self.specs, info) if options.hints.resize or options.hints.min_side else []
        self._rescaled = {spec.name for spec in moved} if len(self._images) == 1 else set()

    def __reduce__(self) -> tuple[Any, ...]:
        return RowReader, (self.source, self.options)

    def read(self, rows: Ints, out: Out | None = None) -> tuple[list[SampleDict], int]:
        """One dict per row, and the bytes of the payloads; a value that cannot be read is a `Failed`."""
        shapes: list[tuple[int, ...] | None] = [None] * len(rows)
        sizes: list[int] = []
        columns: dict[str, list[Any]] = {}
        for spec in sorted(
            self.specs, key=lambda spec: spec.name not in self._images
        ):  # images first, for their shapes
            columns[spec.name] = self._column(spec, rows, shapes, sizes, out or {}, columns)
        names = self.options.tensors
        samples = [SampleDict((name, columns[name][i]) for name in names) for i in range(len(rows))]
        if self.options.return_index:
            for sample, row in zip(samples, rows, strict=True):
                sample["index"] = np.array([row], np.int64)
        return samples, sum(sizes)

    def take_file_reads(self) -> FileReads:
        """What opening files cost since the last call; nothing for a source that is no materialised view."""
        return self.source.take_file_reads() if isinstance(self.source, MaterialisedView) else FileReads()

    def place(self, row: int, tensor: str = "", known: bool = False) -> RowPlace:
        """Where a row comes from, its URL included if it has one; `known` opens no file to find that out."""
        tensors = [tensor] if tensor else list(self.options.tensors)
        if known:
            tensors = []
        url = next((found for name in tensors if (found := self._url(name, row))), "")
        return RowPlace(row, int(self.source.row_ids[row]), tensor, url)

    def blank(self, spec: TensorSpec) -> Any:
        """What stands in for a sample that cannot be read: a black image, else the htype's empty sample."""
        if is_image(spec):
            size = self.options.hints.resize or (1, 1)
            return np.zeros((*size, 1 if image_mode(spec) == "gray" else 3), np.uint8)
        htype = htype_of(spec)
        (empty,) = htype.unpack(htype.pack(htype.prepare([None], spec, _context())[1], spec), spec)
        return _delivered(empty, spec)

    def _check_methods(self) -> None:
        for name, method in self.options.decode_method.items():
            if method not in DECODE_METHODS:
                raise InvalidInputError(f"decode_method is one of {', '.join(DECODE_METHODS)}: found {method!r}")
            spec = next((spec for spec in self.specs if spec.name == name), None)
            if spec is None:
                raise InvalidInputError(f"decode_method names {name!r}, which is not among the tensors to be read")
            if method == "pil" and not is_image(spec):
                raise InvalidInputError(f"decode_method 'pil' is for images, {name!r} is {spec.htype!r}")
            if method == "tobytes" and not _has_bytes(spec):
                raise InvalidInputError(
                    f"decode_method 'tobytes' is for files and texts, {name!r} is {spec.htype!r}",
                    hint="leave it out, and call .tobytes() of the array in the transform",
                )
        if self.options.hints.resize:
            from ..storage.schema import Schema

            check_resizable(Schema(self.specs), sum(map(is_image, self.specs)))

    def _column(
        self,
        spec: TensorSpec,
        rows: Ints,
        shapes: list[tuple[int, ...] | None],
        sizes: list[int],
        out: Out,
        columns: Mapping[str, list[Any]],
    ) -> list[Any]:
        method = self.options.decode_method.get(spec.name, "numpy")
        if spec.name in self._images or method == "tobytes":
            decode = self._decoder(spec, method, shapes, out.get(spec.name))
            payloads = self._payloads(spec, rows)
            sizes += [len(data) for data in payloads if isinstance(data, np.ndarray)]
            return [
                data if isinstance(data, Failed) else self._decode(spec, int(rows[i]), i, data, decode)
                for i, data in enumerate(payloads)
            ]
        values = self._values(spec, rows)
        if spec.name in self._rescaled:
            values = [
                self._moved(spec, value, shapes[i], columns[self._images[0]][i]) for i, value in enumerate(values)
            ]
        if method == "data":
            info, htype = self.source.info(spec.name), htype_of(spec)
            return [value if isinstance(value, Failed) else htype.data(value, info) for value in values]
        return values

    def _decoder(
        self, spec: TensorSpec, method: str, shapes: list[tuple[int, ...] | None], out: Any
    ) -> Callable[[int, Bytes | None], Any]:
        """A function of (position, bytes) for one payload tensor."""
        mode, hints = image_mode(spec), self.options.hints
        htype, info = htype_of(spec), self.source.info(spec.name)

        def decode(position: int, data: Bytes | None) -> Any:
            if method == "tobytes":
                return b"" if data is None else data.tobytes()
            if method == "pil":
                return _pillow(data, mode)
            if data is None:
                return np.zeros((0, 0, 1 if mode == "gray" else 3), np.uint8)
            found = decode_into(data, mode, hints, None if out is None else out[position])
            shapes[position] = found.source_shape
            return htype.data(found.pixels, info) if method == "data" else found.pixels

        return decode

    def _decode(
        self, spec: TensorSpec, row: int, position: int, data: Bytes | None, decode: Callable[[int, Bytes | None], Any]
    ) -> Any:
        try:
            return decode(position, data)
        except (LakebedError, OSError, ValueError) as error:
            return Failed(located(error, self.place(row, spec.name)), spec.name)

    def _moved(self, spec: TensorSpec, value: Any, before: tuple[int, ...] | None, image: Any) -> Any:
        """Pixel coordinates after their image was resized."""
        if isinstance(value, Failed) or before is None or not isinstance(image, np.ndarray):
            return value
        return rescale(value, spec, before, image.shape)

    def _payloads(self, spec: TensorSpec, rows: Ints) -> list[Bytes | Failed | None]:
        """Stored bytes of each row."""
        if isinstance(self.source, MaterialisedView) and spec.column in self.source.payloads:
            return self._view_payloads(self.source, spec, rows)
        return self._by_row(lambda some, failed: _buffers(self.source.cells(spec.name, some, failed)[""]), spec, rows)

    def _view_payloads(self, view: MaterialisedView, spec: TensorSpec, rows: Ints) -> list[Bytes | Failed | None]:
        places = view.locate(rows)
        found: list[Bytes | Failed | None] = []
        for i, (batch, row) in enumerate(zip(places.batch.tolist(), places.row.tolist(), strict=True)):
            try:
                found.append(_again(view, batch, lambda b=batch, r=row: view.payload_column(b, spec.column).get(r)))  # type: ignore[misc]  # mypy cannot infer lambdas with defaults
            except LakebedError as error:
                found.append(Failed(located(error, self.place(int(rows[i]), spec.name)), spec.name))
        return found

    def _values(self, spec: TensorSpec, rows: Ints) -> list[Any]:
        htype = htype_of(spec)

        def read(some: Ints, failed: Failures) -> list[Any]:
            values = htype.unpack(self.source.cells(spec.name, some, failed), spec)
            return [_delivered(value, spec) for value in values]

        return self._by_row(read, spec, rows)

    def _by_row(self, read: Callable[[Ints, Failures], list[Any]], spec: TensorSpec, rows: Ints) -> list[Any]:
        """`read` of all rows at once, or of each one alone if that fails."""
        failed: Failures = {}
        try:
            values = read(rows, failed)
            for position, error in failed.items():
                values[position] = Failed(located(error, self.place(int(rows[position]), spec.name)), spec.name)
            return values
        except LakebedError as error:
            if len(rows) == 1:
                return [Failed(located(error, self.place(int(rows[0]), spec.name)), spec.name)]
        return [self._by_row(read, spec, rows[i : i + 1])[0] for i in range(len(rows))]

    def _url(self, tensor: str, row: int) -> str | None:
        if isinstance(self.source, MaterialisedView):
            return self.source.urls(tensor, [row])[0]
        spec = self.source.schema[tensor]
        if not spec.link or spec.sequence:
            return None
        url: str | None = self.source.table([spec.column]).column(0)[row].as_py()
        return url


def _again(view: MaterialisedView, batch: int, read: Callable[[], Bytes | None]) -> Bytes | None:
    """`read`; where the bytes are damaged, once more from a freshly opened file."""
    try:
        return read()
    except DamageError:
        view.refetch(view.chunk_of(batch))
        return read()


def _buffers(column: Any) -> list[Bytes | None]:
    return [None if cell is None else np.frombuffer(cell, np.uint8) for cell in payload_views(column)]


def _delivered(value: Any, spec: TensorSpec) -> Any:
    """A stored value in the type that training code expects: class labels as int64."""
    if spec.htype == "class_label" and isinstance(value, np.ndarray):
        return value.astype(np.int64)
    return value


def _has_bytes(spec: TensorSpec) -> bool:
    """Whether samples are stored as bytes, not as values."""
    kind = htype_of(spec).fields(spec)[""]
    return any(is_kind(kind) for is_kind in (pa.types.is_large_binary, pa.types.is_binary, pa.types.is_string))


def _pillow(data: Bytes | None, mode: str | None) -> Any:
    from PIL import Image

    if data is None:
        return Image.new("L" if mode == "gray" else "RGB", (0, 0))
    image = Image.open(io.BytesIO(data.tobytes()))
    image.load()
    return image


def _context() -> Any:
    from ..storage.htypes import EncodeContext

    return EncodeContext()


def failures(sample: Mapping[str, Any]) -> Sequence[Failed]:
    """The values of a sample that could not be read."""
    return [value for value in sample.values() if isinstance(value, Failed)]
