"""class_label: names and codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.errors import SampleError, SchemaError
from lakebed.storage.htypes import EncodeContext, htype_of, new_spec

from htype_kit import is_own, pack, round_trip

NAMES = st.sampled_from(["car", "bus", "traffic light", "Ampel", "信号", ""])
LABEL = st.one_of(NAMES, st.integers(0, 9))


def test_names_are_registered_in_first_seen_order() -> None:
    packed = pack("class_label", [["car", "bus"], None, ["bus", "train"]])
    assert packed.info["class_names"] == ["car", "bus", "train"]
    assert [row.tolist() for row in packed.unpacked()] == [[0, 1], [], [1, 2]]


def test_registered_names_keep_their_codes() -> None:
    packed = pack("class_label", [["bus"], ["new"]], class_names=["car", "bus"])
    assert packed.info["class_names"] == ["car", "bus", "new"]
    assert [row.tolist() for row in packed.unpacked()] == [[1], [2]]


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("car", [0]),
        (3, [3]),
        (np.uint8(3), [3]),
        ([], []),
        ((), []),
        (None, []),
        (np.array([]), []),
        ([1, "car"], [1, 0]),
        (np.array([5, 6], np.int64), [5, 6]),
        (np.array(7), [7]),
        (np.array(["car", "bus"]), [0, 1]),
        (np.array(["car"], object), [0]),
        ([np.int32(4)], [4]),
        ([np.str_("car")], [0]),
        (2**32 - 1, [2**32 - 1]),
    ],
)
def test_labels_are_taken_in_every_usual_form(value: Any, codes: list[int]) -> None:
    (sample,) = round_trip("class_label", [value])
    assert sample.tolist() == codes
    assert sample.dtype == np.uint32
    assert is_own(sample)


@given(st.lists(st.one_of(st.none(), st.lists(LABEL), st.lists(st.integers(0, 9)).map(np.array), LABEL)))
def test_mixed_batches_give_what_single_rows_give(values: list[Any]) -> None:
    spec, together = new_spec("t", "mixed", "class_label")
    _, alone = new_spec("t", "single", "class_label")
    htype = htype_of(spec)
    _, batch = htype.prepare(values, spec, EncodeContext(together))
    rows = [htype.prepare([value], spec, EncodeContext(alone))[1][0] for value in values]
    assert together == alone
    assert [row.tolist() for row in batch] == [row.tolist() for row in rows]


@given(st.lists(st.lists(NAMES)))
def test_names_come_back_through_the_text_of_data(values: list[list[str]]) -> None:
    packed = pack("class_label", values)
    htype = htype_of(packed.spec)
    assert [htype.data(sample, packed.info)["text"] for sample in packed.unpacked()] == values
    assert len(set(packed.info["class_names"])) == len(packed.info["class_names"])


def test_data_of_a_code_without_a_name_has_none_as_text() -> None:
    packed = pack("class_label", [[0, 5]], class_names=["car"])
    data = htype_of(packed.spec).data(packed.unpacked()[0], packed.info)
    assert data["value"].tolist() == [0, 5]
    assert data["text"] == ["car", None]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([0, -1], "int -1"),
        ([1.5], "float 1.5"),
        (1.0, "float 1.0"),
        ([True], "bool True"),
        ([None], "a value of type NoneType"),
        ([["nested"]], "a list of 1"),
        (np.array([1.5]), "float 1.5"),
        (np.array([-1]), "int -1"),
        (np.array([[1]]), "an array of shape (1, 1)"),
        (2**32, "int 4294967296"),
        ({"a": 1}, "a dict of 1"),
    ],
)
def test_what_is_no_label_is_refused_with_its_row(value: Any, found: str) -> None:
    with pytest.raises(SampleError) as caught:
        pack("class_label", ["car", value], first_row=40)
    assert found in caught.value.message
    assert caught.value.place == "tensor 't', row 41"


@pytest.mark.parametrize(
    ("htype", "values", "shapes"),
    [
        ("class_label", np.array([1, 2]), [(1,), (1,)]),
        ("class_label", np.array([[1, 2], [3, 4]]), [(2,), (2,)]),
        ("class_label", np.array(["a", "b"]), [(1,), (1,)]),
        ("bbox", np.zeros((2, 3, 4)), [(3, 4), (3, 4)]),
        ("embedding", np.zeros((2, 5), np.float32), [(5,), (5,)]),
        ("generic", np.zeros(2), [(), ()]),
        ("generic", np.zeros((2, 3)), [(3,), (3,)]),
        ("text", np.array(["a", "b"]), [(1,), (1,)]),
    ],
)
def test_a_batch_may_be_one_array(htype: str, values: Any, shapes: list[tuple[int, ...]]) -> None:
    packed = pack(htype, values)
    assert packed.shapes() == shapes
    assert len(packed.unpacked()) == len(values)


def test_a_table_of_another_dataset_is_not_believed() -> None:
    names = [f"name {number}" for number in range(50)]
    spec, first = new_spec("t", "column", "class_label", class_names=names)
    _, second = new_spec("t", "column", "class_label", class_names=names[::-1])
    htype = htype_of(spec)
    for info in (first, second, first):
        _, (codes,) = htype.prepare([["name 3"]], spec, EncodeContext(info))
        assert info["class_names"][codes[0]] == "name 3"


def test_later_changes_of_the_callers_array_do_not_reach_the_sample() -> None:
    array = np.array([1, 2], np.uint32)
    spec, info = new_spec("t", "t", "class_label")
    _, prepared = htype_of(spec).prepare([array], spec, EncodeContext(info))
    array[:] = 9
    assert prepared[0].tolist() == [1, 2]


@pytest.mark.parametrize("names", ["car", ["car", 1], ["car", "car"]])
def test_class_names_must_be_different_strings(names: Any) -> None:
    with pytest.raises(SchemaError):
        new_spec("t", "t", "class_label", class_names=names)
