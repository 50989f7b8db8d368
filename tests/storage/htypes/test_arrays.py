"""generic, embedding, keypoints_coco, and the casts that lose nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lakebed.storage.errors import SampleError, SchemaError
from lakebed.storage.htypes import EncodeContext, htype_of, new_spec
from lakebed.storage.htypes.arrays import NUMERIC_DTYPES
from lakebed.storage.htypes.cast import CastError, cast_safely

from htype_kit import is_own, pack, round_trip

DTYPE = st.sampled_from([np.dtype(name) for name in NUMERIC_DTYPES])


@given(st.data(), DTYPE, st.integers(1, 3))
def test_arrays_of_every_dtype_and_shape_come_back(data: st.DataObject, dtype: Any, ndim: int) -> None:
    shape = hnp.array_shapes(min_dims=ndim, max_dims=ndim, min_side=0, max_side=4)
    values = data.draw(st.lists(st.one_of(st.none(), hnp.arrays(dtype, shape)), max_size=6))
    start = data.draw(st.integers(0, len(values)))
    packed = pack("generic", values).rows(start, len(values) - start)
    empty = (0,) * (packed.spec.ndim or 1)
    for value, again in zip(values[start:], packed.unpacked(), strict=True):
        if value is None:
            assert again.shape == empty
        else:
            assert (again.dtype, again.shape, again.tobytes()) == (value.dtype, value.shape, value.tobytes())
        assert is_own(again)
    assert packed.shapes() == [empty if value is None else value.shape for value in values[start:]]


@given(DTYPE.flatmap(lambda dtype: st.lists(st.one_of(st.none(), hnp.from_dtype(dtype)))))
def test_numbers_come_back_as_arrays_without_axes(values: list[Any]) -> None:
    packed = pack("generic", values)
    for value, again in zip(values, packed.unpacked(), strict=True):
        if value is None:
            assert again.shape == (0,)
        else:
            assert again.shape == ()
            assert again.tobytes() == value.tobytes()
            assert is_own(again)
    assert packed.shapes() == [again.shape for again in packed.unpacked()]


@pytest.mark.parametrize(
    ("values", "dtype", "type"),
    [
        ([1, 2], "int64", "int64"),
        ([1.5, 2.0], "float64", "double"),
        ([True, False], "bool", "bool"),
        ([None, np.float32(1), 3], "float32", "float"),
        ([2**63], "uint64", "uint64"),
    ],
)
def test_the_first_number_fixes_the_column(values: list[Any], dtype: str, type: str) -> None:
    packed = pack("generic", values)
    assert (packed.spec.dtype, packed.spec.ndim) == (dtype, 0)
    assert str(packed.cells[""].type) == type
    assert packed.cells[""].null_count == values.count(None)


def test_nothing_is_fixed_while_every_sample_is_empty() -> None:
    packed = pack("generic", [None, None])
    assert (packed.spec.dtype, packed.spec.ndim) == (None, None)
    assert str(packed.cells[""].type) == "null"
    assert [sample.shape for sample in packed.unpacked()] == packed.shapes() == [(0,), (0,)]


def test_a_dtype_given_at_creation_is_kept() -> None:
    packed = pack("generic", [1, 2], dtype="float32")
    assert packed.spec.dtype == "float32"
    assert [sample.dtype for sample in packed.unpacked()] == [np.float32] * 2


@pytest.mark.parametrize("dtype", [np.uint8, "uint8", np.dtype("uint8")], ids=["type", "name", "dtype"])
def test_a_dtype_may_be_said_in_any_usual_way(dtype: Any) -> None:
    assert new_spec("t", "t", dtype=dtype)[0].dtype == "uint8"


@pytest.mark.parametrize("dtype", ["complex64", "U5", "object", "no-such"])
def test_a_dtype_that_cannot_be_stored_is_refused(dtype: str) -> None:
    with pytest.raises(SchemaError) as caught:
        new_spec("t", "t", dtype=dtype)
    assert "float32" in caught.value.hint


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (1, 2.5, "float64 values would lose information as int64"),
        (1, np.zeros(2, int), "shape (2,)"),
        (np.zeros((2, 2)), np.zeros(2), "shape (2,)"),
        (np.uint8(1), 300, "the value 300 is outside uint8"),
        (np.uint8(1), -1, "the value -1 is outside uint8"),
        (True, 1, "would lose information as bool"),
        (np.float32(1), 1e300, "too large for float32"),
        (1, "word", "the string 'word'"),
        (np.zeros(2), [[1, 2], [3]], "unequal parts"),
        (1, 2**63, "outside int64"),
        (1, 2**70, "int 1180591620717411303424"),
    ],
)
def test_later_samples_must_fit_the_first(first: Any, second: Any, found: str) -> None:
    with pytest.raises(SampleError) as caught:
        pack("generic", [first, second])
    assert found in caught.value.message
    assert caught.value.place == "tensor 't', row 1"


def test_text_in_a_number_tensor_is_sent_to_the_htype_text() -> None:
    with pytest.raises(SampleError) as caught:
        pack("generic", ["word"])
    assert "htype='text'" in caught.value.hint


def test_later_changes_of_the_callers_array_do_not_reach_the_sample() -> None:
    array = np.ones(3)
    spec, info = new_spec("t", "t")
    spec, prepared = htype_of(spec).prepare([array], spec, EncodeContext(info))
    array[:] = 5
    assert prepared[0].tolist() == [1, 1, 1]


@given(hnp.arrays(DTYPE, 3), DTYPE)
def test_a_cast_keeps_every_value_or_is_refused(array: Any, dtype: Any) -> None:
    try:
        again = cast_safely(array, dtype)
    except CastError:
        return
    assert again.dtype == dtype
    if dtype.kind in "iu" or array.dtype.kind == "b":
        assert again.tolist() == array.tolist()
    elif array.dtype.kind != "f":
        assert np.allclose(again.astype(float), array.astype(float), rtol=1e-2)


def test_vectors_come_back_as_float32() -> None:
    vectors = round_trip("embedding", [[1, 2, 3], None, np.ones(4), np.ones((1, 2), np.float32)])
    assert [vector.tolist() for vector in vectors] == [[1, 2, 3], [], [1, 1, 1, 1], [1, 1]]
    assert all(vector.dtype == np.float32 and is_own(vector) for vector in vectors)


def test_a_matrix_is_no_vector() -> None:
    with pytest.raises(SampleError, match="a vector of shape"):
        pack("embedding", [np.zeros((2, 2))])


def test_key_points_are_columns_of_three_numbers_each() -> None:
    packed = pack("keypoints_coco", [np.ones((51, 2), int), None, [], list(range(6))], keypoints=["nose"])
    assert [sample.shape for sample in packed.unpacked()] == [(51, 2), (0, 0), (0, 0), (6, 1)]
    assert packed.info == {"keypoints": ["nose"], "connections": []}
    assert packed.cells[""].type.value_type == "int32"


def test_key_points_that_are_not_triples_are_refused() -> None:
    with pytest.raises(SampleError, match=r"\(3 \* K, n\)"):
        pack("keypoints_coco", [np.ones((50, 2), int)])
