from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lakebed.shell.layout import MOST_ITEMS, cut, fitting, lines_of, one_line, wrapped

TEXT = st.text(alphabet=st.sampled_from("ab 車é…-"), max_size=60)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (7, "7"),
        (0.1 + 0.2, "0.3"),
        (1e20, "1e+20"),
        ("a\nb\x1b[31m", "a b\N{REPLACEMENT CHARACTER}[31m"),
        ({"a": [1]}, '{"a": [1]}'),
        ([], ""),
        ([1, 2], "1 2"),
        (["car", "bus"], "car, bus"),
        ([[1.0, 2.0], [3.5, 4.0]], "[1 2]  [3.5 4]"),
        ([[[1], [2]], [[3]]], "[[1] [2]]  [[3]]"),
    ],
)
def test_values_are_short_and_harmless_in_one_line(value: object, text: str) -> None:
    assert one_line(value) == text


def test_boxes_stand_one_below_the_other_where_there_is_room() -> None:
    assert lines_of([[1, 2], [3, 4]]) == ["[1 2]", "[3 4]"]
    assert lines_of(["car", "bus"]) == ["car, bus"]


def test_of_very_long_lists_the_first_items_are_shown_with_how_many_follow() -> None:
    assert one_line([0] * (MOST_ITEMS + 1200)).endswith("0 … 1,200 more")
    assert len(lines_of([[0]] * 100_000)) == MOST_ITEMS + 1


def test_wide_columns_give_way_to_narrow_ones() -> None:
    assert fitting([3, 50, 9], 40, 2) == [3, 24, 9]
    assert fitting([3, 9], 40, 2) == [3, 9]
    assert fitting([30], 4, 2) == [4]
    assert fitting([], 40, 2) == []


@given(
    st.lists(st.integers(1, 80), min_size=1, max_size=12),
    st.integers(1, 200),
    st.integers(0, 3),
    st.sets(st.integers(0, 5)),
)
def test_columns_fit_side_by_side_and_none_is_wider_than_it_asks(
    wanted: list[int], available: int, gap: int, rigid: set[int]
) -> None:
    widths = fitting(wanted, available, gap, rigid)
    assert 1 <= len(widths) <= len(wanted)
    assert all(1 <= width <= asked for width, asked in zip(widths, wanted))
    assert sum(widths) + gap * (len(widths) - 1) <= max(available, 1)
    if len(widths) < len(wanted):
        # Only columns that could not have even a narrow place are left out.
        least = [width if place in rigid else min(width, 8) for place, width in enumerate(wanted)]
        assert sum(least[: len(widths) + 1]) + gap * len(widths) > available
    elif len(widths) > 1:
        assert all(widths[place] == wanted[place] for place in rigid if place < len(widths))


@given(TEXT, st.integers(1, 30))
def test_a_cut_text_fits_counting_wide_letters_twice(text: str, width: int) -> None:
    short = cut(text, width)
    assert cell_len(short) <= width
    assert short == text or short.endswith("…")


@given(st.lists(TEXT, max_size=5), st.integers(2, 30), st.integers(1, 6))
def test_wrapped_lines_fit_and_no_letter_is_lost_where_all_lines_are_shown(
    parts: list[str], width: int, lines: int
) -> None:
    found = wrapped(parts, width, lines)
    assert len(found) <= lines
    assert all(cell_len(line) <= width for line in found)
    everything = wrapped(parts, 200, 10_000)
    assert " ".join(everything).split() == " ".join(parts).split()
