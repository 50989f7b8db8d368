from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebed
from face_data import boxes_of, fresh_path, labels_of, numbers, picture, street
from lakebed import InvalidInputError, NotFoundError, RangeError

PICTURES = street(10)


def test_one_row_gives_its_sample_and_several_give_a_stack() -> None:
    assert np.array_equal(PICTURES.images[3].numpy(), picture(3))
    stacked = PICTURES.images[2:5].numpy()
    assert stacked.shape == (3, 24, 32, 3)
    assert np.array_equal(stacked[1], picture(3))


def test_samples_are_writable_copies() -> None:
    sample = PICTURES.boxes[0].numpy()
    sample[:] = -1
    assert np.array_equal(PICTURES.boxes[0].numpy(), boxes_of(0))


def test_samples_of_different_shapes_need_aslist() -> None:
    with pytest.raises(InvalidInputError, match=r"row 0 is \(1, 4\), row 1 is \(2, 4\)") as error:
        PICTURES.boxes.numpy()
    assert error.value.kind == "ragged"
    for number, sample in enumerate(PICTURES.boxes.numpy(aslist=True)):
        assert np.array_equal(sample, boxes_of(number))


def test_rows_without_boxes_keep_the_second_axis() -> None:
    assert PICTURES.boxes[4].numpy().shape == (0, 4)
    assert PICTURES.categories[4].numpy().shape == (0,)


def test_a_tensor_is_reached_by_name_attribute_row_and_slice() -> None:
    expected = boxes_of(6)
    for found in (
        PICTURES["boxes"][6],
        PICTURES.boxes[-4],
        PICTURES[6]["boxes"],
        PICTURES[6].boxes,
        PICTURES[5:8].boxes[1],
        PICTURES[[9, 6]]["boxes"][1],
        PICTURES[6, "boxes"],
        PICTURES["boxes", 6],
        PICTURES[np.arange(10) == 6].boxes[0],
    ):
        assert np.array_equal(found.numpy(), expected)


def test_a_list_of_names_chooses_tensors() -> None:
    assert list(PICTURES[["boxes", "images"]].tensors) == ["boxes", "images"]
    both = PICTURES[2:4, ["boxes"]]
    assert (len(both), list(both.tensors)) == (2, ["boxes"])


def test_the_index_goes_on_inside_the_sample() -> None:
    assert np.array_equal(PICTURES.images[2, 5:9, ::2, 0].numpy(), picture(2)[5:9, ::2, 0])
    assert np.array_equal(PICTURES.images[2][5:9].numpy(), picture(2)[5:9])
    assert PICTURES.images[1:3, :4].numpy().shape == (2, 4, 32, 3)


def test_data_text_and_info_follow_the_htype() -> None:
    data = PICTURES.categories[1].data()
    assert data["text"] == labels_of(1)
    assert data["value"].tolist() == [1, 2]
    assert PICTURES.categories[0:2].text() == [labels_of(0), labels_of(1)]
    assert PICTURES.images[0].data()["value"].shape == (24, 32, 3)
    assert PICTURES.images[0].sample_info["format"] == "png"


def test_shapes_are_known_without_decoding() -> None:
    assert PICTURES.images.shape == (10, 24, 32, 3)
    assert PICTURES.boxes.shape == (10, None, 4)
    assert str(PICTURES.boxes.shape_interval) == "(10, 0:3, 4)"
    assert PICTURES.boxes[2].shape == (3, 4)
    assert PICTURES.boxes.shapes()[4] == (0, 4)
    assert (PICTURES.boxes.ndim, PICTURES.boxes[0].ndim) == (3, 2)
    assert PICTURES.boxes.is_dynamic
    assert not PICTURES.images.is_dynamic


def test_big_payloads_outside_their_rows_have_shapes_too() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("noise", htype="image", sample_compression="png")
    big = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    ds.append({"noise": big})
    ds.append({"noise": None})
    ds.commit("big")
    assert ds.noise.shapes()[0] == (200, 200, 3)
    assert np.array_equal(ds.noise[0].numpy(), big)


def test_what_a_tensor_is() -> None:
    tensor = PICTURES.categories
    assert (tensor.htype, tensor.base_htype, tensor.dtype, len(tensor)) == (
        "class_label",
        "class_label",
        np.dtype("uint32"),
        10,
    )
    assert (tensor.is_link, tensor.is_sequence, tensor.hidden, tensor.num_samples) == (False, False, False, 10)
    assert tensor.meta["htype"] == "class_label"
    assert "class_label" in repr(tensor)


