"""A few rows of a result, read and ready to be shown: plain values, and small pictures of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import LakebedError
from ..printing import Record, jsonable, records
from ..reading import Readable
from ..results import Groups, ResultTable
from ..view import View
from .previews import Pixels, thumbnail

ROW = "row"
"""The column that numbers rows of the dataset."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A cell that shows a small picture."""

    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Page:
    """Rows `first` to ``first + len(rows)`` of a result that has `total`.

    A value is JSON-able, or a `Preview`.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    first: int
    total: int
    images: tuple[str, ...] = ()
    """Columns that hold pictures."""

    @property
    def after(self) -> int:
        """Number of the first row behind the page."""
        return self.first + len(self.rows)


def page_of(found: Any, first: int, count: int, image_box: tuple[int, int] | None = None) -> Page:
    """At most `count` rows of a query's result from row `first` on.

    Args:
        found: a `View`, `Groups` or `ResultTable`.
        image_box: columns and lines of characters that pictures are fitted into; None shows their sizes as text.
    """
    lines = _records(found, first, count)
    names = tuple(lines[0]) if lines else tuple(columns_of(found))
    rows = tuple(tuple(jsonable(line.get(name)) for name in names) for line in lines)
    page = Page(names, rows, first, len(found))
    images = image_columns(found)
    if image_box is None or not images:
        return page
    return _with_pictures(page, found, images, image_box)


def columns_of(found: Any) -> list[str]:
    """Names of the result's columns."""
    if isinstance(found, Readable):
        return [ROW, *found._names(), *(found.computed_columns if isinstance(found, View) else ())]
    return list(found.columns)


def image_columns(found: Any) -> tuple[str, ...]:
    """Tensors of the result that hold one image a row."""
    if not isinstance(found, Readable):
        return ()
    specs = [found._schema()[name] for name in found._names()]
    return tuple(s.name for s in specs if s.htype.partition(".")[0] == "image" and not s.sequence)


def _records(found: Any, first: int, count: int) -> list[Record]:
    if isinstance(found, ResultTable):
        return _plain(found.to_arrow().slice(first, count))
    if isinstance(found, Groups):
        sizes = found.sizes()[first : first + count]
        table = found.to_arrow()
        values = _plain(table.slice(first, count)) if table.num_columns else [{} for _ in sizes]
        return [{"rows": size, **line} for size, line in zip(sizes, values, strict=True)]
    stop = min(first + count, len(found))
    return records(found[first:stop]) if stop > first else []


def _plain(table: pa.Table) -> list[Record]:
    lines: list[Record] = table.to_pylist()
    return lines


def _with_pictures(page: Page, found: Readable, images: Sequence[str], box: tuple[int, int]) -> Page:
    rows = [list(row) for row in page.rows]
    for name in images:
        place = page.columns.index(name)
        for number, row in enumerate(rows):
            row[place] = preview(found, name, page.first + number, box) or row[place]
    return replace(page, rows=tuple(map(tuple, rows)), images=tuple(images))


def preview(found: Readable, tensor: str, row: int, box: tuple[int, int]) -> Preview | str | None:
    """The picture of one cell; why it cannot be read, as text; None if it is empty."""
    try:
        (sample,) = found._read(tensor, np.array([row], dtype=np.int64))
    except LakebedError as error:
        return f"unreadable: {error.message}"
    pixels = np.asarray(sample)
    return None if pixels.size == 0 else Preview(thumbnail(pixels, *box))
