"""Pages: a few dozen rows read from the source, checked, and turned into the record batches of a chunk file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from ..errors import LakebedError
from ..storage.htypes import htype_of
from ..storage.htypes.payload import dump_info
from ..storage.schema import Schema, TensorSpec
from ..storage.source import SampleSource
from .chunks import HASH_SUFFIX, URL_SUFFIX
from .errors import RowPlace, located
from .facts import Facts
from .geometry import pixel_tensors, rescale
from .images import ImageCell, is_image, prepare_image
from .options import ImagePolicy

Ints = np.ndarray[Any, np.dtype[np.int64]]
Cells = dict[str, pa.Array]

ROW_ID, VIEW_ROW = "_row_id", "_view_row"
PAGE_ROWS, PAGE_BYTES = 64, 8 << 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """What every page of one run has in common."""

    source: SampleSource
    schema: Schema
    """Of the view: chosen tensors, unlinked where that is possible."""
    policy: ImagePolicy
    skip: bool
    """Leave out rows that cannot be read; else their cells are null."""
    strict: bool
    """Raise instead."""
    row_ids: Ints
    urls: Mapping[str, pa.ChunkedArray]
    """URL column of every linked tensor."""

    @property
    def arrow_schema(self) -> pa.Schema:
        return view_schema(self.schema, self.urls)

    @property
    def payloads(self) -> frozenset[str]:
        return payload_columns(self.schema)


@dataclass(slots=True)
class Page:
    """Rows ready to be written."""

    batches: list[pa.RecordBatch]
    rows: list[int]
    """Source rows that are kept, in stored order."""
    failures: list[dict[str, Any]] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)

    @property
    def nbytes(self) -> int:
        return sum(batch.nbytes for batch in self.batches)


def payload_columns(schema: Schema) -> frozenset[str]:
    """Columns whose bytes have hashes of their own."""
    return frozenset(spec.column for spec in schema if htype_of(spec).is_payload and not spec.sequence)


def view_schema(schema: Schema, linked: Sequence[str] | Mapping[str, Any]) -> pa.Schema:
    """Arrow schema of the chunk files of a view; `linked` names the tensors that have a URL column."""
    fields = [pa.field(ROW_ID, pa.int64()), pa.field(VIEW_ROW, pa.int64())]
    payloads = payload_columns(schema)
    for spec in schema:
        fields += [pa.field(spec.column + suffix, kind) for suffix, kind in htype_of(spec).fields(spec).items()]
        if spec.column in payloads:
            fields.append(pa.field(spec.column + HASH_SUFFIX, pa.uint64()))
        if spec.name in linked:
            fields.append(pa.field(spec.column + URL_SUFFIX, pa.string()))
    return pa.schema(fields)


def build_page(recipe: Recipe, rows: Ints) -> Page:
    """Read, check and encode source rows.

    Raises:
        LakebedError: a row cannot be read and the recipe is strict; the error's place names row and URL.
    """
    page = Page([], [])
    bad: dict[int, str] = {}
    images: dict[str, list[ImageCell | None]] = {}
    columns: dict[str, pa.Array] = {ROW_ID: pa.array(recipe.row_ids[rows]), VIEW_ROW: pa.array(rows)}
    for spec in sorted(recipe.schema, key=lambda spec: not is_image(spec)):  # images first: boxes are scaled like them
        cells = _read(recipe, spec, rows, page, bad)
        if is_image(spec):
            images[spec.name] = _images(recipe, spec, rows, cells, page, bad)
            cells = _image_columns(images[spec.name])
        elif recipe.policy.resizes:
            cells = _rescaled(recipe, spec, cells, images)
        columns |= _physical(recipe, spec, cells, rows)
    batch = pa.record_batch([columns[name] for name in recipe.arrow_schema.names], schema=recipe.arrow_schema)
    keep = [i for i in range(len(rows)) if not (recipe.skip and i in bad)]
    page.rows = [int(rows[i]) for i in keep]
    page.batches = list(_split(batch if len(keep) == len(rows) else batch.take(pa.array(keep, pa.int64()))))
    return page


def _read(recipe: Recipe, spec: TensorSpec, rows: Ints, page: Page, bad: dict[int, str]) -> Cells:
    """The cells of one tensor; where the whole page cannot be read, row by row."""
    try:
        return recipe.source.cells(spec.name, rows)
    except LakebedError as error:
        if len(rows) == 1:
            _fail(recipe, spec, int(rows[0]), 0, error, page, bad)
            return _null_cells(spec)
    parts = []
    for position, row in enumerate(rows):
        try:
            parts.append(recipe.source.cells(spec.name, rows[position : position + 1]))
        except LakebedError as error:
            _fail(recipe, spec, int(row), position, error, page, bad)
            parts.append(_null_cells(spec))
    return {suffix: pa.concat_arrays([part[suffix] for part in parts]) for suffix in parts[0]}


def _null_cells(spec: TensorSpec) -> Cells:
    return {suffix: pa.nulls(1, kind) for suffix, kind in htype_of(spec).fields(spec).items()}


def _images(
    recipe: Recipe, spec: TensorSpec, rows: Ints, cells: Cells, page: Page, bad: dict[int, str]
) -> list[ImageCell | None]:
    found: list[ImageCell | None] = []
    for position, cell in enumerate(cells[""]):
        data = cell.as_buffer()
        try:
            found.append(None if data is None else prepare_image(data.to_pybytes(), spec, recipe.policy))
        except LakebedError as error:
            _fail(recipe, spec, int(rows[position]), position, error, page, bad)
            found.append(None)
    for image in found:
        if image is not None:
            page.facts.add(spec.name, image.shape, len(image.data), str(image.info.get("format", "")), image.done)
    return found


def _fail(
    recipe: Recipe, spec: TensorSpec, row: int, position: int, error: LakebedError, page: Page, bad: dict[int, str]
) -> None:
    url = recipe.urls[spec.name][row].as_py() if spec.name in recipe.urls else None
    place = RowPlace(row, int(recipe.row_ids[row]), spec.name, url or "")
    if recipe.strict:
        raise located(error, place) from error
    bad[position] = spec.name
    page.failures.append(
        {
            "row": row,
            "row_id": place.row_id,
            "tensor": spec.name,
            "url": place.url,
            "kind": error.kind,
            "error": error.message,
            "done": "skipped" if recipe.skip else "null",
        }
    )


def _image_columns(images: Sequence[ImageCell | None]) -> Cells:
    return {
        "": pa.array([None if image is None else image.data for image in images], pa.large_binary()),
        ".shape": pa.array([None if image is None else list(image.shape) for image in images], pa.list_(pa.int32())),
        ".info": pa.array([None if image is None else dump_info(image.info) for image in images], pa.string()),
    }


def _rescaled(recipe: Recipe, spec: TensorSpec, cells: Cells, images: Mapping[str, list[ImageCell | None]]) -> Cells:
    """Pixel coordinates moved with their image."""
    info = {spec.name: recipe.source.info(spec.name)}
    if len(images) != 1 or not pixel_tensors([spec], info):
        return cells
    htype = htype_of(spec)
    values = htype.unpack(cells, spec)
    (found,) = images.values()
    moved = [
        value if image is None else rescale(value, spec, image.source_shape, image.shape)
        for value, image in zip(values, found, strict=True)
    ]
    return htype.pack(moved, spec)


def _physical(recipe: Recipe, spec: TensorSpec, cells: Cells, rows: Ints) -> dict[str, pa.Array]:
    """Columns of one tensor under their physical names, with the hash and the URL of each payload."""
    fields = htype_of(spec).fields(spec)
    columns = {spec.column + suffix: _typed(cells[suffix], kind) for suffix, kind in fields.items()}
    if spec.column in recipe.payloads:
        columns[spec.column + HASH_SUFFIX] = _hashes(cells[""])
    if spec.name in recipe.urls:
        urls = [recipe.urls[spec.name][int(row)].as_py() for row in rows]
        columns[spec.column + URL_SUFFIX] = pa.array(urls, pa.string())
    return columns


def _typed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _hashes(payloads: pa.Array) -> pa.Array:
    buffers = [cell.as_buffer() for cell in payloads]
    return pa.array([None if b is None else xxhash.xxh3_64_intdigest(b) for b in buffers], pa.uint64())


def _split(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Pieces of at most `PAGE_ROWS` rows and about `PAGE_BYTES` bytes."""
    if batch.num_rows == 0:
        return
    if batch.num_rows <= PAGE_ROWS and (batch.nbytes <= PAGE_BYTES or batch.num_rows == 1):
        yield batch
        return
    middle = batch.num_rows // 2
    yield from _split(batch.slice(0, middle))
    yield from _split(batch.slice(middle))
