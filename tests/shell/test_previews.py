from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color

from lakebed.drawing import Picture, color_of
from lakebed.shell.previews import HALF, fit, half_blocks, legend, shades, thumbnail, with_boxes

RED, BLUE = (255, 0, 0), (0, 0, 255)


def checks(height: int, width: int) -> np.ndarray:
    """Rows of red and blue in turn."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[::2] = RED
    pixels[1::2] = BLUE
    return pixels


def test_a_character_is_two_pixels_one_above_the_other() -> None:
    (line,) = half_blocks(checks(2, 3))
    assert line.plain == HALF * 3
    style = line.spans[0].style
    assert not isinstance(style, str)
    assert (style.color, style.bgcolor) == (Color.from_rgb(*RED), Color.from_rgb(*BLUE))


def test_an_odd_last_row_keeps_the_background_of_the_terminal() -> None:
    lines = half_blocks(checks(3, 2))
    assert [line.plain for line in lines] == [HALF * 2] * 2
    style = lines[1].spans[0].style
    assert not isinstance(style, str)
    assert style.bgcolor is None


def test_without_colour_light_and_dark_are_different_letters() -> None:
    pixels = np.zeros((4, 2, 3), dtype=np.uint8)
    pixels[:2] = 255
    assert [line.plain for line in shades(pixels)] == ["@@", "  "]
    assert len(shades(checks(5, 2))) == 3


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 60), st.integers(1, 30))
def test_pictures_fit_into_their_box_and_have_at_least_a_pixel(
    height: int, width: int, columns: int, lines: int
) -> None:
    rows, across = fit(height, width, columns, lines)
    assert 1 <= rows <= 2 * lines
    assert 1 <= across <= columns


@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 1), (40, 30, 3), (40, 30, 4), (1, 1, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool"])
def test_images_of_every_kind_become_thumbnails(shape: tuple[int, ...], dtype: str) -> None:
    pixels = thumbnail(np.ones(shape, dtype=dtype), 10, 5)
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert pixels.shape[0] <= 10 >= pixels.shape[1]


def test_boxes_are_outlined_in_the_colour_of_their_class_at_the_scale_of_the_thumbnail() -> None:
    gray = np.full((100, 200, 3), 128, dtype=np.uint8)
    picture = Picture(gray, boxes=np.array([[50.0, 20.0, 150.0, 80.0]]), labels=["car"], codes=[3])
    pixels = with_boxes(picture, 40, 10)
    assert pixels.shape == (20, 40, 3)
    colored = (pixels == np.array(color_of(3))).all(axis=2)
    rows, columns = np.nonzero(colored)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 15, 10, 29)
    assert not colored[8, 20]


@pytest.mark.parametrize("box", [[np.nan] * 4, [-900.0, -900, -800, -800], [0.0, 0, np.inf, 5], [1.0, 1, 1, 1]])
def test_boxes_that_are_nowhere_draw_nothing(box: list[float]) -> None:
    gray = np.full((10, 10, 3), 128, dtype=np.uint8)
    assert (with_boxes(Picture(gray, boxes=np.array([box])), 10, 5) == 128).all()


def test_a_box_without_a_code_has_the_first_colour() -> None:
    gray = np.full((10, 10, 3), 128, dtype=np.uint8)
    assert (with_boxes(Picture(gray, boxes=np.array([[0.0, 0, 10, 10]])), 10, 5)[0] == color_of(0)).all()


def test_the_legend_counts_classes_most_frequent_first() -> None:
    picture = Picture(None, labels=["car", "bus", "bus"], codes=[0, 1, 1])
    assert legend(picture).plain == "■ bus 2  ■ car"
    assert legend(Picture(None)).plain == "no labels"
