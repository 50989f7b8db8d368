"""Names that only Deep Lake has: the error says what does the same here; and the small calls its scripts make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lakebed
from face_data import fresh_path, numbers, picture, street
from lakebed import FormatError, InvalidInputError, StateError
from lakebed.elsewhere import OF_DATASETS, TABLES, instead


@pytest.mark.parametrize(
    ("name", "meant"), [("open", "lakebed.load(path)"), ("create", "lakebed.empty"), ("emtpy", "empty?")]
)
def test_the_module_says_what_a_name_of_deep_lake_is_here(name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'") as caught:
        getattr(lakebed, name)
    assert meant in str(caught.value)


def test_htypes_have_names_as_constants() -> None:
    assert (lakebed.htype.DEFAULT, lakebed.htype.CLASS_LABEL, lakebed.htype.BBOX_3D) == (
        "generic",
        "class_label",
        "bbox.3d",
    )
    with pytest.raises(AttributeError):
        lakebed.htype.CLASSLABEL


@pytest.mark.parametrize(
    ("of", "name", "meant"),
    [
        ("ds", "history", "ds.commits"),
        ("ds", "add_column", "ds.create_tensor"),
        ("ds", "token", "no account"),
        ("ds", "imgaes", "did you mean images?"),
        ("view", "append", "a view is fixed"),
        ("view", "tag", "view.save_view"),
        ("view", "schema", "ds.tensors"),
        ("tensor", "pop", "ds.pop(i)"),
        ("tensor", "get_async", "threads"),
        ("tensor", "shaep", "did you mean shape"),
        ("row", "to_dict", "row.numpy()"),
        ("row", "imags", "did you mean images?"),
    ],
)
def test_handles_say_what_a_name_of_deep_lake_is_here(of: str, name: str, meant: str) -> None:
    ds = street(2)
    handle = {"ds": ds, "view": ds[0:1], "tensor": ds.images, "row": ds[0]}[of]
    with pytest.raises(AttributeError) as caught:
        getattr(handle, name)
    assert meant in str(caught.value)
    assert not hasattr(handle, name)


def test_no_name_is_listed_as_missing_that_is_there() -> None:
    ds = street(1)
    handles: dict[str, Any] = {"module": lakebed, "rows": ds, "tensor": ds.images, "row": ds[0]}
    for kind, table in TABLES.items():
        assert [name for name in table if hasattr(handles[kind], name)] == []
    assert [name for name in OF_DATASETS if not hasattr(ds, name) or hasattr(ds[0:1], name)] == []


def test_private_names_are_never_suggested() -> None:
    assert instead("rows", "view", ["_view", "views"]) == "; did you mean views?"


def test_a_row_number_does_not_delete_the_dataset() -> None:
    ds = numbers(4)
    wrong: Any = 2
    with pytest.raises(InvalidInputError, match=r"ds\.pop\(2\)"):
        ds.delete(wrong)
    assert len(lakebed.load(ds.path)) == 4
    ds.delete(large_ok=True)
    assert not lakebed.exists(ds.path)


def test_housekeeping_calls_of_old_scripts_only_flush() -> None:
    ds = numbers(3)
    ds.rechunk(tensors=["x"], num_workers=2, progressbar=False)
    ds.clear_cache()
    assert ds.x.numpy().tolist() == [0, 1, 2]
    assert not ds.has_head_changes


def test_tensors_have_one_length_so_both_views_of_lengths_are_all_rows() -> None:
    ds = numbers(3)
    assert (len(ds.max_view), len(ds.min_view), ds.max_view.is_view) == (3, 3, True)


def test_groups_know_what_they_lie_in() -> None:
    ds = lakebed.empty(fresh_path())
    inner = ds.create_group("a").create_group("b")
    inner.create_tensor("x")
    assert (ds.root, ds.parent) == (ds, None)
    assert (ds["a/b"].root, ds["a/b"].parent.name, ds["a"].parent) == (ds, "a", ds)
    assert list(ds.tensors) == ["a/b/x"]
    with pytest.raises(StateError, match="a view is fixed"):
        ds[0:0]["a"].create_group("c")


def test_a_row_reads_like_a_mapping() -> None:
    row = street(2)[1]
    assert list(row) == ["images", "boxes", "categories"]
    assert (len(row), "boxes" in row, "boxs" in row) == (3, True, False)
    assert [cell.name for cell in row.values()] == [name for name, _ in row.items()] == list(dict(row.items()))


def test_the_data_of_a_file_says_what_is_known_of_it() -> None:
    ds = street(3)
    one = ds.images[0].data()
    assert np.array_equal(one["value"], picture(0))
    assert one["sample_info"]["format"] == "png"
    assert [info["mode"] for info in ds.images[0:2].data()["sample_info"]] == ["RGB", "RGB"]
    assert "sample_info" not in ds.images[0, 3].data()


def test_a_tensor_prints_its_own_summary(capsys: pytest.CaptureFixture[str]) -> None:
    ds = street(3)
    ds.images.summary()
    printed = capsys.readouterr().out
    assert "(3, 24, 32, 3)" in printed
    assert "boxes" not in printed
    assert (ds.images.key, ds.images[1:].sample_indices) == ("images", [1, 2])


def test_creds_keys_change_their_management_by_the_older_name_too() -> None:
    ds = lakebed.empty(fresh_path())
    ds.add_creds_key("k")
    ds.change_creds_management("k", managed=True)
    assert ds.get_managed_creds_keys() == {"k"}


@pytest.mark.parametrize("inside", ["dataset_meta.json", "_deeplake_log/0"])
def test_files_of_deep_lake_are_recognised_and_left_alone(tmp_path: Path, inside: str) -> None:
    (tmp_path / inside).parent.mkdir(exist_ok=True)
    (tmp_path / inside).write_text("{}")
    with pytest.raises(FormatError, match=r"docs/deep-lake\.md"):
        lakebed.load(tmp_path)
    assert not lakebed.exists(tmp_path)
    assert (tmp_path / inside).read_text() == "{}"
