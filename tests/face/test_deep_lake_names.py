"""Names that only Deep Lake has: the error says what does the same here; and the small calls its scripts make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lakebed
from face_data import coco_folder, fresh_path, numbers, picture, street
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
        ("ds", "prepare_query", "params="),
        ("ds", "description", "ds.info"),
        ("view", "copy", "lakebed.copy(view, path)"),
        ("group", "append", "with full names such as 'labels/name'"),
        ("group", "copy", "lakebed.copy(ds, path, tensors=['labels'])"),
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
    ds.create_tensor("labels/first")
    handle = {"ds": ds, "view": ds[0:1], "tensor": ds.images, "row": ds[0], "group": ds["labels"]}[of]
    with pytest.raises(AttributeError) as caught:
        getattr(handle, name)
    assert meant in str(caught.value)
    assert not hasattr(handle, name)


def test_a_cell_of_a_row_is_written_by_its_name() -> None:
    ds = numbers(3)
    ds[1]["x"] = 5
    assert ds.x.numpy().tolist() == [0, 5, 2]
    with pytest.raises(AttributeError, match=r"row\['x'\] = sample"):
        ds[1].x = 5
    with pytest.raises(StateError):
        ds[:2][1]["x"] = 5


def test_a_row_of_a_query_knows_what_was_computed() -> None:
    rows = list(numbers(3).query("select *, x * 2 as twice order by x desc"))
    assert [(int(row.x.numpy()), int(row["twice"].numpy()), int(row.twice.numpy())) for row in rows] == [
        (2, 4, 4),
        (1, 2, 2),
        (0, 0, 0),
    ]


def test_the_htype_of_a_tensor_stays() -> None:
    ds = numbers(1)
    with pytest.raises(InvalidInputError) as caught:
        ds.x.htype = "class_label"
    assert "ds.create_tensor" in caught.value.hint


def test_a_commit_message_of_any_kind_is_kept_as_text() -> None:
    ds = numbers(1)
    ds.commit(["two", "parts"], allow_empty=True)  # type: ignore[arg-type]  # old scripts do
    assert ds.commits[0]["message"] == "['two', 'parts']"


@pytest.mark.parametrize("dtype", [str, "str"], ids=["type", "name"])
def test_a_tensor_of_text_is_made_by_its_dtype_too(dtype: Any) -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("caption", dtype=dtype, sample_compression=None)
    ds.append({"caption": "a street"})
    assert (ds.caption.htype, ds.caption[0].text()) == ("text", "a street")


@pytest.mark.parametrize("htype", ["class_label", "segment_mask", "instance_label"])
def test_class_codes_of_any_integer_dtype_are_kept_as_uint32(htype: str) -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("codes", htype=htype, dtype=np.uint8)
    assert ds.codes.dtype == np.uint32
    with pytest.raises(lakebed.SchemaError, match="holds uint32"):
        ds.create_tensor("more", htype=htype, dtype="float32")


def test_arrays_are_taken_for_intrinsics() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("images", htype="image", sample_compression="png", intrinsics=np.eye(3))
    assert ds.images.info.intrinsics == np.eye(3).tolist()


def test_a_file_to_be_read_says_what_it_shows(tmp_path: Path) -> None:
    street(1).plot(path=tmp_path / "a.png", tile=32)
    sample = lakebed.read(tmp_path / "a.png")
    assert sample.shape == sample.array.shape == sample.numpy().shape
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(lakebed.SampleError) as caught:
        lakebed.read(tmp_path / "b.png").numpy()
    assert caught.value.place == str(tmp_path / "b.png")


def test_ingestion_registers_the_creds_key_of_its_links(tmp_path: Path) -> None:
    coco = coco_folder(tmp_path / "coco", 2)
    for _ in range(2):
        ds = lakebed.ingest_coco(
            coco / "images", coco / "annotations.json", tmp_path / "ds", image_params={"htype": "link[image]"},
            image_creds_key="my_key", progressbar=False, overwrite=True,
        )  # fmt: skip
        assert ds.get_managed_creds_keys() == {"my_key"}
        assert ds.images.creds_key() == ["my_key"] * 2


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
