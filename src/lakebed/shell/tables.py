"""A page of rows as a table that fits the window: lines of styled text, made without a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rich.cells import cell_len
from rich.text import Text

from .layout import NARROWEST, cut, fitting, lines_of, one_line, wrapped
from .pages import ROW, Page, Preview
from .previews import half_blocks, shades

GAP = 2
WIDEST = 60
"""Characters that a column asks for at most, so that one long text does not starve the others."""
IMAGE_LINES = 6
IMAGE_COLUMNS = 18
FRAME = 9
"""Lines of the window that are not rows: heading, rule, footer, prompt, and room for its menu."""

Colors = Literal["none", "few", "many"]
"""Pictures need many: 256 at least. With 16 they are drawn as without any."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What there is to draw on."""

    width: int
    height: int
    colors: Colors = "many"


def rows_that_fit(screen: Screen, limit: int, with_images: bool) -> int:
    """How many rows a page may have so that the window shows all of it; at least one."""
    room = max(1, screen.height - FRAME)
    return max(1, min(limit, room // (IMAGE_LINES + 1) if with_images else room))


def table(page: Page, screen: Screen) -> list[Text]:
    """Heading, rule and rows; where columns do not fit, the last line names them."""
    if not page.rows:
        return []
    tall = any(isinstance(value, Preview) for row in page.rows for value in row)
    wanted = [_wanted(page, place, tall) for place in range(len(page.columns))]
    pictures = {place for row in page.rows for place, value in enumerate(row) if isinstance(value, Preview)}
    widths = fitting(wanted, screen.width, GAP, pictures)
    numeric = [_is_numeric(page, place) for place in range(len(widths))]
    heads = [_placed(Text(cut(name, width), "bold"), width, right)
             for name, width, right in zip(page.columns, widths, numeric)]  # fmt: skip
    found = [_joined(heads), Text((" " * GAP).join("─" * width for width in widths), "bright_black")]
    for number, row in enumerate(page.rows):
        if tall and number:
            found.append(Text())
        found += _row(row, page.columns, widths, numeric, screen, tall)
    hidden = page.columns[len(widths) :]
    if hidden:
        found.append(Text(cut(f"not shown: {', '.join(hidden)}", screen.width), "bright_black italic"))
    return found


def _wanted(page: Page, place: int, tall: bool) -> int:
    texts = [cell_len(page.columns[place])]
    for row in page.rows:
        value = row[place]
        if isinstance(value, Preview):
            texts.append(value.pixels.shape[1])
        elif tall:
            lines = lines_of(value)
            # The last line may have to say how many more there are.
            texts += [NARROWEST if len(lines) > IMAGE_LINES else 0, *map(cell_len, lines)]
        else:
            texts.append(cell_len(one_line(value)))
    return min(WIDEST, max(texts))


def _is_numeric(page: Page, place: int) -> bool:
    values = [row[place] for row in page.rows if row[place] is not None]
    return bool(values) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _row(
    row: Sequence[Any], names: Sequence[str], widths: Sequence[int], numeric: Sequence[bool], screen: Screen, tall: bool
) -> list[Text]:
    cells = [_cell(value, name, width, screen, tall) for value, name, width in zip(row, names, widths)]
    height = max(len(cell) for cell in cells)
    blank = Text()
    lines = [[cell[line] if line < len(cell) else blank for cell in cells] for line in range(height)]
    return [
        _joined([_placed(part, width, right) for part, width, right in zip(line, widths, numeric)]) for line in lines
    ]


def _cell(value: Any, name: str, width: int, screen: Screen, tall: bool) -> list[Text]:
    """The lines of one cell."""
    if isinstance(value, Preview):
        return picture_lines(value, screen) if value.pixels.shape[1] <= width else [Text(cut("(picture)", width))]
    texts = wrapped(lines_of(value), width, IMAGE_LINES) if tall else [cut(one_line(value), width)]
    return [Text(text, _style(value, name)) for text in texts]


def picture_lines(value: Preview, screen: Screen) -> list[Text]:
    """A picture in half blocks, or in shades where there is no colour."""
    return half_blocks(value.pixels) if screen.colors == "many" else shades(value.pixels)


def _style(value: Any, name: str) -> str:
    if name == ROW:
        return "bright_black"
    if isinstance(value, bool):
        return "magenta"
    if isinstance(value, (int, float)):
        return "cyan"
    return "green" if isinstance(value, list) and value and isinstance(value[0], str) else ""


def _placed(text: Text, width: int, right: bool) -> Text:
    """`text` filled up to its column's width; numbers stand at the right."""
    missing = " " * max(0, width - text.cell_len)
    return Text.assemble(missing, text) if right else Text.assemble(text, missing)


def _joined(cells: Sequence[Text]) -> Text:
    line = Text(" " * GAP).join(cells)
    line.rstrip()
    line.no_wrap = True
    return line


def picked(page: Page, columns: Sequence[str]) -> Page:
    """The page with these columns only, in this order."""
    places = [page.columns.index(name) for name in columns if name in page.columns]
    rows = tuple(tuple(row[place] for place in places) for row in page.rows)
    return replace(page, columns=tuple(page.columns[place] for place in places), rows=rows)
