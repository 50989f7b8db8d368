from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebed.shell.pages import Page, Preview
from lakebed.shell.previews import HALF
from lakebed.shell.tables import IMAGE_LINES, Colors, Screen, picked, rows_that_fit, table

VALUES = st.none() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.text(max_size=9), max_size=4)


def page(*rows: tuple[object, ...], columns: tuple[str, ...] = ("row", "name", "n")) -> Page:
    return Page(columns, rows, 0, len(rows))


def plain(found: Page, screen: Screen) -> list[str]:
    return [line.plain for line in table(found, screen)]


def test_numbers_stand_at_the_right_and_texts_at_the_left() -> None:
    assert plain(page((1, "car", 5), (10, "stop sign", 120)), Screen(80, 24)) == [
        "row  name         n",
        "───  ─────────  ───",
        "  1  car          5",
        " 10  stop sign  120",
    ]


def test_a_narrow_window_cuts_texts_and_then_leaves_columns_out() -> None:
    found = page((1, "a very long name indeed", 5))
    assert plain(found, Screen(20, 24))[2] == "  1  a very long… 5".replace("… ", "…  ")
    narrow = plain(found, Screen(14, 24))
    assert narrow[0] == "row  name"
    assert narrow[-1] == "not shown: n"


def test_a_page_without_rows_has_no_table() -> None:
    assert table(page(), Screen(80, 24)) == []


def test_pictures_make_rows_tall_and_other_cells_use_the_room() -> None:
    picture = Preview(np.zeros((12, 16, 3), dtype=np.uint8))
    found = page((1, picture, [[1, 2]] * 3), (2, picture, [[1, 2]] * 9))
    lines = plain(found, Screen(80, 40))
    assert len(lines) == 2 + 2 * IMAGE_LINES + 1
    assert lines[2] == "  1  " + HALF * 16 + "  [1 2]"
    assert lines[4].endswith("[1 2]")
    assert lines[5].endswith(HALF)
    assert lines[-1].endswith("… 4 more")


def test_a_picture_that_does_not_fit_is_named() -> None:
    picture = Preview(np.zeros((12, 16, 3), dtype=np.uint8))
    assert "(picture)" in plain(page((picture, 2), columns=("name", "n")), Screen(15, 40))[2]


def test_pictures_keep_their_width_where_texts_give_way() -> None:
    picture = Preview(np.zeros((12, 16, 3), dtype=np.uint8))
    lines = plain(page((1, "word " * 20, picture, "word " * 20), columns=("row", "a", "picture", "b")), Screen(60, 40))
    assert HALF * 16 in lines[2]
    assert lines[0].split() == ["row", "a", "picture", "b"]


def test_without_colours_pictures_are_shades() -> None:
    picture = Preview(np.full((12, 16, 3), 255, dtype=np.uint8))
    few: tuple[Colors, ...] = ("none", "few")
    for colors in few:
        assert "@" * 16 in plain(page((1, picture, 2)), Screen(80, 40, colors))[2]


@pytest.mark.parametrize(("height", "images", "rows"), [(40, False, 20), (19, False, 10), (40, True, 4), (5, True, 1)])
def test_a_page_has_as_many_rows_as_the_window_shows(height: int, images: bool, rows: int) -> None:
    assert rows_that_fit(Screen(80, height), 20, images) == rows


def test_columns_are_picked_in_the_order_asked_for() -> None:
    found = picked(page((1, "car", 5)), ["n", "row"])
    assert (found.columns, found.rows) == (("n", "row"), ((5, 1),))


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=4), st.integers(1, 120))
def test_no_line_is_wider_than_the_window(rows: list[tuple[object, ...]], width: int) -> None:
    for line in table(page(*rows), Screen(width, 40)):
        assert line.cell_len <= width
