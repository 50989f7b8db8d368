"""Pages: a few dozen rows read from the source, checked, and turned into the record batches of a chunk file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import xxhash

from ..errors import LakebedError
from ..storage.arrow import binary_array
from ..storage.htypes import htype_of
from ..storage.htypes.payload import dump_info
from ..storage.schema import TensorSpec
from .chunks import HASH_SUFFIX, URL_SUFFIX
from .facts import Facts
from .fetching import Cells, Fetched, fetch_rows
from .geometry import pixel_tensors, rescale
from .images import ImageCell, is_image, prepare_image
from .payload_view import payload_views
from .recipe import ROW_ID, VIEW_ROW, Ints, Recipe

PAGE_ROWS, PAGE_BYTES = 64, 8 << 20


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


def build_page(recipe: Recipe, fetched: Fetched) -> Page:
    """Check and encode fetched rows.

    Raises:
        LakebedError: a row cannot be read and the recipe is strict; the error's place names row and URL.
    """
    rows, page, bad = fetched.rows, Page([], []), set[int]()
    for problem in fetched.problems:
        _fail(recipe, problem.tensor, int(rows[problem.position]), problem.position, problem.error, page, bad)
    images: dict[str, list[ImageCell | None]] = {}
    columns: dict[str, pa.Array] = {ROW_ID: pa.array(recipe.row_ids[rows]), VIEW_ROW: pa.array(rows)}
    for spec in sorted(recipe.schema, key=lambda spec: not is_image(spec)):  # images first: boxes are scaled like them
        cells = fetched.cells[spec.name]
        if is_image(spec):
            images[spec.name] = _images(recipe, spec, rows, cells, page, bad)
            cells = _image_columns(images[spec.name], cells[""])
        elif recipe.policy.resizes:
            cells = _rescaled(recipe, spec, cells, images)
        columns |= _physical(recipe, spec, cells, rows)
    batch = pa.record_batch([columns[name] for name in recipe.arrow_schema.names], schema=recipe.arrow_schema)
    keep = [i for i in range(len(rows)) if not (recipe.skip and i in bad)]
    page.rows = [int(rows[i]) for i in keep]
    page.batches = list(_split(batch if len(keep) == len(rows) else batch.take(pa.array(keep, pa.int64()))))
    return page


def read_page(recipe: Recipe, rows: Ints) -> Page:
    """`build_page` of rows that are fetched first, in this thread."""
    return build_page(recipe, fetch_rows(recipe, rows))


def _images(
    recipe: Recipe, spec: TensorSpec, rows: Ints, cells: Cells, page: Page, bad: set[int]
) -> list[ImageCell | None]:
    found: list[ImageCell | None] = []
    for position, data in enumerate(payload_views(cells[""])):
        try:
            found.append(None if data is None else prepare_image(data, spec, recipe.policy))
        except LakebedError as error:
            _fail(recipe, spec.name, int(rows[position]), position, error, page, bad)
            found.append(None)
    for image in found:
        if image is not None:
            page.facts.add(spec.name, image.shape, len(image.data), str(image.info.get("format", "")), image.done)
    return found


def _fail(recipe: Recipe, tensor: str, row: int, position: int, error: LakebedError, page: Page, bad: set[int]) -> None:
    if recipe.strict:
        raise recipe.located(error, row, tensor) from error
    bad.add(position)
    place = recipe.place(row, tensor)
    page.failures.append(
        {
            "row": row,
            "row_id": place.row_id,
            "tensor": tensor,
            "url": place.url,
            "kind": error.kind,
            "error": error.message,
            "done": "skipped" if recipe.skip else "null",
        }
    )


def _image_columns(images: Sequence[ImageCell | None], fetched: pa.Array) -> Cells:
    return {
        "": _image_payloads(images, fetched),
        ".shape": pa.array([None if image is None else list(image.shape) for image in images], pa.list_(pa.int32())),
        ".info": pa.array([None if image is None else dump_info(image.info) for image in images], pa.string()),
    }


def _image_payloads(images: Sequence[ImageCell | None], fetched: pa.Array) -> pa.Array:
    """The files to be stored; where all are kept as they were fetched, without another copy."""
    missing = sum(image is None for image in images)
    if missing == fetched.null_count and all(image is None or image.done == "kept" for image in images):
        return fetched
    return binary_array([None if image is None else image.data for image in images])


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
        columns[spec.column + URL_SUFFIX] = recipe.urls_of(spec.name, rows)
    return columns


def _typed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _hashes(payloads: pa.Array) -> pa.Array:
    cells = payload_views(payloads)
    return pa.array([None if cell is None else xxhash.xxh3_64_intdigest(cell) for cell in cells], pa.uint64())


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
