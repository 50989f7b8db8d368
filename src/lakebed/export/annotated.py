"""Images with their boxes and class codes, row by row, as annotation formats want them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ..plot import pixel_corners
from ..shapes import sample_shapes
from ..storage.codecs.formats import sniff_format
from ..storage.codecs.image import encode_image
from ..storage.errors import InvalidInputError
from ..storage.schema import Schema, TensorSpec
from ..storage.source import SampleSource
from ..stored import stored_cells

Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 256
"""Rows whose labels are read at a time; images come one by one."""
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "bmp": ".bmp", "gif": ".gif", "tiff": ".tif"}


@dataclass(frozen=True, slots=True)
class Tensors:
    """Names of the tensors that are written."""

    images: str
    boxes: str
    labels: str


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """One row: boxes as left, top, right, bottom in pixels, float64 (n, 4), and the class code of each."""

    row: int
    name: str
    """Of the file, unique among all of them."""
    width: int
    height: int
    corners: Array
    codes: list[int]


def tensors_of(schema: Schema, images: str | None, boxes: str | None, labels: str | None) -> Tensors:
    """The named tensors, and for None the first of the fitting htype.

    Raises:
        NotFoundError: kind "unknown-tensor".
        InvalidInputError: kind "no-tensor", there is none of that htype, or a named one is of another.
    """
    return Tensors(
        _one(schema, images, "image", "images"), _one(schema, boxes, "bbox", "boxes"),
        _one(schema, labels, "class_label", "labels"),
    )  # fmt: skip


def _one(schema: Schema, name: str | None, htype: str, argument: str) -> str:
    candidates = [schema[name]] if name is not None else [spec for spec in schema if not spec.hidden]
    fitting = [spec.name for spec in candidates if _family(spec) == htype]
    if fitting:
        return fitting[0]
    raise InvalidInputError(
        f"there is no tensor of htype {htype}" if name is None else f"tensor {name!r} is no {htype}",
        kind="no-tensor",
        hint=f"name one with {argument}=",
    )


def _family(spec: TensorSpec) -> str:
    return "" if spec.sequence else spec.htype.partition(".")[0]


def annotated_images(source: SampleSource, tensors: Tensors, numbers: Sequence[int]) -> Iterator[AnnotatedImage]:
    """Every row that has an image; `numbers` are the row numbers that files without a name of their own get.

    Raises:
        InvalidInputError: kind "unequal-labels", a row has another number of labels than boxes.
    """
    taken: set[str] = set()
    coords = dict(source.info(tensors.boxes).get("coords") or {})
    for start in range(0, len(source), BATCH):
        rows = np.arange(start, min(start + BATCH, len(source)), dtype=np.int64)
        links = _urls(source, source.schema[tensors.images], rows)
        shapes = sample_shapes(source, tensors.images, rows)
        boxes, labels = source.read(tensors.boxes, rows), source.read(tensors.labels, rows)
        for row, url, shape, cell, codes in zip(rows.tolist(), links, shapes, boxes, labels, strict=True):
            if 0 in shape[:2]:
                continue
            corners = pixel_corners(cell, coords, shape)
            if len(corners) != np.size(codes):
                raise InvalidInputError(
                    f"{np.size(codes)} labels belong to {len(corners)} boxes",
                    kind="unequal-labels",
                    place=f"tensors {tensors.boxes!r} and {tensors.labels!r}, row {numbers[row]}",
                    hint="every box needs one label; correct the row, or leave it out with a query",
                )
            name = _free(PurePosixPath(url).name if url else f"{numbers[row]:06d}", numbers[row], taken)
            yield AnnotatedImage(
                row, name, int(shape[1]), int(shape[0]), corners, [int(code) for code in np.ravel(codes)]
            )


def _urls(source: SampleSource, spec: TensorSpec, rows: Array) -> list[str | None]:
    if not spec.link:
        return [None] * len(rows)
    urls: list[str | None] = stored_cells(source, spec, rows)[""].to_pylist()
    return urls


def _free(name: str, number: int, taken: set[str]) -> str:
    """`name`, with the row's number before it where another row has it already (one file may be linked twice)."""
    found = name if name not in taken else f"{number:06d}-{name}"
    taken.add(found)
    return found


def image_file(source: SampleSource, tensors: Tensors, image: AnnotatedImage) -> tuple[str, bytes]:
    """Name and bytes of a row's image: the file that is stored or linked, or a PNG of bare pixels."""
    data: bytes = source.cells(tensors.images, [image.row])[""][0].as_py()
    suffix = SUFFIXES.get(sniff_format(data[:400]) or "")
    if suffix is None:
        suffix, data = ".png", encode_image(np.asarray(source.read(tensors.images, [image.row])[0]), "png")
    named = PurePosixPath(image.name).suffix != ""
    return image.name if named else image.name + suffix, data
