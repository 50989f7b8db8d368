"""Turns chosen rows of a dataset or view into a picture: which tensors to show, and what their boxes mean."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .drawing import Picture, draw_grid
from .indexing import rows_of
from .places import path_text
from .storage.errors import InvalidInputError
from .storage.schema import Schema, TensorSpec
from .storage.source import SampleSource
from .storage.stores.os_errors import storage_error

if TYPE_CHECKING:
    from PIL import Image

DEFAULT_ROWS = 12


def plot_rows(
    source: SampleSource,
    rows: Iterable[int] | int | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    columns: int = 4,
    tile: int = 320,
    tensors: Sequence[str] | None = None,
    numbers: Sequence[int] | None = None,
) -> Image.Image:
    """Draw rows as a grid of images with their boxes, masks and class names.

    Args:
        source: where the rows are read from.
        rows: row numbers of `source`; None takes the first 12, an int the first so many.
        path: also write the picture here; the ending chooses the format.
        columns: pictures side by side.
        tile: width and height in pixels that each picture is fitted into.
        tensors: which tensors to draw; None takes the first image, bbox, mask and class_label tensor.
        numbers: row numbers to print instead of those of `source`.

    Raises:
        InvalidInputError: there is no image tensor, or `columns` or `tile` is too small.
        RangeError: a row is not there.
        StorageError: an image cannot be fetched, or `path` cannot be written.
    """
    if columns < 1 or tile < 32:
        raise InvalidInputError(
            f"a grid of {columns} columns with tiles of {tile} pixels cannot be drawn", kind="bad-grid"
        )
    chosen = _choose_rows(rows, len(source))
    sheet = draw_grid(pictures_of(source, chosen, tensors, numbers), columns, tile)
    if path is not None:
        _save(sheet, path)
    return sheet


def pictures_of(
    source: SampleSource,
    rows: np.ndarray[Any, Any],
    tensors: Sequence[str] | None = None,
    numbers: Sequence[int] | None = None,
) -> list[Picture]:
    """What to draw for each of `rows`, in their order."""
    image, boxes, labels, mask = _choose_tensors(source.schema, tensors)
    images = source.read(image.name, rows)
    box_cells = source.read(boxes.name, rows) if boxes else [None] * len(rows)
    label_cells = source.read(labels.name, rows) if labels else [None] * len(rows)
    mask_cells = source.read(mask.name, rows) if mask else [None] * len(rows)
    names = list(source.info(labels.name).get("class_names", ())) if labels else []
    coords = dict(source.info(boxes.name).get("coords") or {}) if boxes else {}
    return [
        _picture(int(row if numbers is None else numbers[row]), np.asarray(pixels), box, codes, shade, names, coords)
        for row, pixels, box, codes, shade in zip(rows, images, box_cells, label_cells, mask_cells, strict=True)
    ]


def pixel_corners(boxes: np.ndarray[Any, Any], coords: Mapping[str, Any], shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """Boxes of any `coords` as left, top, right, bottom in pixels of an image of `shape` (h, w, ...).

    Without `coords`, boxes that stay within 0 to 1 are fractions around their centre, others pixels of
    left, top, width, height: COCO's and YOLO's usual forms.

    >>> pixel_corners(np.array([[10.0, 20.0, 5.0, 5.0]]), {"type": "pixel", "mode": "LTWH"}, (100, 100, 3))
    array([[10., 20., 15., 25.]])
    """
    array = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    if array.size == 0:
        return array
    guess = {"type": "fractional", "mode": "CCWH"} if float(np.max(array)) <= 1.0 else {"type": "pixel", "mode": "LTWH"}
    known = {**guess, **coords}
    if known["type"] == "fractional":
        array = array * np.array([shape[1], shape[0], shape[1], shape[0]], dtype=np.float64)
    a, b, c, d = array.T
    if known["mode"] == "LTWH":
        return np.stack((a, b, a + c, b + d), axis=1)
    if known["mode"] == "CCWH":
        return np.stack((a - c / 2, b - d / 2, a + c / 2, b + d / 2), axis=1)
    return array


def _choose_rows(rows: Iterable[int] | int | None, length: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    if rows is None or isinstance(rows, int):
        count = DEFAULT_ROWS if rows is None else rows
        return np.arange(min(max(count, 0), length), dtype=np.int64)
    return rows_of(rows, length)[0]


def _choose_tensors(
    schema: Schema, tensors: Sequence[str] | None
) -> tuple[TensorSpec, TensorSpec | None, TensorSpec | None, TensorSpec | None]:
    specs = [schema[name] for name in tensors] if tensors is not None else [s for s in schema if not s.hidden]
    by_htype: dict[str, TensorSpec] = {}
    for spec in specs:
        if not spec.sequence:
            by_htype.setdefault(spec.htype.partition(".")[0], spec)
    if "image" not in by_htype:
        raise InvalidInputError(
            "there is no image tensor to draw",
            kind="no-images",
            place=f"tensors {', '.join(spec.name for spec in specs) or 'none'}",
            hint="plot draws tensors of htype image or link[image]",
        )
    return by_htype["image"], by_htype.get("bbox"), by_htype.get("class_label"), by_htype.get("binary_mask")


def _picture(
    row: int,
    pixels: np.ndarray[Any, Any],
    boxes: Any,
    codes: Any,
    mask: Any,
    names: Sequence[str],
    coords: Mapping[str, Any],
) -> Picture:
    numbers = [int(code) for code in np.asarray(codes if codes is not None else [], dtype=np.int64).reshape(-1)]
    labels = [names[number] if number < len(names) else str(number) for number in numbers]
    empty = pixels.size == 0
    size = "" if empty else f"   {pixels.shape[1]} x {pixels.shape[0]}"
    corners = np.zeros((0, 4)) if boxes is None or empty else pixel_corners(boxes, coords, pixels.shape)
    return Picture(
        image=None if empty else pixels,
        title=f"row {row}{size}",
        note=_count_labels(labels),
        boxes=corners,
        labels=labels,
        codes=numbers,
        masks=None if mask is None or np.size(mask) == 0 else np.asarray(mask, dtype=bool),
    )


def _count_labels(labels: Sequence[str]) -> str:
    counts = Counter(labels)
    return ", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.most_common()) or "no labels"


def _save(sheet: Image.Image, path: str | os.PathLike[str]) -> None:
    path = path_text(path)
    try:
        sheet.save(path)
    except ValueError as error:
        raise InvalidInputError(
            f"{path!r} does not say what kind of picture to write",
            kind="bad-picture-path",
            hint="end the path with .png or .jpg",
        ) from error
    except OSError as error:
        raise storage_error(error, "write the picture", path) from error
