"""What a newcomer does wrong: each mistake is one clear error that says what to do, and changes nothing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.tql.errors import TQLTypeError

import lakebed
from face_data import coco_folder, fresh_path, picture, street
from lakebed import InvalidInputError, LakebedError, NotFoundError, SampleError, SchemaError, StorageError

BOX = np.zeros((1, 4), np.float32)


def row(**changed: Any) -> dict[str, Any]:
    return {"images": picture(0), "boxes": BOX, "categories": ["car"], **changed}


@pytest.fixture
def truncated(tmp_path: Path) -> Path:
    photo = coco_folder(tmp_path / "coco", 2) / "images" / "000000000107.jpg"
    photo.write_bytes(photo.read_bytes()[:200])
    return photo


def refused(ds: lakebed.Dataset, sample: Any) -> LakebedError:
    """The error of an append, after which everything is as before."""
    with pytest.raises(LakebedError) as caught:
        ds.append(sample)
    assert (len(ds), ds.has_head_changes) == (3, False)
    return caught.value


@pytest.mark.parametrize("sample", [[row()], picture(0), "images", None], ids=["list", "array", "text", "none"])
def test_a_row_that_is_no_dictionary(sample: Any) -> None:
    error = refused(street(3), sample)
    assert error.kind == "not-a-row"
    assert "ds.extend" in error.hint
    assert len(str(error)) < 400


def test_lists_of_samples_given_to_append() -> None:
    error = refused(street(3), {name: [sample] for name, sample in row().items()})
    assert "ds.extend" in error.hint


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (row(boxes=np.zeros((1, 5))), "expected an array of shape (n, 4)"),
        (row(boxes="boxes"), "not numbers"),
        (row(boxes=np.array([["a", "b", "c", "d"]])), "not numbers"),
        (row(categories=[0.5]), "expected class names or non-negative integers"),
        (row(categories=[-1]), "expected class names or non-negative integers"),
        (row(categories=[None]), "expected class names or non-negative integers"),
        (row(images=picture(0).astype(np.float32)), "expected uint8"),
        (row(images="photo.jpg"), "lakebed.read('photo.jpg')"),
        (row(images=lakebed.link("photo.jpg")), "htype='link[image]'"),
        (row(images=lakebed.read("nowhere.jpg")), "row 3 (nowhere.jpg)"),
        (row(images=b"text"), "no image of a known format"),
        ({"images": picture(0)}, "nothing for 'boxes', 'categories'"),
        (row(label=[0]), "there is no tensor 'label'"),
    ],
)
def test_a_sample_that_does_not_fit(sample: Any, said: str) -> None:
    assert said in str(refused(street(3), sample))


def test_a_damaged_photo_is_named(truncated: Path) -> None:
    error = refused(street(3), row(images=lakebed.read(truncated)))
    assert isinstance(error, SampleError)
    assert str(truncated) in error.place


def test_rows_and_tensors_replaced_or_deleted_as_a_whole() -> None:
    ds = street(3)
    with pytest.raises(InvalidInputError, match=r"ds\['boxes'\]\[0\] = sample"):
        ds["boxes"] = BOX
    with pytest.raises(InvalidInputError, match=r"ds\[1\]\.update"):
        ds[1] = row()
    with pytest.raises(InvalidInputError, match=r"ds\.pop\(1\)"):
        del ds[1]
    with pytest.raises(InvalidInputError, match=r"ds\.delete_tensor\('boxes'\)"):
        del ds["boxes"]
    with pytest.raises(AttributeError, match=r"ds\['boxes'\]\[:\] = values"):
        ds.boxes = BOX
    with pytest.raises(AttributeError, match="instead: nothing is deleted"):
        ds.allow_delete = False
    assert not ds.has_head_changes


def test_a_tensor_compared_instead_of_its_samples() -> None:
    ds = street(3)
    others: list[Any] = [3, "car", [1], np.zeros(3)]
    for other in others:
        with pytest.raises(InvalidInputError, match=r"\.numpy\(\) =="):
            ds.categories == other  # noqa: B015  # the comparison itself is the mistake
    assert ds.categories != ds.boxes
    assert ds.categories is not None
    assert len({ds.categories, ds.boxes}) == 2


def test_updates_and_batches_that_are_no_dictionaries() -> None:
    ds = street(3)
    wrong: Any = [1, 2]
    for call in (lambda: ds.update(0, wrong), lambda: ds[0].update(wrong), lambda: ds.extend([wrong])):
        with pytest.raises(InvalidInputError, match="dictionary of samples"):
            call()


def test_a_version_left_out_behind_the_at(tmp_path: Path) -> None:
    street(1, str(tmp_path / "ds"))
    with pytest.raises(InvalidInputError, match="no version stands behind"):
        lakebed.load(f"{tmp_path}/ds@")


def test_coordinates_that_are_no_dictionary() -> None:
    with pytest.raises(SchemaError, match="must be a dictionary"):
        street(1).create_tensor("more", htype="bbox", coords="LTWH")


def test_a_misspelt_argument_of_the_loader() -> None:
    pytest.importorskip("torch")
    with pytest.raises(TypeError, match="'shufle'; did you mean shuffle"):
        street(2).pytorch(shufle=True)


@pytest.mark.parametrize("names", ["abc", 3, ["a", "a"], ["a", 1]])
def test_class_names_that_are_none_wherever_they_are_given(names: object) -> None:
    ds = lakebed.empty(fresh_path())
    with pytest.raises(SchemaError, match="class_names"):
        ds.create_tensor("labels", htype="class_label", class_names=names)
    ds.create_tensor("labels", htype="class_label", class_names=np.array(["a", "b"]))
    with pytest.raises(SchemaError, match="class_names"):
        ds.labels.info.class_names = names
    ds.append({"labels": ["b", "c"]})
    assert ds.labels.info.class_names == ["a", "b", "c"]


def test_coordinates_written_into_info_are_checked_as_those_of_a_new_tensor() -> None:
    ds = street(1)
    with pytest.raises(SchemaError, match="mode='LTWHX'"):
        ds.boxes.info.coords = {"type": "pixel", "mode": "LTWHX"}


@pytest.mark.parametrize("lengths", [[], [-1, 4], ["a"], [0.5, 0.2], [2, 2]])
def test_lengths_that_do_not_add_up(lengths: list[Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        street(3).random_split(lengths)
    assert caught.value.kind == "bad-split"


def test_arguments_of_choosing_that_make_no_sense() -> None:
    ds = street(3)
    with pytest.raises(InvalidInputError, match="size"):
        ds.sample_by([1, 1, 1], size=-1)
    with pytest.raises(InvalidInputError, match="size"):
        ds.sample_by("sum_weight(true: 1)", size="two")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="found 3"):
        ds.filter(3)  # type: ignore[arg-type]


def test_a_computed_column_where_a_tensor_is_expected() -> None:
    view = street(3).query("select *, shape(boxes)[0] as many")
    assert view.to_arrow(["many", "boxes"]).column_names == ["many", "boxes"]
    for call in (lambda: view[["boxes", "many"]], lambda: lakebed.copy(view, fresh_path(), tensors=["many"])):
        with pytest.raises(InvalidInputError, match=r"view\['many'\]"):
            call()


def test_a_filter_that_fails_names_its_row() -> None:
    with pytest.raises(lakebed.TransformError, match="ZeroDivisionError") as caught:
        street(3).filter(lambda row: 1 // (row.index - 2), progressbar=False)
    assert caught.value.place == "row 2"
    assert "called with a Row" in caught.value.hint
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_text_in_double_quotes_in_a_query() -> None:
    with pytest.raises(lakebed.TQLError, match="single quotes: 'car'"):
        street(2).query('select * where contains(categories, "car")')


def test_a_name_that_is_taken_is_not_asked_to_be_taken_twice() -> None:
    with pytest.raises(lakebed.AlreadyExistsError) as caught:
        street(1).rename_tensor("boxes", "images")
    assert caught.value.hint == "choose another name"


BAD_PATHS = ["\ud800x", "hub://o\ud800/x", "s3://bucket/\ud800", "mem://\ud800", "a\0b", "", None, 5, b"x", ["x"]]


@pytest.mark.parametrize("path", BAD_PATHS, ids=ascii)
@pytest.mark.parametrize("call", [lakebed.load, lakebed.empty, lakebed.dataset, lakebed.exists, lakebed.delete])
def test_a_path_that_no_dataset_can_have(call: Callable[[Any], Any], path: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        call(path)
    assert caught.value.kind == "bad-path"
    str(caught.value).encode()


WRITES: dict[str, Callable[[lakebed.Dataset, Any], Any]] = {
    "copy": lambda ds, path: ds.copy(path),
    "deepcopy": lambda ds, path: lakebed.deepcopy(ds, path),
    "rename": lambda ds, path: lakebed.rename(ds.path, path),
    "to_csv": lambda ds, path: ds.to_csv(path),
    "to_coco": lambda ds, path: ds.to_coco(path, progressbar=False),
    "plot": lambda ds, path: ds.plot(path=path),
    "link": lambda ds, path: lakebed.link(path),
    "read": lambda ds, path: lakebed.read(path),
    "ingest_coco": lambda ds, path: lakebed.ingest_coco(path, path, fresh_path(), progressbar=False),
    "ingest_yolo": lambda ds, path: lakebed.ingest_yolo(path, fresh_path(), progressbar=False),
    "ingest_classification": lambda ds, path: lakebed.ingest_classification(path, fresh_path(), progressbar=False),
}


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_a_path_that_no_file_can_have(call: Callable[[lakebed.Dataset, Any], Any]) -> None:
    ds = street(2)
    with pytest.raises(InvalidInputError) as caught:
        call(ds, "\ud800")
    assert caught.value.kind == "bad-path"
    assert len(lakebed.load(ds.path)) == 2


def test_a_folder_whose_name_is_no_text_is_opened_and_its_errors_can_be_printed(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xe4\xf6")
    with pytest.raises(NotFoundError) as caught:
        lakebed.load(path)
    print(caught.value, file=io.TextIOWrapper(io.BytesIO(), "utf-8"))
    lakebed.empty(path)
    assert len(lakebed.load(path)) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such mode there")
def test_a_place_that_may_not_be_written_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = street(2, str(tmp_path / "street"))

    def refused_by_the_system(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refused_by_the_system)
    with pytest.raises(StorageError) as caught:
        lakebed.rename(ds.path, "other")
    assert (caught.value.kind, caught.value.place) == ("no-permission", str(tmp_path / "other"))
    assert len(lakebed.load(ds.path)) == 2


@pytest.mark.parametrize("write", ["to_csv", "plot"])
def test_a_file_in_a_folder_that_is_not_there(write: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        getattr(street(1), write)(path=tmp_path / "none" / "file.png")
    assert caught.value.kind == "missing-folder"
    assert caught.value.hint


def test_a_view_of_a_dataset_that_was_deleted(tmp_path: Path) -> None:
    ds = lakebed.empty(tmp_path / "gone")
    ds.create_tensor("x", dtype="uint8")
    ds.append({"x": np.zeros(200_000, np.uint8)})
    ds.commit("one big cell")
    view = lakebed.load(ds.path)[:1]
    lakebed.delete(ds.path)
    with pytest.raises(StorageError) as caught:
        view.x.numpy()
    assert caught.value.kind == "object-missing"
    assert "deleted" in caught.value.hint


@pytest.mark.parametrize("name", [None, 5, b"images", ["images"]])
def test_a_tensor_whose_name_is_no_text(name: Any) -> None:
    ds = street(1)
    with pytest.raises(SchemaError) as caught:
        ds.create_tensor(name)
    assert caught.value.kind == "bad-name"
    assert not ds.has_head_changes


def test_a_dataset_made_by_its_class() -> None:
    made: Any = lakebed.Dataset
    with pytest.raises(InvalidInputError) as caught:
        made("some/path")
    assert "lakebed.load(path)" in caught.value.hint


@pytest.mark.parametrize(
    ("picture_of", "said"),
    [
        (np.zeros((4, 4, 3)), "astype(np.uint8)"),
        (np.zeros((3, 40, 40), np.uint8), "np.transpose(image, (1, 2, 0))"),
        (np.zeros((4, 4), np.uint16), "'generic'"),
    ],
    ids=["float", "channels first", "16 bits"],
)
def test_pictures_that_do_not_fit_are_told_how_they_would(picture_of: Any, said: str) -> None:
    assert said in refused(street(3), row(images=picture_of)).hint


def test_conditions_of_filter_written_in_python_are_said_in_tql() -> None:
    ds = street(10)
    cases = {
        "categories.contains('car')": "contains(categories, 'car')",
        "images.shape[0] > 20": "shape(images)[0] > 20",
        "categories in ['car', 'bus']": "categories in ('car', 'bus')",
        "images.size > 3": "prod(shape(images)) > 3",
    }
    for python, tql in cases.items():
        with pytest.raises(lakebed.TQLError) as caught:
            ds.filter(python)
        assert caught.value.hint == f"a condition is written in TQL: {tql}"
        ds.filter(tql)
    with pytest.raises(lakebed.TQLError, match="did you mean 'categories'"):
        ds.filter("contains(category, 'car')")


def test_a_program_without_stderr_does_its_work(tmp_path: Path) -> None:
    coco = coco_folder(tmp_path / "coco", 3)
    code = f"""
