from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lakebed
from face_data import fresh_path, numbers, picture, street
from lakebed import InvalidInputError, NotFoundError, StateError


def test_sequences_are_indexed_item_by_item() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("frames", htype="sequence[image]", sample_compression="png")
    ds.append({"frames": [picture(0), picture(1), picture(2)]})
    ds.append({"frames": []})
    assert ds.frames[0].numpy().shape == (3, 24, 32, 3)
    assert np.array_equal(ds.frames[0][1].numpy(), picture(1))
    assert np.array_equal(ds.frames[0, 1, 2:5].numpy(), picture(1)[2:5])
    assert [item.shape for item in ds.frames[0].numpy(aslist=True)] == [(24, 32, 3)] * 3
    assert ds.frames[0, 1:].numpy().shape == (2, 24, 32, 3)
    assert ds.frames.is_sequence
    copy = lakebed.copy(ds, fresh_path(), progressbar=False)
    assert np.array_equal(copy.frames[0].numpy(), ds.frames[0].numpy())
    assert ds.frames[0].shape == (3, 24, 32, 3)


def test_sequences_of_links_are_copied_as_links(tmp_path: Path) -> None:
    for number in range(2):
        Image.fromarray(picture(number)).save(tmp_path / f"{number}.png")
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("frames", htype="sequence[link[image]]", sample_compression="png")
    ds.append({"frames": [lakebed.link(tmp_path / f"{number}.png") for number in range(2)]})
    copy = lakebed.copy(ds, fresh_path(), progressbar=False)
    assert copy.frames.htype == "sequence[link[image]]"
    assert copy.frames.path() == [[str(tmp_path / "0.png"), str(tmp_path / "1.png")]]
    assert np.array_equal(copy.frames[0][1].numpy(), picture(1))


def test_polygons_stay_lists_of_arrays() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("p", htype="polygon")
    ds.append({"p": [np.zeros((3, 2)), np.ones((5, 2))]})
    assert [part.shape for part in ds.p[0].numpy()] == [(3, 2), (5, 2)]
    assert ds.p[0][1].numpy().shape == (5, 2)
    with pytest.raises(InvalidInputError):
        ds.p.numpy()


def test_diff_shows_links_and_files_without_reading_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        Image.fromarray(picture(number)).save(tmp_path / f"{number}.png")
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("linked", htype="link[image]")
    ds.create_tensor("held", htype="image", sample_compression="png")
    ds.extend([{"linked": lakebed.link(tmp_path / "0.png"), "held": picture(0)}] * 30)
    ds.commit("thirty")
    ds.linked[3] = lakebed.link(tmp_path / "1.png")
    ds.held[0:12] = [picture(5)] * 12
    ds.pop([20, 22, 24])
    ds.pop(list(range(13, 18)))
    found = ds.diff(as_dict=True)
    assert found is not None
    (change,) = found["updated"]["linked"]
    assert (change["before"], change["after"]) == (str(tmp_path / "0.png"), str(tmp_path / "1.png"))
    ds.diff()
    out = capsys.readouterr().out
    assert "image (24, 32, 3) -> image (24, 32, 3)" in out
    assert "... and 2 more" in out
    assert "rows deleted    13, 14, 15" in out


def test_a_row_lists_its_keys_and_refuses_what_it_is_not() -> None:
    row = street(2)[1]
    assert row.keys() == ("images", "boxes", "categories")
    assert "boxes" in repr(row)
    assert list(row.tensors) == ["images", "boxes", "categories"]
    with pytest.raises(InvalidInputError):
        row[3]
    with pytest.raises(NotFoundError):
        row["boxs"]
    for name in ("commit", "boxs", "_private"):
        with pytest.raises(AttributeError):
            getattr(row, name)


def test_a_row_that_was_popped_is_not_its_neighbour() -> None:
    ds = numbers(3)
    last = ds[2]
    ds.pop(0)
    with pytest.raises(lakebed.RangeError):
        last.x.numpy()


def test_representations_name_what_they_show() -> None:
    ds = street(10)
    ds.create_group("g")
    shown = [
        repr(ds),
        repr(ds[2:4]),
        repr(ds.boxes[2:9]),
        repr(ds.boxes[[1, 2]]),
        repr(ds["g"]),
        repr(ds.info),
        repr(ds.query("select count(*) as n")),
        repr(ds.query("select categories, count(*) as n group by categories")),
        repr(ds.query("select *, 1 as one")["one"]),
    ]
    for text, word in zip(
        shown, ["rows=10", "rows=2", "(7 rows)", "[1, 2]", "'g'", "Info", "['n']", "Groups", "'one'"], strict=True
    ):
        assert word in text


def test_a_view_entry_can_be_optimized_and_read_as_a_dictionary() -> None:
    ds = street(6)
    ds[0:4].save_view(id="v", message="note")
    entry = ds.get_view("v")
    assert entry["message"] == "note"
    assert (entry.query, entry.tql_query, entry.source_dataset_path) == ("", "", ds.path)
    assert not entry.optimize(progressbar=False).virtual
    assert "optimized" in repr(entry)
    assert entry.load().is_optimized
    assert ds.get_views("no such commit") == []
    assert ds.view_lineage("v")["rows"]["count"] == 4


def test_a_view_is_saved_with_its_dataset_only() -> None:
    with pytest.raises(StateError, match="id="):
        street(2)[0:1].save_view(path="/somewhere")


def test_results_have_no_columns_that_were_not_asked_for() -> None:
    ds = street(6)
    with pytest.raises(NotFoundError, match="its columns are n"):
        ds.query("select count(*) as n")["m"]
    groups = ds.query("select categories, count(*) as n group by categories")
    with pytest.raises(NotFoundError):
        groups["nothing"]
    with pytest.raises(StateError):
        groups.save_view()
    assert sum(len(group) for group in groups) == 6
    assert groups.to_arrow().num_rows == len(groups)
    assert len(groups["categories"]) == len(groups)


def test_what_a_dataset_says_of_itself() -> None:
    ds = numbers(4)
    assert (ds.is_view, ds.is_optimized, ds.num_samples, ds.min_len, ds.max_len) == (False, False, 4, 4, 4)
    assert ds.sample_indices == [0, 1, 2, 3]
    assert ds.meta["length"] == 4
    assert ds.is_head_node
    assert ds.pending_commit_id == ds.commit_id
    view = ds[1:2]
    assert (view.is_view, view.read_only, view.is_optimized, view.path) == (True, True, False, ds.path)
    ds.close()


def test_what_is_read_wrongly_says_so() -> None:
    ds = numbers(4)
    wrong: list[Any] = [
        lambda: ds.x["y"],
        lambda: ds.x.path(),
        lambda: ds.x.text(),
        lambda: ds[1, 2, "x"],
        lambda: ds["x", "x"],
        lambda: ds[3.5],
        lambda: ds.dataloader().batch(2).batch(3),
    ]
    for call in wrong:
        with pytest.raises(lakebed.LakebedError):
            call()


def test_arrays_of_tensors_convert_to_numpy_and_back() -> None:
    ds = numbers(4)
    assert np.asarray(ds.x).tolist() == [0, 1, 2, 3]
    assert ds.x[1].tobytes() == np.int64(1).tobytes()
    assert ds.query("select *, x * 2 as double")["double"].numpy().tolist() == [0, 2, 4, 6]
    assert np.asarray(ds.query("select *, x * 2 as double")["double"][1:3]).tolist() == [2, 4]
    assert list(ds.query("select *, x * 2 as double")["double"]) == [0, 2, 4, 6]
