from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebed import InvalidInputError, RangeError
from lakebed.indexing import EVERYTHING, rows_of

LENGTHS = st.integers(0, 12)
SLICES = st.builds(
    slice,
    st.none() | st.integers(-15, 15),
    st.none() | st.integers(-15, 15),
    st.none() | st.integers(-4, 4).filter(bool),
)


@given(LENGTHS, SLICES)
def test_a_slice_chooses_the_rows_that_numpy_chooses(length: int, index: slice) -> None:
    rows, single = rows_of(index, length)
    assert rows.tolist() == np.arange(length)[index].tolist()
    assert not single


@given(LENGTHS, st.integers(-15, 15))
def test_a_number_chooses_one_row_or_is_out_of_range(length: int, index: int) -> None:
    if -length <= index < length:
        rows, single = rows_of(index, length)
        assert single
        assert rows.tolist() == [np.arange(length)[index]]
    else:
        with pytest.raises(RangeError, match=f"row {index}"):
            rows_of(index, length)


@given(LENGTHS.flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(-n, n - 1) if n else st.nothing()))))
def test_a_list_chooses_its_rows_in_its_order_with_repeats(case: tuple[int, list[int]]) -> None:
    length, index = case
    expected = np.arange(length)[np.array(index, dtype=int)].tolist()
    assert rows_of(index, length)[0].tolist() == expected
    assert rows_of(np.array(index, dtype=np.int32), length)[0].tolist() == expected


@given(st.lists(st.booleans(), max_size=12))
def test_a_mask_chooses_the_true_rows(mask: list[bool]) -> None:
    if mask:
        assert rows_of(mask, len(mask))[0].tolist() == np.flatnonzero(mask).tolist()


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="2 values cannot choose among 3 rows"):
        rows_of([True, False], 3)


@pytest.mark.parametrize("index", [1.5, "a", None, [[1]], [0.5], object()])
def test_what_is_no_index_is_refused(index: Any) -> None:
    with pytest.raises(InvalidInputError):
        rows_of(index, 3)


@given(LENGTHS, SLICES, SLICES)
def test_indexing_twice_is_indexing_the_result(length: int, first: slice, second: slice) -> None:
    pick = EVERYTHING.narrow(first, length)
    pick = pick.narrow(second, length)
    assert pick.resolve(length).tolist() == np.arange(length)[first][second].tolist()


def test_after_one_row_the_index_goes_inside_the_sample() -> None:
    pick = EVERYTHING.narrow(2, 5).narrow((slice(0, 3), 1), 5)
    assert pick.single
    assert pick.inside == (slice(0, 3), 1)


def test_rows_that_have_gone_since_are_out_of_range() -> None:
    with pytest.raises(RangeError, match="row 4"):
        EVERYTHING.narrow(slice(3, 5), 5).resolve(4)
