"""From what users write to a tensor's spec."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.errors import SchemaError
from lakebed.storage.htypes import HTYPES, check_tensor_name, htype_of, new_spec, parse_htype
from lakebed.storage.htypes.base import Htype
from lakebed.storage.htypes.link import LinkHtype
from lakebed.storage.htypes.sequence import SequenceHtype
from lakebed.storage.schema import TensorSpec

from htype_kit import pack

COMPRESSED = {"image": "jpeg", "image.rgb": "png", "image.gray": "png", "nifti": "nii", "mesh": "ply"}


@pytest.mark.parametrize("name", HTYPES)
def test_every_htype_makes_a_spec_that_survives_json(name: str) -> None:
    spec, _ = new_spec("a", "a", name, sample_compression=COMPRESSED.get(name))
    assert TensorSpec.from_json(spec.to_json()) == spec
    assert isinstance(htype_of(spec), Htype)
    assert htype_of(spec).name == name
    assert spec.full_htype == name


@pytest.mark.parametrize("name", HTYPES)
def test_every_htype_packs_no_rows_and_empty_rows(name: str) -> None:
    for count in (0, 2):
        packed = pack(name, [None] * count, sample_compression=COMPRESSED.get(name))
        assert len(packed.unpacked()) == count
        assert len(packed.shapes() or []) == count


@pytest.mark.parametrize("name", HTYPES)
def test_every_htype_of_files_can_be_linked_and_every_htype_can_be_a_sequence(name: str) -> None:
    compression = COMPRESSED.get(name)
    assert isinstance(
        htype_of(new_spec("a", "a", f"sequence[{name}]", sample_compression=compression)[0]), SequenceHtype
    )
    if HTYPES[name].is_payload:
        assert isinstance(htype_of(new_spec("a", "a", f"link[{name}]")[0]), LinkHtype)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("image", ("image", False, False)),
        ("link[image]", ("image", True, False)),
        ("sequence[image]", ("image", False, True)),
        ("sequence[link[image.rgb]]", ("image.rgb", True, True)),
        (" link[ video ] ", ("video", True, False)),
        ("sequence", ("generic", False, True)),
        ("sequence[]", ("generic", False, True)),
    ],
)
def test_htypes_are_read_with_their_wrappers(text: str, parsed: tuple[str, bool, bool]) -> None:
    assert parse_htype(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "link",
        "sequence[sequence]",
        "link[]",
        "link[sequence[image]]",
        "link[link[image]]",
        "image]",
        "link[image",
        "imge",
    ],
)
def test_htypes_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_htype(text)
    assert caught.value.kind == "unknown-htype"
    assert caught.value.hint


def test_an_unknown_htype_is_answered_with_near_names() -> None:
    with pytest.raises(SchemaError) as caught:
        new_spec("a", "a", "clas_label")
    assert "'class_label'" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["a", "images", "group/tensor", "ünïcode", "信号", "a b", "a.b", "1", "_x", "index", 'q"q', "a#2"]
)
def test_usual_names_are_taken(name: str) -> None:
    check_tensor_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "/a",
        "a/",
        "a//b",
        "a/ /b",
        "..",
        "a/../b",
        "a\nb",
        "a\0",
        "\ud800",
        " a",
        "a ",
        "a.shape",
        "a/b.info",
        "x" * 256,
    ],
)
def test_names_that_cannot_be_kept_are_refused(name: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_tensor_name(name)
    assert caught.value.kind == "bad-name"


@given(st.text())
def test_any_name_is_taken_or_refused_with_our_error(name: str) -> None:
    try:
        check_tensor_name(name)
    except SchemaError:
        return
    assert name.encode("utf-8")
    assert "\n" not in name


def test_a_name_that_is_no_string_is_refused() -> None:
    with pytest.raises(SchemaError):
        check_tensor_name(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("htype", "options", "hint"),
    [
        ("class_label", {"clas_names": []}, "'class_names'"),
        ("class_label", {"zzz": 1}, "class_names"),
        ("text", {"class_names": []}, "class_label"),
        ("image", {"coords": {}}, "bbox"),
    ],
)
def test_unknown_options_are_answered_with_those_there_are(htype: str, options: dict[str, Any], hint: str) -> None:
    with pytest.raises(SchemaError) as caught:
        new_spec("a", "a", htype, **options)
    assert caught.value.kind == "unknown-option"
    assert hint in caught.value.hint


@pytest.mark.parametrize("htype", ["class_label", "bbox", "generic", "text"])
def test_rows_take_a_lossless_compression_and_refuse_that_of_files(htype: str) -> None:
    assert new_spec("a", "a", htype, chunk_compression="lz4")[0].chunk_compression == "lz4"
    with pytest.raises(SchemaError) as caught:
        new_spec("a", "a", htype, sample_compression="png")
    assert caught.value.kind == "bad-compression"


def test_both_compressions_at_once_are_refused() -> None:
    with pytest.raises(SchemaError, match="expected one of them"):
        new_spec("a", "a", "image", sample_compression="png", chunk_compression="png")


def test_the_dtype_of_an_htype_that_has_one_cannot_be_changed() -> None:
    assert new_spec("a", "a", "bbox", dtype="float32")[0].dtype == "float32"
    with pytest.raises(SchemaError) as caught:
        new_spec("a", "a", "bbox", dtype="float64")
    assert caught.value.kind == "bad-dtype"


def test_jpg_is_written_jpeg_in_the_spec() -> None:
    assert new_spec("a", "a", "link[image]", sample_compression="jpg")[0].sample_compression == "jpeg"


def test_known_shapes_give_the_number_of_axes() -> None:
    axes = {name: new_spec("a", "a", name)[0].ndim for name in ("class_label", "bbox", "bbox.3d", "embedding", "point")}
    assert axes == {"class_label": 1, "bbox": 2, "bbox.3d": 2, "embedding": 1, "point": 2}
    assert new_spec("a", "a", "bbox.3d", coords={"mode": "vertex"})[0].ndim == 3