def test_stored_bytes_come_out_as_they_went_in(tmp_path: Any) -> None:
    from PIL import Image

    path = tmp_path / "a.png"
    Image.fromarray(picture(1)).save(path)
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("images", htype="image", sample_compression="png")
    ds.extend({"images": [lakebed.read(path), picture(2)]})
    assert ds.images[0].tobytes() == path.read_bytes()
    with pytest.raises(InvalidInputError, match="one sample"):
        ds.images.tobytes()


def test_text_json_and_lists_read_as_python_values() -> None:
    ds = lakebed.empty(fresh_path())
    for name, htype in (("t", "text"), ("j", "json"), ("l", "list")):
        ds.create_tensor(name, htype=htype)
    ds.append({"t": "hällo", "j": {"a": [1, None]}, "l": ["x", "y"]})
    ds.append({"t": "b", "j": 3, "l": []})
    assert ds.t[0].text() == "hällo"
    assert ds.t.text() == ["hällo", "b"]
    assert ds.j[0].dict() == {"a": [1, None]}
    assert ds.l.list() == [["x", "y"], []]
    assert ds.t[0].numpy().tolist() == ["hällo"]
    assert ds.l[0].numpy().tolist() == ["x", "y"]
    assert ds.t.numpy().shape == (2, 1)
    with pytest.raises(InvalidInputError, match="htype json"):
        ds.t.dict()


def test_links_read_the_file_and_tell_where_it_is(tmp_path: Any) -> None:
    from PIL import Image

    path = tmp_path / "a b%20ü.png"
    Image.fromarray(picture(2)).save(path)
    ds = lakebed.empty(fresh_path())
    ds.add_creds_key("key")
    ds.create_tensor("images", htype="link[image]", sample_compression="png")
    ds.extend({"images": [lakebed.link(path), lakebed.link(path.as_uri(), creds_key="key"), None]})
    assert np.array_equal(ds.images[0].numpy(), picture(2))
    assert np.array_equal(ds.images[1].numpy(), picture(2))
    assert ds.images.path() == [str(path), path.as_uri(), None]
    assert ds.images[1].creds_key() == "key"
    assert ds.images[0].tobytes() == path.read_bytes()
    assert ds.images[2].numpy().size == 0
    with pytest.raises(InvalidInputError):
        PICTURES.boxes.path()


def test_names_that_are_not_there_suggest_near_ones() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'boxes'"):
        PICTURES["boxs"]
    with pytest.raises(AttributeError, match="'boxs'; did you mean boxes"):
        PICTURES.boxs
    assert "boxes" in PICTURES
    assert "boxs" not in PICTURES


def test_rows_that_are_not_there_are_out_of_range() -> None:
    for index in (10, -11):
        with pytest.raises(RangeError, match="10 rows"):
            PICTURES[index]
    with pytest.raises(RangeError):
        PICTURES.images[10].numpy()


def test_iterating_gives_the_rows_and_the_samples_in_order() -> None:
    ds = numbers(4)
    assert [int(row.x.numpy()) for row in ds] == [0, 1, 2, 3]
    assert [int(sample.numpy()) for sample in ds.x] == [0, 1, 2, 3]
    assert [row.index for row in ds[1:3]] == [0, 1]
    assert ds[2].numpy() == {"x": 2}


def test_groups_hold_the_tensors_below_their_name() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("gt/boxes", htype="bbox")
    ds.create_tensor("gt/deep/x", dtype="int64")
    ds.append({"gt/boxes": np.ones((1, 4), np.float32), "gt/deep/x": 7})
    assert list(ds.groups) == ["gt"]
    assert list(ds.gt.groups) == ["deep"]
    assert list(ds.gt.tensors) == ["boxes", "deep/x"]
    assert int(ds.gt.deep.x[0].numpy()) == int(ds[0].gt["deep/x"].numpy()) == int(ds["gt/deep/x"][0].numpy()) == 7
    assert list(ds[0:1]["gt"].tensors) == ["boxes", "deep/x"]
    ds.gt.create_tensor("y", dtype="int64")
    assert "gt/y" in ds.tensors
    ds[0].gt.update({"y": 3})
    assert int(ds.gt.y[0].numpy()) == 3


