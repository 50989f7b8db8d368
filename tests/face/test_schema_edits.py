from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lakebed
from face_data import fresh_path, numbers, street
from lakebed import AlreadyExistsError, NotFoundError, SchemaError


def test_a_tensor_is_created_once_unless_exist_ok() -> None:
    ds = street(1)
    with pytest.raises(AlreadyExistsError, match="exist_ok"):
        ds.create_tensor("boxes", htype="bbox")
    assert ds.create_tensor("boxes", htype="bbox", exist_ok=True).htype == "bbox"
    with pytest.raises(SchemaError, match="as bbox, not image"):
        ds.create_tensor("boxes", htype="image", sample_compression="png", exist_ok=True)


@pytest.mark.parametrize(
    "options",
    [
        {"htype": "imge"},
        {"htype": "image"},
        {"htype": "bbox", "coords": {"mode": "XXXX"}},
        {"htype": "class_label", "clas_names": ["a"]},
        {"htype": "generic", "dtype": "flot32"},
    ],
)
def test_options_that_cannot_be_are_refused_and_create_nothing(options: dict[str, Any]) -> None:
    ds = lakebed.empty(fresh_path())
    with pytest.raises(SchemaError):
        ds.create_tensor("a", **options)
    assert list(ds.tensors) == []


def test_a_name_that_is_an_attribute_is_allowed_with_a_warning() -> None:
    ds = lakebed.empty(fresh_path())
    with pytest.warns(UserWarning, match=r"ds\['meta'\]"):
        ds.create_tensor("meta", dtype="int64")
    ds.append({"meta": 5})
    assert int(ds["meta"][0].numpy()) == 5
    assert isinstance(ds.meta, dict)


def test_any_text_may_name_a_tensor() -> None:
    ds = lakebed.empty(fresh_path())
    names = ["größe", "a b", "x.y", "名前", "select", "a'b\"c"]
    for number, name in enumerate(names):
        ds.create_tensor(name, dtype="int64")
        assert number + 1 == len(ds.tensors)
    ds.append(dict.fromkeys(names, 3))
    ds.commit("named")
    assert [int(lakebed.load(ds.path)[name][0].numpy()) for name in names] == [3] * len(names)


@pytest.mark.parametrize("name", ["", "a//b", "a\nb", " a"])
def test_names_that_cannot_be_kept_are_refused(name: str) -> None:
    with pytest.raises(SchemaError):
        lakebed.empty(fresh_path()).create_tensor(name, dtype="int64")


def test_a_name_is_a_tensor_or_a_group() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("a/b", dtype="int64")
    with pytest.raises(AlreadyExistsError):
        ds.create_tensor("a", dtype="int64")
    with pytest.raises(AlreadyExistsError, match="'a/b' is a tensor"):
        ds.create_tensor("a/b/c", dtype="int64")
    with pytest.raises(AlreadyExistsError):
        ds.create_group("a")
    assert ds.create_group("a", exist_ok=True).name == "a"


def test_empty_groups_are_kept_and_versioned() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_group("labels/fine")
    ds.commit("groups")
    again = lakebed.load(ds.path)
    assert list(again.groups) == ["labels"]
    assert list(again.labels.groups) == ["fine"]
    ds.delete_group("labels")
    assert list(ds.groups) == []


def test_renaming_keeps_samples_info_and_old_commits() -> None:
    ds = street(3)
    before = ds.commit_id
    ds.rename_tensor("categories", "labels/fine")
    ds.commit("renamed")
    assert list(ds.tensors) == ["images", "boxes", "labels/fine"]
    assert ds.labels.fine[1].data()["text"] == ["bus", "bicycle"]
    assert "categories" in lakebed.load(f"{ds.path}@{before}")
    ds.rename_group("labels", "names")
    assert ds["names/fine"].info.class_names[0] == "car"
    for old, new, error in (("x", "y", NotFoundError), ("images", "boxes", AlreadyExistsError)):
        with pytest.raises(error):
            ds.rename_tensor(old, new)


def test_deleted_tensors_and_groups_stay_in_old_commits() -> None:
    ds = street(2)
    before = ds.commit_id
    ds.rename_tensor("boxes", "gt/boxes")
    ds.delete_group("gt")
    ds.delete_tensor("categories")
    ds.commit("images only")
    assert list(lakebed.load(ds.path).tensors) == ["images"]
    assert list(lakebed.load(f"{ds.path}@{before}").tensors) == ["images", "boxes", "categories"]
    with pytest.raises(NotFoundError):
        ds.delete_tensor("categories")
    with pytest.raises(NotFoundError):
        ds.delete_group("gt")


def test_a_tensor_like_another_takes_its_options_without_its_samples() -> None:
    ds = street(2)
    twin = ds.create_tensor_like("twin", ds.categories)
    assert (twin.htype, twin.info.class_names) == ("class_label", ds.categories.info.class_names)
    assert [codes.tolist() for codes in twin.numpy(aslist=True)] == [[], []]


def test_hidden_tensors_are_neither_listed_nor_required() -> None:
    ds = numbers(1)
    ds.create_tensor("secret", dtype="int64", hidden=True)
    ds.append({"x": 5})
    ds.append({"x": 6, "secret": 9})
    assert list(ds.tensors) == ["x"]
    assert np.array_equal(ds["secret"][2].numpy(), 9)
