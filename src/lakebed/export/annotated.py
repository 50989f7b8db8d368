"""Images with their boxes and class codes, row by row, as annotation formats want them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ..plot import pixel_corners
from ..progress import progress
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
class Annotated:
    """What is written: rows of a source, the numbers they have in their dataset, and the names of three tensors."""

    source: SampleSource
    numbers: Sequence[int]
    images: str
    boxes: str
    labels: str

    @property
    def class_names(self) -> list[str]:
        return list(self.source.info(self.labels).get("class_names") or ())


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """One row: boxes as left, top, right, bottom in pixels, float64 (n, 4), and the class code of each."""

    number: int
    """Of the row, in its dataset."""
    name: str
    """Of the file, unique among all of them also without its ending."""
    data: bytes
    width: int
    height: int
    corners: Array
    codes: list[int]


def annotated(
    source: SampleSource, numbers: Sequence[int], images: str | None, boxes: str | None, labels: str | None
) -> Annotated:
    """The rows with the named tensors, and for None the first of the fitting htype.

    Raises:
        NotFoundError: kind "unknown-tensor".
        InvalidInputError: kind "no-tensor", there is none of that htype, or a named one is of another.
    """
    schema = source.schema
    return Annotated(
        source, numbers, _one(schema, images, "image", "images"), _one(schema, boxes, "bbox", "boxes"),
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


def annotated_images(what: Annotated, shown: bool, title: str) -> Iterator[AnnotatedImage]:
    """Every row that has an image, under a progress bar; files without a name of their own get the row's number.

    Raises:
        InvalidInputError: kind "unequal-labels", a row has another number of labels than boxes.
        StorageError: an image cannot be fetched.
    """
    taken: set[str] = set()
    with progress(len(what.source), "images", shown=shown, what=title) as bar:
        for start in range(0, len(what.source), BATCH):
            rows = np.arange(start, min(start + BATCH, len(what.source)), dtype=np.int64)
            for row, shape, corners, codes in _objects(what, rows):
                if 0 not in shape[:2]:
                    name, data = _file(what, row, taken)
                    yield AnnotatedImage(what.numbers[row], name, data, int(shape[1]), int(shape[0]), corners, codes)
                bar.update(1)


def _objects(what: Annotated, rows: Array) -> Iterator[tuple[int, Sequence[int], Array, list[int]]]:
    """(row, shape of its image, boxes as corners, class codes) of each row."""
    source, coords = what.source, dict(what.source.info(what.boxes).get("coords") or {})
    shapes = sample_shapes(source, what.images, rows)
    boxes, labels = source.read(what.boxes, rows), source.read(what.labels, rows)
    for row, shape, cell, codes in zip(rows.tolist(), shapes, boxes, labels, strict=True):
        if len(cell) != np.size(codes):
            raise InvalidInputError(
                f"{np.size(codes)} labels belong to {len(cell)} boxes",
                kind="unequal-labels",
                place=f"tensors {what.boxes!r} and {what.labels!r}, row {what.numbers[row]}",
                hint="every box needs one label; correct the row, or leave it out with a query",
            )
        corners = pixel_corners(cell, coords, shape) if 0 not in shape[:2] else np.zeros((0, 4))
        yield row, shape, corners, [int(code) for code in np.ravel(codes)]


def _file(what: Annotated, row: int, taken: set[str]) -> tuple[str, bytes]:
    """Name and bytes of a row's image: the file that is stored or linked, or a PNG of bare pixels."""
    spec = what.source.schema[what.images]
    data: bytes = what.source.cells(what.images, [row])[""][0].as_py()
    suffix = SUFFIXES.get(sniff_format(data[:400]) or "")
    if suffix is None:
        suffix, data = ".png", encode_image(np.asarray(what.source.read(what.images, [row])[0]), "png")
    number = f"{what.numbers[row]:06d}"
    url = stored_cells(what.source, spec, np.array([row], np.int64))[""][0].as_py() if spec.link else None
    own = PurePosixPath(url or number)
    # One file may be linked twice, and a.jpg and a.png would share a.txt.
    stem = own.stem if own.stem not in taken else f"{number}-{own.stem}"
    taken.add(stem)
    return stem + (own.suffix or suffix), data
