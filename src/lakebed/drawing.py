"""Draws a grid of pictures with boxes, masks and class names, in pure Pillow: arrays in, one PIL image out."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

Color: TypeAlias = tuple[int, int, int]

PAPER: Color = (250, 250, 248)
TILE: Color = (232, 232, 228)
INK: Color = (40, 40, 44)
FAINT: Color = (120, 120, 126)
MARGIN = 12
CAPTION = 40
_GOLDEN = 0.618033988749895


@dataclass(frozen=True, slots=True)
class Picture:
    """One tile of the grid.

    Attributes:
        image: uint8 (h, w, c) with c of 1, 3 or 4; (h, w) is taken as gray. None draws an empty tile.
        title: first line under the picture.
        note: second line under the picture.
        boxes: pixel boxes as left, top, right, bottom, float (n, 4).
        labels: a name for each box; fewer names than boxes leaves the rest unnamed.
        codes: a number for each box that chooses its colour; equal numbers have equal colours in every picture.
        masks: bool (h, w, n), tinted in the colour of the code of the same place.
    """

    image: np.ndarray[Any, Any] | None
    title: str = ""
    note: str = ""
    boxes: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros((0, 4)))
    labels: Sequence[str] = ()
    codes: Sequence[int] = ()
    masks: np.ndarray[Any, Any] | None = None


def color_of(code: int) -> Color:
    """A saturated colour for a class, the same in every picture, with neighbours far apart."""
    hue = (0.02 + code * _GOLDEN) % 1.0
    value = (0.95, 0.78, 0.88)[code % 3]
    r, g, b = colorsys.hsv_to_rgb(hue, 0.85, value)
    return round(r * 255), round(g * 255), round(b * 255)


def draw_grid(pictures: Sequence[Picture], columns: int, tile: int = 320) -> Image.Image:
    """All pictures in lines of `columns`, each fitted into `tile` pixels a side with its caption beneath."""
    from PIL import Image

    columns = max(1, min(columns, len(pictures) or 1))
    lines = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    heights = [max(_fitted(picture, tile)[1] for picture in line) for line in lines]
    width = columns * (tile + MARGIN) + MARGIN
    sheet = Image.new("RGB", (width, sum(heights) + len(lines) * (CAPTION + MARGIN) + MARGIN), PAPER)
    top = MARGIN
    for line, height in zip(lines, heights, strict=True):
        for place, picture in enumerate(line):
            _draw_tile(sheet, picture, (MARGIN + place * (tile + MARGIN), top), (tile, height))
        top += height + CAPTION + MARGIN
    return sheet


def to_rgb(image: np.ndarray[Any, Any]) -> Image.Image:
    """Any decoded image as RGB: gray is repeated, alpha is laid over white, wide integers are scaled to 8 bits."""
    from PIL import Image

    array = image[..., None] if image.ndim == 2 else image
    if array.dtype != np.uint8:
        array = _to_uint8(array)
    if array.shape[2] == 4:
        picture = Image.fromarray(np.ascontiguousarray(array), "RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, picture).convert("RGB")
    if array.shape[2] != 3:
        array = np.repeat(array[..., :1], 3, axis=2)
    return Image.fromarray(np.ascontiguousarray(array), "RGB")


def _to_uint8(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype.kind == "f":
        array = np.nan_to_num(array)
        top = 1.0 if array.size == 0 or float(array.max()) <= 1.0 else 255.0
    else:
        top = float(np.iinfo(array.dtype).max)
    scaled: np.ndarray[Any, Any] = np.clip(array.astype(np.float64) / top * 255, 0, 255)
    return scaled.astype(np.uint8)


def _fitted(picture: Picture, tile: int) -> tuple[int, int]:
    """Width and height of the picture when its longer side is `tile` pixels."""
    if picture.image is None or 0 in picture.image.shape:
        return tile, tile // 2
    height, width = picture.image.shape[:2]
    scale = min(tile / width, tile / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _draw_tile(sheet: Image.Image, picture: Picture, corner: tuple[int, int], size: tuple[int, int]) -> None:
    from PIL import Image, ImageDraw

    (left, top), (width, height) = corner, size
    pen = ImageDraw.Draw(sheet)
    pen.rounded_rectangle((left, top, left + width - 1, top + height - 1), radius=6, fill=TILE)
    if picture.image is None or 0 in picture.image.shape:
        pen.text((left + width / 2, top + height / 2), "no image", FAINT, _font(15), anchor="mm")
    else:
        fitted = _fitted(picture, width)
        photo = to_rgb(picture.image).resize(fitted, Image.Resampling.LANCZOS)
        if picture.masks is not None:
            photo = _tint(photo, picture)
        _draw_boxes(photo, picture, fitted[0] / picture.image.shape[1])
        sheet.paste(photo, (left + (width - fitted[0]) // 2, top + (height - fitted[1]) // 2))
    _draw_caption(pen, picture, left, top + height, width)


def _draw_caption(pen: ImageDraw.ImageDraw, picture: Picture, left: int, top: int, width: int) -> None:
    pen.text((left + 2, top + 5), _fit(pen, picture.title, _font(14), width), INK, _font(14))
    pen.text((left + 2, top + 23), _fit(pen, picture.note, _font(12), width), FAINT, _font(12))


def _fit(pen: ImageDraw.ImageDraw, text: str, font: Any, width: int) -> str:
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength(text + "…", font) > width:
        text = text[:-1]
    return text.rstrip(" ,") + "…"


def _tint(photo: Image.Image, picture: Picture) -> Image.Image:
    from PIL import Image

    masks = np.asarray(picture.masks)
    for number in range(masks.shape[2] if masks.ndim == 3 else 0):
        code = picture.codes[number] if number < len(picture.codes) else number
        shade = Image.fromarray(masks[..., number].astype(np.uint8) * 115, "L")
        shade = shade.resize(photo.size, Image.Resampling.NEAREST)
        photo = Image.composite(Image.new("RGB", photo.size, color_of(code)), photo, shade)
    return photo


def _draw_boxes(photo: Image.Image, picture: Picture, scale: float) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(photo)
    boxes = np.asarray(picture.boxes, dtype=np.float64).reshape(-1, 4) * scale
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.argsort(-areas, kind="stable")
    # Large boxes first and every name last, so that small objects and names stay visible.
    for number in order:
        _outline(pen, boxes[number], color_of(_code(picture, number)), photo.size)
    taken: list[tuple[float, float, float, float]] = []
    for number in order[::-1]:
        if number < len(picture.labels):
            _name_plate(pen, boxes[number], picture.labels[number], color_of(_code(picture, number)), photo.size, taken)


def _code(picture: Picture, number: int) -> int:
    return int(picture.codes[number]) if number < len(picture.codes) else 0


def _outline(pen: ImageDraw.ImageDraw, box: np.ndarray[Any, Any], color: Color, size: tuple[int, int]) -> None:
    if not np.isfinite(box).all():
        return
    x0, y0 = max(0.0, box[0]), max(0.0, box[1])
    x1, y1 = min(size[0] - 1.0, box[2]), min(size[1] - 1.0, box[3])
    if x1 < x0 or y1 < y0:
        return
    pen.rectangle((x0, y0, x1, y1), outline=color, width=2)


def _name_plate(
    pen: ImageDraw.ImageDraw,
    box: np.ndarray[Any, Any],
    name: str,
    color: Color,
    size: tuple[int, int],
    taken: list[tuple[float, float, float, float]],
) -> None:
    """The class name on a plate above the box, or inside it at the picture's edge; left out where plates crowd."""
    if not np.isfinite(box).all():
        return
    font = _font(12)
    width, height = pen.textlength(name, font) + 6, 15.0
    left = min(max(0.0, box[0]), max(0.0, size[0] - width))
    for top in (box[1] - height, box[1], box[3] - height, box[3]):
        plate = (left, top, left + width, top + height)
        inside = top >= 0 and top + height <= size[1]
        if inside and not any(_overlap(plate, other) for other in taken):
            taken.append(plate)
            pen.rectangle(plate, fill=color)
            pen.text((left + 3, top + height / 2), name, _readable_on(color), font, anchor="lm")
            return


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _readable_on(color: Color) -> Color:
    r, g, b = color
    return (20, 20, 20) if 0.299 * r + 0.587 * g + 0.114 * b > 140 else (255, 255, 255)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