import sys, lakebed
sys.stderr = None
ds = lakebed.ingest_coco({str(coco / "images")!r}, {str(coco / "annotations.json")!r}, {str(tmp_path / "ds")!r})
ds[:2].save_view(id="v", optimize=True)
ds.gc(progressbar=True)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert len(lakebed.load(tmp_path / "ds").load_view("v")) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a shell that closes streams")
@pytest.mark.parametrize(("command", "closed"), [("shell", "<&-"), ("info", ">&-"), ("verify", "2>&-")])
def test_a_command_runs_without_a_stream_too(command: str, closed: str, tmp_path: Path) -> None:
    ds = street(2, str(tmp_path / "street"))
    line = f"{sys.executable} -m lakebed.cli {command} {ds.path} < /dev/null {closed}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


NO_TEXT: dict[str, Callable[[lakebed.Dataset, Any], Any]] = {
    "query": lambda ds, value: ds.query(value),
    "explain": lambda ds, value: ds.explain(value),
    "lakebed.query": lambda ds, value: lakebed.query(value),
    "save_view": lambda ds, value: ds[:1].save_view(id=value),
    "checkout": lambda ds, value: ds.checkout(value),
    "branch": lambda ds, value: ds.checkout(value, create=True),
    "merge": lambda ds, value: ds.merge(value),
    "revert": lambda ds, value: ds.revert(value),
    "tag": lambda ds, value: ds.tag(value),
    "get_commit_details": lambda ds, value: ds.get_commit_details(value),
    "create_group": lambda ds, value: ds.create_group(value),
    "rename_tensor": lambda ds, value: ds.rename_tensor("images", value),
    "delete_tensor": lambda ds, value: ds.delete_tensor(value),
    "create_tensor_like": lambda ds, value: ds.create_tensor_like(value, ds.images),
    "of a tensor": lambda ds, value: ds.create_tensor_like("more", value),
    "info": lambda ds, value: setattr(ds, "info", value),
    "populate_creds": lambda ds, value: ds.populate_creds("key", value),
}


@pytest.mark.parametrize("call", NO_TEXT.values(), ids=NO_TEXT)
def test_an_argument_of_another_type_is_our_error_and_changes_nothing(
    call: Callable[[lakebed.Dataset, Any], Any],
) -> None:
    ds = street(3)
    ds.add_creds_key("key")
    before = (ds.branches, ds.tags, list(ds.tensors), list(ds.groups), ds.commit_id, len(ds.get_views()))
    with pytest.raises((InvalidInputError, TQLTypeError)):
        call(ds, 5)
    assert (ds.branches, ds.tags, list(ds.tensors), list(ds.groups), ds.commit_id, len(ds.get_views())) == before
    assert not ds.has_head_changes


@pytest.mark.parametrize("name", ["", "/", "a//b"])
def test_a_group_without_a_name(name: str) -> None:
    ds = street(1)
    with pytest.raises(SchemaError) as caught:
        ds.create_group(name)
    assert caught.value.kind == "bad-name"