def test_rows_and_loaders_of_a_group_call_its_tensors_by_their_full_names() -> None:
    ds = lakebed.empty(fresh_path())
    with ds:
        for name in ("a/x", "a/deep/y", "z"):
            ds.create_tensor(name, dtype="int64")
        ds.extend({"a/x": [1, 2], "a/deep/y": [3, 4], "z": [5, 6]})
    for group in (ds["a"], ds[:]["a"]):
        assert {name: cell.numpy().tolist() for name, cell in group[0].items()} == {"a/x": 1, "a/deep/y": 3}
        assert group["a/x"].name == group["x"].name == "a/x"
        assert "z" not in group
    ds["a"][1].update({"x": 7, "a/deep/y": 8})
    assert ds["a"][1].numpy() == {"a/x": 7, "a/deep/y": 8}
    with pytest.raises(NotFoundError):
        ds["a"][1].update({"z": 1})


def test_a_group_is_streamed_into_training() -> None:
    pytest.importorskip("torch")
    ds = lakebed.empty(fresh_path())
    with ds:
        for name in ("a/x", "a/deep/y", "z"):
            ds.create_tensor(name, dtype="int64")
        ds.extend({"a/x": [1, 2], "a/deep/y": [3, 4], "z": [5, 6]})
    for tensors, expected in ((None, ["a/x", "a/deep/y", "index"]), (["x"], ["a/x", "index"])):
        batch = next(iter(ds["a"].pytorch(tensors=tensors, batch_size=2)))
        assert list(batch.keys()) == expected
        assert batch["a/x"].flatten().tolist() == [1, 2]


def test_a_group_in_a_query_is_told_how_its_tensors_are_written() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("gt/boxes", htype="bbox")
    ds.append({"gt/boxes": np.ones((1, 4), np.float32)})
    with pytest.raises(lakebed.TQLError, match="there is no column 'gt'") as caught:
        ds.query("select * where any(gt/boxes[:, 2] > 300)")
    assert caught.value.hint == "'gt' is a group; its tensors are written in double quotes: \"gt/boxes\""
    assert len(ds.query('select * where any("gt/boxes"[:, 2] > 300)')) == 0


def test_a_view_of_a_group_shows_its_tensors_only() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("a", dtype="int64")
    ds.create_tensor("gt/b", dtype="int64")
    ds.extend({"a": [1, 2], "gt/b": [3, 4]})
    assert list(ds["gt"][0:1].tensors) == ["gt/b"]


def test_a_dataset_and_a_view_pickle_as_handles_that_reopen() -> None:
    twin = pickle.loads(pickle.dumps(PICTURES))
    assert np.array_equal(twin.images[3].numpy(), picture(3))
    view = pickle.loads(pickle.dumps(PICTURES[2:4]))
    assert np.array_equal(view.images[1].numpy(), picture(3))
    assert (view.sample_indices, view.commit_id) == ([2, 3], PICTURES.commit_id)


def test_everything_as_an_arrow_table() -> None:
    table = PICTURES.to_arrow(["categories"])
    assert table.column_names == ["categories"]
    assert table.column("categories").to_pylist()[1] == [1, 2]


def test_summary_lists_every_tensor(capsys: pytest.CaptureFixture[str]) -> None:
    PICTURES.summary()
    out = capsys.readouterr().out
    for word in ("images", "(10, 0:3, 4)", "class_label", "uint32", "png"):
        assert word in out


def test_the_notebook_form_escapes_names() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("<b>", dtype="int64")
    page = ds._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_links_that_were_never_looked_at_are_not_fetched_for_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor(
        "images", htype="link[image]", verify=False, create_shape_tensor=False, create_sample_info_tensor=False
    )
    ds.append({"images": lakebed.link("/nowhere/a.jpg")})
    ds.summary()
    assert "(1, ?)" in capsys.readouterr().out


STACK = np.stack([picture(number) for number in range(10)])
INDEX = st.integers(-3, 2) | st.builds(slice, st.none() | st.integers(-12, 12), st.none() | st.integers(-12, 12))
ROW_INDEX = INDEX | st.lists(st.integers(-10, 9), min_size=1, max_size=4)


@given(ROW_INDEX, st.lists(INDEX | st.just(Ellipsis), max_size=3).filter(lambda parts: parts.count(Ellipsis) < 2))
def test_indexing_a_tensor_is_indexing_the_stack_of_its_samples(rows: Any, parts: list[Any]) -> None:
    chosen = STACK[rows]
    expected = chosen[tuple(parts)] if isinstance(rows, int) else [sample[tuple(parts)] for sample in chosen]
    narrowed = PICTURES[rows].images
    inside = narrowed[tuple(parts)] if isinstance(rows, int) and parts else narrowed
    for found in (PICTURES.images[(rows, *parts)], inside if isinstance(rows, int) else narrowed[(..., *parts)]):
        assert np.array_equal(found.numpy(), np.asarray(expected)) or not len(chosen)
