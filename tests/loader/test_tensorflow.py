"""Rows as a `tf.data.Dataset`; where TensorFlow is missing, the error that says so."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import lakebed
from face_data import fresh_path

MISSING = importlib.util.find_spec("tensorflow") is None
needs_tensorflow = pytest.mark.skipif(MISSING, reason="TensorFlow is not installed: pip install tensorflow")


@pytest.fixture
def ds() -> lakebed.Dataset:
    made = lakebed.empty(fresh_path())
    with made:
        made.create_tensor("images", htype="image", sample_compression="png")
        made.create_tensor("boxes", htype="bbox")
        made.create_tensor("labels", htype="class_label", class_names=["a", "b"])
        made.create_tensor("words", htype="text")
        made.create_tensor("keywords", htype="tag")
        for n in range(21):
            made.append({
                "images": np.full((4 + n % 3, 5, 3), n, np.uint8),
                "boxes": np.full((n % 4, 4), n, np.float32),
                "labels": [n % 2] * (n % 4),
                "words": f"ŵ{n}",
                "keywords": ["x"] * (n % 3),
            })  # fmt: skip
    return made


@pytest.mark.skipif(not MISSING, reason="TensorFlow is installed")
def test_without_tensorflow_the_error_says_what_to_install(ds: lakebed.Dataset) -> None:
    with pytest.raises(lakebed.StateError, match="pip install tensorflow") as caught:
        ds.tensorflow()
    assert caught.value.kind == "missing-library"
    with pytest.raises(lakebed.StateError, match="pip install tensorflow"):
        ds.dataloader().batch(4).tensorflow()


@needs_tensorflow
def test_every_row_comes_once_with_the_values_that_numpy_gives(ds: lakebed.Dataset) -> None:
    rows = list(ds.tensorflow().as_numpy_iterator())
    assert len(rows) == len(ds.tensorflow()) == 21
    for number, row in enumerate(rows):
        for name in ("images", "boxes", "labels"):
            assert np.array_equal(row[name], ds[name][number].numpy())
        assert row["words"].decode() == f"ŵ{number}"
        assert row["keywords"].tolist() == [b"x"] * (number % 3)


@needs_tensorflow
def test_the_signature_has_types_and_ranks(ds: lakebed.Dataset) -> None:
    spec = ds.tensorflow(tensors=["images", "boxes", "labels", "words"]).element_spec
    found = {name: (part.shape.as_list(), part.dtype.name) for name, part in spec.items()}
    assert found == {
        "images": ([None] * 3, "uint8"),
        "boxes": ([None] * 2, "float32"),
        "labels": ([None], "int64"),
        "words": ([], "string"),
    }


@needs_tensorflow
def test_shuffled_epochs_differ_and_hold_every_row(ds: lakebed.Dataset) -> None:
    made = ds.tensorflow(tensors=["words"], shuffle=True, seed=3)
    epochs = [[row["words"].decode() for row in made.as_numpy_iterator()] for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(f"ŵ{n}" for n in range(21))


@needs_tensorflow
def test_images_come_as_files_where_asked_and_decode_to_the_same(ds: lakebed.Dataset) -> None:
    import tensorflow as tf

    made = ds.tensorflow(tensors=["images"], tobytes=True).map(lambda row: tf.io.decode_png(row["images"]))
    assert all(np.array_equal(image, ds.images[n].numpy()) for n, image in enumerate(made.as_numpy_iterator()))


@needs_tensorflow
def test_batches_are_stacked_where_a_transform_makes_rows_equal(ds: lakebed.Dataset) -> None:
    def small(sample: dict[str, Any]) -> dict[str, Any]:
        return {"images": sample["images"][:4, :4], "first": np.float32(sample["images"].flat[0])}

    batch = next(iter(ds.tensorflow(tensors=["images"], transform=small).batch(5)))
    assert batch["images"].shape == (5, 4, 4, 3)
    assert batch["first"].numpy().tolist() == [0, 1, 2, 3, 4]


@needs_tensorflow
def test_the_fluent_interface_gives_rows_or_batches(ds: lakebed.Dataset) -> None:
    def cut(sample: dict[str, Any], height: int) -> dict[str, Any]:
        return {"images": sample["images"][:height]}

    rows = ds.dataloader().query("select * where words != 'ŵ0'").transform(cut, height=3)
    assert [row["images"].shape for row in rows.tensorflow(tensors=["images"])] == [(3, 5, 3)] * 20
    batches = list(rows.shuffle().batch(8, drop_last=True).tensorflow(tensors=["images"], seed=1))
    assert [batch["images"].shape for batch in batches] == [(8, 3, 5, 3)] * 2
    with pytest.raises(lakebed.StateError, match="already"):
        rows.batch(2).batch(3)


@needs_tensorflow
def test_a_tensor_that_tensorflow_has_no_type_for_is_named(ds: lakebed.Dataset) -> None:
    ds.create_tensor("facts", htype="json")
    ds.facts[0] = {"a": 1}
    with pytest.raises(lakebed.InvalidInputError, match="facts") as caught:
        ds.tensorflow()
    assert caught.value.kind == "no-tensorflow-type"


@needs_tensorflow
def test_rows_that_cannot_be_typed_because_there_are_none_are_an_error() -> None:
    made = lakebed.empty(fresh_path())
    made.create_tensor("words", htype="text")
    with pytest.raises(lakebed.InvalidInputError, match="no rows"):
        made.tensorflow()
