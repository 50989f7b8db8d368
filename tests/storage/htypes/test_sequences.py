"""sequence[X]: lists of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lakebed.storage.errors import SampleError, StorageError
from lakebed.storage.htypes import UnpackError, htype_of
from lakebed.storage.htypes.sequence import flatten, regroup, unflatten
from lakebed.storage.links.base import StoredLink

from htype_kit import LinkedFiles, pack, round_trip
from image_files import jpeg, photo
from lakebed.errors import LakebedError

BOX = st.integers(0, 3).flatmap(lambda count: hnp.arrays(np.float32, (count, 4)))


@given(st.lists(st.one_of(st.none(), st.lists(BOX))), st.data())
def test_sequences_come_back_as_they_were_also_from_slices(values: list[Any], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(values)))
    packed = pack("sequence[bbox]", values).rows(start, len(values) - start)
    meant = [[box.tobytes() for box in value or []] for value in values[start:]]
    assert [[box.tobytes() for box in row] for row in packed.unpacked()] == meant


@pytest.mark.parametrize(
    ("htype", "values"),
    [
        ("sequence[class_label]", [[["a", "b"], None], []]),
        ("sequence[text]", [["one", "two"], None]),
        ("sequence[json]", [[{"a": 1}, None], []]),
        ("sequence[generic]", [[1, 2, 3], [4]]),
        ("sequence[generic]", [[np.zeros((2, 3)), np.ones((1, 3))], None]),
        ("sequence[point]", [None, [[[1, 2]], [[3, 4], [5, 6]]]]),
        ("sequence[polygon]", [[[np.zeros((3, 2))], []]]),
    ],
)
def test_sequences_of_every_family_keep_their_lengths(htype: str, values: list[Any]) -> None:
    assert [len(row) for row in round_trip(htype, values)] == [len(value or []) for value in values]


def test_sequences_of_images_decode_to_lists_of_images() -> None:
    packed = pack("sequence[image]", [[photo(), jpeg()], [None], None], sample_compression="png")
    assert [[image.shape for image in row] for row in packed.unpacked()] == [[(48, 64, 3)] * 2, [(0, 0, 3)], []]
    assert packed.shapes() == [(2, 48, 64, 3), (1, 0, 0, 3), (0,)]
    assert packed.cells[""].type == pa.list_(pa.large_binary())


def test_an_array_is_the_sequence_of_its_first_axis() -> None:
    frames = np.stack([photo(), photo()])
    assert [image.shape for image in round_trip("sequence[image]", [frames], sample_compression="png")[0]] == [
        (48, 64, 3),
        (48, 64, 3),
    ]


def test_sequences_of_links_flatten_to_links() -> None:
    files = LinkedFiles({"a.jpg": jpeg()})
    packed = pack("sequence[link[image]]", [["a.jpg", None], [], ["a.jpg"]], files=files)
    flat, lengths = flatten(packed.cells)
    assert lengths == [2, 0, 1]
    assert flat[""].to_pylist() == ["a.jpg", None, "a.jpg"]
    assert [[type(link) for link in row] for row in packed.unpacked()] == [[StoredLink, type(None)], [], [StoredLink]]
    plain = packed.spec.unlinked()
    payloads = pa.array([[jpeg(), None], [], [jpeg()]], pa.list_(pa.large_binary()))
    assert [len(row) for row in htype_of(plain).unpack({"": payloads}, plain)] == lengths


@given(st.lists(st.lists(st.text(), max_size=3)))
def test_unflatten_undoes_flatten(values: list[Any]) -> None:
    cells = pack("sequence[text]", values).cells
    assert all(column.equals(cells[suffix]) for suffix, column in unflatten(*flatten(cells)).items())


@pytest.mark.parametrize(
    ("htype", "values", "place", "error"),
    [
        ("sequence[bbox]", [[], [None, np.zeros(5)]], "tensor 't', row 11, item 1", SampleError),
        ("sequence[class_label]", [["a"], ["b", 1.5]], "tensor 't', row 11, item 1", SampleError),
        ("sequence[image]", [[b"text"]], "tensor 't', row 10, item 0", SampleError),
        ("sequence[link[image]]", [None, ["gone"]], "tensor 't', row 11, item 0 (gone)", StorageError),
    ],
)
def test_errors_name_row_and_item(htype: str, values: list[Any], place: str, error: type[LakebedError]) -> None:
    options = {"sample_compression": "png"} if "image" in htype else {}
    with pytest.raises(error) as caught:
        pack(htype, values, first_row=10, files=LinkedFiles({}), **options)
    assert caught.value.place == place


@pytest.mark.parametrize("value", ["text", 5, {"a": 1}, np.array(5)])
def test_what_is_no_list_is_refused(value: Any) -> None:
    with pytest.raises(SampleError, match="expected a list of text samples"):
        pack("sequence[text]", [value])


def test_a_damaged_item_is_named_by_row_and_item() -> None:
    packed = pack("sequence[image]", [[jpeg()], [], [jpeg(), jpeg()[:700] + b"\xff\xd9"]], sample_compression="jpeg")
    with pytest.raises(UnpackError) as caught:
        packed.unpacked()
    assert caught.value.index == 2
    assert caught.value.place == "tensor 't', sample 2 of those read, item 1"


@given(st.lists(st.integers(0, 5)))
def test_regroup_undoes_flatten(lengths: list[int]) -> None:
    items = list(range(sum(lengths)))
    groups = regroup(items, lengths)
    assert [len(group) for group in groups] == lengths
    assert [item for group in groups for item in group] == items


def test_shapes_are_unknown_where_those_of_an_item_are() -> None:
    packed = pack(
        "sequence[link[image]]", [["a.jpg"]], verify=False, create_shape_tensor=False, create_sample_info_tensor=False
    )
    assert packed.shapes() is None


def test_items_of_different_numbers_of_axes_have_only_a_length() -> None:
    packed = pack("sequence[generic]", [[1, None]])
    assert packed.shapes() == [(2,)]


def test_data_of_a_sequence_is_its_value() -> None:
    packed = pack("sequence[text]", [["a"]])
    assert htype_of(packed.spec).data(["a"], packed.info) == {"value": ["a"]}
