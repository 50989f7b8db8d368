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
SIZE = "rows"
"""The column that counts the rows of each group."""
MOST_OF_GROUP = 50
"""Rows of a group whose cells a page reads."""


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
    lines = result_records(found, first, count, MOST_OF_GROUP)
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
        names = given_names(found)
        computed = found.computed_columns if isinstance(found, View) else ()
        return [ROW, *(names.get(tensor, tensor) for tensor in found._names()), *computed]
    return [SIZE, *found.columns] if isinstance(found, Groups) else list(found.columns)


def given_names(found: Any) -> dict[str, str]:
    """By tensor the name that the query gave it with AS, where it gave one."""
    return {tensor: name for name, tensor in found._origin.aliases.items()} if isinstance(found, View) else {}


def image_columns(found: Any) -> tuple[str, ...]:
    """Tensors of the result that hold one image a row."""
    if not isinstance(found, Readable):
        return ()
    specs = [found._schema()[name] for name in found._names()]
    return tuple(s.name for s in specs if s.htype.partition(".")[0] == "image" and not s.sequence)


def result_records(found: Any, first: int = 0, count: int | None = None, most: int | None = None) -> list[Record]:
    """Rows of a result as JSON-able values by column, tensors under the names that the query gave them.

    `most` is how many rows of a group are read, where one line stands for a group.
    """
    count = len(found) if count is None else count
    if isinstance(found, ResultTable):
        return _plain(found.to_arrow().slice(first, count))
    if isinstance(found, Groups):
        return _group_records(found, first, count, most)
    stop = min(first + count, len(found))
    if stop <= first:
        return []
    names = given_names(found)
    return [{names.get(key, key): value for key, value in line.items()} for line in records(found[first:stop])]


def _group_records(found: Groups, first: int, count: int, most: int | None) -> list[Record]:
    """A line for each group: its size, computed columns, its first row's cells of what it is grouped by, and lists."""
    sizes = found.sizes()[first : first + count]
    table = found.to_arrow()
    values = _plain(table.slice(first, count)) if table.num_columns else [{} for _ in sizes]
    found_lines = []
    for place, (size, line) in enumerate(zip(sizes, values, strict=True), first):
        cells = {**line, **_cells(found, place, most)}
        found_lines.append({SIZE: size, **{name: cells[name] for name in found.columns}})
    return found_lines


def _cells(groups: Groups, place: int, most: int | None) -> Record:
    """The cells of one group by column; of the columns that it is grouped by a single one."""
    tensors = {c.name: (c.tensor, c.grouped) for c in groups._result.columns if c.tensor is not None}
    if not tensors:
        return {}
    rows = groups[place]
    chosen = rows[list(dict.fromkeys(tensor for tensor, _ in tensors.values()))]
    lines = records(chosen[: len(rows) if most is None else most])
    return {
        name: [line[tensor] for line in lines] if grouped else lines[0][tensor]
        for name, (tensor, grouped) in tensors.items()
    }


def _plain(table: pa.Table) -> list[Record]:
    lines: list[Record] = table.to_pylist()
    return lines


def _with_pictures(page: Page, found: Readable, images: Sequence[str], box: tuple[int, int]) -> Page:
    rows = [list(row) for row in page.rows]
    names = given_names(found)
    for name in images:
        place = page.columns.index(names.get(name, name))
        for number, row in enumerate(rows):
            row[place] = preview(found, name, page.first + number, box) or row[place]
    return replace(page, rows=tuple(map(tuple, rows)), images=tuple(names.get(name, name) for name in images))


def preview(found: Readable, tensor: str, row: int, box: tuple[int, int]) -> Preview | str | None:
    """The picture of one cell; why it cannot be read, as text; None if it is empty."""
    try:
        (sample,) = found._read(tensor, np.array([row], dtype=np.int64))
    except LakebedError as error:
        return f"unreadable: {error.message}"
    pixels = np.asarray(sample)
    return None if pixels.size == 0 else Preview(thumbnail(pixels, *box))
