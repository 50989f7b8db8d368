"""Pictures in a terminal: each character is the upper half of a block, two pixels one above the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.color import Color
from rich.style import Style
from rich.text import Text

from ..drawing import Picture, color_of, to_rgb

if TYPE_CHECKING:
    from PIL import Image

HALF = "\N{UPPER HALF BLOCK}"
RAMP = " .:-=+*#%@"
"""Characters from dark to light, for terminals without colour."""

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
"""uint8 (height, width, 3)."""


def fit(height: int, width: int, columns: int, lines: int) -> tuple[int, int]:
    """Rows and columns of pixels that an image gets in a box of characters; its proportions are kept.

    >>> fit(480, 640, 16, 10)
    (12, 16)
    """
    scale = min(columns / width, 2 * lines / height)
    return max(1, round(height * scale)), max(1, min(columns, round(width * scale)))


def thumbnail(image: np.ndarray[Any, Any], columns: int, lines: int) -> Pixels:
    """A decoded image made small enough for a box of characters.

    `image` is (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of any dtype; it has at least one pixel.
    """
    return _shrunk(to_rgb(image), fit(image.shape[0], image.shape[1], columns, lines))


def with_boxes(picture: Picture, columns: int, lines: int) -> Pixels:
    """The small image of `picture` with the outlines of its boxes in the colours of their classes."""
    assert picture.image is not None, "an empty picture has nothing to draw on"
    height, width = picture.image.shape[:2]
    pixels = _shrunk(to_rgb(picture.image), fit(height, width, columns, lines))
    scale = np.array([pixels.shape[1] / width, pixels.shape[0] / height] * 2)
    boxes = np.asarray(picture.boxes, dtype=np.float64).reshape(-1, 4) * scale
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    # Large boxes first, so that small ones stay visible.
    for number in np.argsort(-areas, kind="stable").tolist():
        code = picture.codes[number] if number < len(picture.codes) else 0
        _outline(pixels, boxes[number], color_of(code))
    return pixels


def half_blocks(pixels: Pixels) -> list[Text]:
    """The lines of a picture in truecolour, two rows of pixels each."""
    if len(pixels) % 2:
        # A last row of its own: the lower half keeps the terminal's background.
        return [*map(_line, pixels[:-1:2], pixels[1::2]), _last_line(pixels[-1])]
    return list(map(_line, pixels[::2], pixels[1::2]))


def shades(pixels: Pixels) -> list[Text]:
    """The lines of a picture in characters of different darkness, where there is no colour."""
    gray = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    if len(gray) % 2:
        gray = np.vstack([gray, gray[-1:]])
    levels = ((gray[::2] + gray[1::2]) / 2 / 256 * len(RAMP)).astype(int)
    return [Text("".join(RAMP[level] for level in line), no_wrap=True) for line in levels]


def legend(picture: Picture) -> Text:
    """The classes of a picture's boxes, each in its colour and with its number of boxes."""
    counts: dict[tuple[int, str], int] = {}
    for code, label in zip(picture.codes, picture.labels):
        counts[code, label] = counts.get((code, label), 0) + 1
    parts = []
    for (code, label), count in sorted(counts.items(), key=lambda item: -item[1]):
        part = Text("\N{BLACK SQUARE} ", Style(color=Color.from_rgb(*color_of(code))))
        parts.append(part.append(label if count == 1 else f"{label} {count}", "default"))
    return Text("  ").join(parts) if parts else Text("no labels", "dim")


def _shrunk(image: Image.Image, size: tuple[int, int]) -> Pixels:
    from PIL import Image

    return np.array(image.resize((size[1], size[0]), Image.Resampling.BOX), dtype=np.uint8)


def _outline(pixels: Pixels, box: np.ndarray[Any, Any], color: Sequence[int]) -> None:
    if not np.isfinite(box).all():
        return
    height, width = pixels.shape[:2]
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = min(width - 1, int(np.ceil(box[2])) - 1), min(height - 1, int(np.ceil(box[3])) - 1)
    if right < left or bottom < top:
        return
    pixels[[top, bottom], left : right + 1] = color
    pixels[top : bottom + 1, [left, right]] = color


def _line(upper: Pixels, lower: Pixels) -> Text:
    return _text([(_color(above), _color(below)) for above, below in zip(upper, lower)])


def _last_line(upper: Pixels) -> Text:
    return _text([(_color(above), None) for above in upper])


def _text(colors: list[tuple[Color, Color | None]]) -> Text:
    line = Text(no_wrap=True, end="")
    for front, back in colors:
        line.append(HALF, Style(color=front, bgcolor=back))
    return line


def _color(pixel: Pixels) -> Color:
    red, green, blue = (int(part) for part in pixel)
    return Color.from_rgb(red, green, blue)
