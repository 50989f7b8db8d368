from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import lakebed
from face_data import CLASSES, fresh_path, street
from lakebed import InvalidInputError, StateError


def test_info_reads_by_key_and_by_attribute() -> None:
    ds = street(1)
    ds.info["source"] = "camera 3"
    assert ds.info.source == ds.info["source"] == "camera 3"
    assert dict(ds.info) == {"source": "camera 3"}
    with pytest.raises(AttributeError, match="no key 'nothing'"):
        ds.info.nothing


def test_info_is_versioned_with_the_next_commit() -> None:
    ds = street(1)
    before = ds.commit_id
    ds.info.note = "second"
    assert ds.has_head_changes
    ds.commit("note")
    assert lakebed.load(f"{ds.path}@{before}").info.to_dict() == {}
    assert lakebed.load(ds.path).info.note == "second"


def test_class_names_are_a_list_with_index_on_dataset_view_and_old_commit() -> None:
    ds = street(4)
    for holder in (ds, ds[1:3], lakebed.load(f"{ds.path}@{ds.commit_id}")):
        names = holder.categories.info.class_names
        assert isinstance(names, list)
        assert names == CLASSES
        assert names.index("stop sign") == 3


def test_a_change_inside_a_value_says_how_to_assign_it() -> None:
    ds = street(1)
    with pytest.raises(StateError, match="assign the whole value"):
        ds.categories.info.class_names.append("tram")
    ds.info.nested = {"a": [1]}
    with pytest.raises(StateError):
        ds.info.nested["a"] = 2
    with pytest.raises(StateError):
        ds.info.nested["a"] += [2]
    ds.categories.info.class_names = [*ds.categories.info.class_names, "tram"]
    assert ds.categories.info.class_names[-1] == "tram"


def test_values_of_info_copy_and_serialise_as_plain_ones() -> None:
    ds = street(1)
    names = ds.categories.info.class_names
    assert json.loads(json.dumps(names)) == CLASSES
    for twin in (copy.deepcopy(names), pickle.loads(pickle.dumps(names))):
        twin.append("free")
        assert twin == [*CLASSES, "free"]


def test_info_deletes_and_updates_in_one_step() -> None:
    ds = street(1)
    ds.info.update(a=1, b=[1, 2])
    del ds.info["a"]
    del ds.info.b
    assert len(ds.info) == 0
    with pytest.raises(KeyError):
        del ds.info["a"]


@pytest.mark.parametrize("value", [np.zeros(3), object(), {1, 2}, {"deep": [object()]}])
def test_info_refuses_what_is_not_json(value: object) -> None:
    ds = street(1)
    with pytest.raises(InvalidInputError) as error:
        ds.info.thing = value
    assert error.value.kind == "bad-info"
    assert "thing" not in ds.info


def test_numpy_numbers_become_plain_ones() -> None:
    ds = street(1)
    ds.info.mean = np.float64(0.5)
    ds.flush()
    assert type(lakebed.load(ds.path).info["mean"]) is float


def test_the_info_of_a_view_cannot_be_changed() -> None:
    view = street(3)[0:2]
    with pytest.raises(StateError, match="pinned"):
        view.categories.info.class_names = []
    with pytest.raises(StateError):
        view.info["a"] = 1


def test_reserved_keys_are_not_the_users() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_group("empty")
    assert dict(ds.info) == {}
    with pytest.raises(InvalidInputError):
        ds.info["@groups"] = []


def test_assigning_info_replaces_all_of_it_but_not_the_groups() -> None:
    ds = street(1)
    ds.create_group("empty")
    ds.info = {"a": 1}
    ds.info = {"b": 2}
    assert ds.info.to_dict() == {"b": 2}
    assert list(ds.groups) == ["empty"]
    ds.categories.info = {"class_names": ["x"]}
    assert ds.categories.info.to_dict() == {"class_names": ["x"]}
    with pytest.raises(InvalidInputError):
        ds.info = {"c": object()}
    with pytest.raises(StateError):
        ds[0:1].categories.info = {}
