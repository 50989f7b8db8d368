"""Rows as large pictures with boxes, for `.show` and `.plot`: lines of styled text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from ..drawing import Picture
from ..errors import LakebedError
from ..plot import pictures_of
from ..reading import Readable
from .layout import cut, lines_of, wrapped
from .pages import ROW, image_columns, result_records
from .previews import half_blocks, legend, shades, with_boxes
from .tables import Screen

TILE = 30
"""Columns of characters that a picture of a grid should have at least."""
GAP = 2
LOWEST = 8
"""Lines that the picture of a row has at least, even if the row's values fill the window."""
MOST_LINES = 100
"""Lines of one value."""


def row_in_full(found: Readable, place: int, screen: Screen, with_picture: bool = True) -> list[Text]:
    """One row: its picture, a legend of its classes, and all its cells uncut.

    Args:
        found: the rows that it is one of.
        place: its position there.
    """
    fields = _fields(found, place, screen.width)
    if not with_picture or not image_columns(found):
        return fields
    try:
        (picture,) = pictures_of(found._source(), np.array([place]), found._names())
    except LakebedError as error:
        return [Text(f"unreadable: {error.message}", "red"), *fields]
    height = max(LOWEST, screen.height - len(fields) - 5)
    return [*_drawn(picture, screen.width, height, screen), legend(picture), Text(), *fields]


def _fields(found: Readable, place: int, width: int) -> list[Text]:
    """Name and value of each cell, over as many lines as they need."""
    (cells,) = result_records(found, place, 1)
    indent = max(len(name) for name in cells) + 2
    lines: list[Text] = []
    for name, value in cells.items():
        for number, text in enumerate(wrapped(lines_of(value), max(10, width - indent), MOST_LINES)):
            lines.append(Text.assemble((("" if number else name).ljust(indent), "bold"), text))
    return lines


def grid(found: Readable, numbers: Sequence[int], screen: Screen) -> list[Text]:
    """The first rows side by side, each with its number and the classes of its boxes.

    Args:
        numbers: what to call the rows; as many are drawn.
    """
    columns = max(1, min(len(numbers), (screen.width + GAP) // (TILE + GAP)))
    width = (screen.width - GAP * (columns - 1)) // columns
    pictures = pictures_of(found._source(), np.arange(len(numbers)), drawable(found))
    lines: list[Text] = []
    for start in range(0, len(numbers), columns):
        tiles = [
            [Text(f"{ROW} {number}", "bright_black"), *_drawn(picture, width, width * 3 // 8, screen), legend(picture)]
            for number, picture in zip(numbers[start : start + columns], pictures[start : start + columns])
        ]
        lines += [*_side_by_side(tiles, width), Text()]
    return lines[:-1]


def drawable(found: Readable) -> Sequence[str] | None:
    """The tensors to draw: those of the result, or all there are (None) if the query left the images out."""
    return found._names() if image_columns(found) else None


def tiles_that_fit(screen: Screen) -> int:
    """How many pictures of a grid fill the window."""
    columns = max(1, (screen.width + GAP) // (TILE + GAP))
    width = (screen.width - GAP * (columns - 1)) // columns
    return columns * max(1, (screen.height - 2) // (width * 3 // 8 + 3))


def _drawn(picture: Picture, columns: int, lines: int, screen: Screen) -> list[Text]:
    if picture.image is None:
        return [Text(cut("(no image)", columns), "bright_black")]
    pixels = with_boxes(picture, columns, lines)
    return half_blocks(pixels) if screen.colors == "many" else shades(pixels)


def _side_by_side(tiles: Sequence[Sequence[Text]], width: int) -> list[Text]:
    """Tiles next to each other; the legend, which is last in each, stands in the last line of all."""
    height = max(len(tile) for tile in tiles)
    lines = []
    for place in range(height):
        parts = [_part(tile, place, height) for tile in tiles]
        for part in parts:
            part.truncate(width, overflow="ellipsis")
            part.append(" " * (width - part.cell_len))
        line = Text(" " * GAP).join(parts)
        line.rstrip()
        lines.append(line)
    return lines


def _part(tile: Sequence[Text], place: int, height: int) -> Text:
    if place == height - 1:
        return tile[-1].copy()
    return tile[place].copy() if place < len(tile) - 1 else Text()
