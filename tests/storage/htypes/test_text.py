"""text, json, list, tag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.errors import SampleError
from lakebed.storage.htypes import Sample, htype_of

from htype_kit import pack, round_trip

UNICODE = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), UNICODE),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(UNICODE, inner, max_size=3)),
    max_leaves=8,
)


@given(st.lists(st.one_of(st.none(), UNICODE)))
def test_text_comes_back_and_none_becomes_empty(values: list[str | None]) -> None:
    packed = pack("text", values)
    assert packed.unpacked() == [value or "" for value in values]
    assert packed.shapes() == [(0,) if value is None else (1,) for value in values]


@given(st.lists(JSON))
def test_json_values_come_back(values: list[Any]) -> None:
    assert round_trip("json", values) == values


@given(st.lists(st.one_of(st.none(), st.lists(JSON))))
def test_lists_come_back_and_none_becomes_empty(values: list[Any]) -> None:
    packed = pack("list", values)
    assert packed.unpacked() == [value or [] for value in values]
    assert packed.shapes() == [(len(value or []),) for value in values]


@given(st.lists(st.one_of(st.none(), UNICODE, st.lists(UNICODE))))
def test_tags_come_back_as_arrays_of_strings(values: list[Any]) -> None:
    packed = pack("tag", values)
    meant = [[value] if isinstance(value, str) else value or [] for value in values]
    assert [tags.tolist() for tags in packed.unpacked()] == meant
    assert packed.shapes() == [(len(tags),) for tags in meant]
    assert all(tags.dtype == object for tags in packed.unpacked())


def test_numpy_values_inside_json_become_plain_ones() -> None:
    value = {"array": np.arange(3), "number": np.float32(0.5), "flag": np.bool_(True)}
    assert round_trip("json", [value]) == [{"array": [0, 1, 2], "number": 0.5, "flag": True}]
    assert round_trip("list", [np.arange(2)]) == [[0, 1]]


def test_other_forms_of_text_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("from a file ü", "utf-8")
    values = [np.str_("a"), np.array("b"), np.array(["c"], object), Sample(path)]
    assert round_trip("text", values) == ["a", "b", "c", "from a file ü"]


@pytest.mark.parametrize(
    ("htype", "value", "found"),
    [
        ("text", 5, "int 5"),
        ("text", b"bytes", "5 bytes"),
        ("text", ["a", "b"], "a list of 2"),
        ("text", "\ud800", "lone surrogate"),
        ("text", Sample(data=b"\xff\xfe"), "not UTF-8"),
        ("json", float("nan"), "float nan"),
        ("json", {"a": {1, 2}}, "set is not JSON-able"),
        ("json", {(1, 2): 3}, "a dict of 1"),
        ("json", "\udfff", "lone surrogate"),
        ("list", {"a": 1}, "a dict of 1"),
        ("list", "text", "the string 'text'"),
        ("tag", [1], "int 1"),
        ("tag", 1, "int 1"),
        ("tag", ["\ud800"], "lone surrogate"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_row(htype: str, value: Any, found: str) -> None:
    with pytest.raises(SampleError) as caught:
        pack(htype, [None, value], first_row=3)
    assert found in caught.value.message
    assert caught.value.place == "tensor 't', row 4"


def test_nan_in_json_is_answered_with_what_to_write_instead() -> None:
    with pytest.raises(SampleError) as caught:
        pack("json", [{"score": float("nan")}])
    assert "None in place of NaN" in caught.value.hint


def test_json_that_refers_to_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(SampleError):
        pack("json", [loop])


@pytest.mark.parametrize("htype", ["text", "json", "list", "tag"])
def test_data_is_the_value(htype: str) -> None:
    packed = pack(htype, [["a"] if htype in {"list", "tag"} else "a"])
    (sample,) = packed.unpacked()
    assert htype_of(packed.spec).data(sample, packed.info) == {"value": sample}
