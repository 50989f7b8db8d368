"""Generated datasets that fit the queries found in the wild: every column they name, of the type their text implies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from lakebed.storage.schema import TensorSpec

from memory_source import MemorySource

ROWS = 40
MNIST_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
DIGITS = tuple("0123456789")

NUMBERS = {
    **dict.fromkeys(("age", "category_id", "id", "image_id", "user_id", "value"), "int64"),
    **dict.fromkeys(("column", "column1", "column2", "column_1", "column_2", "column_3", "confidence"), "float64"),
    **dict.fromkeys(("deep_memory_recall", "numeric_column", "price", "score"), "float64"),
    **dict.fromkeys(("vector_search_recall", "weight"), "float64"),
}
FLAGS = ("active", "high_confidence", "low_confidence", "medium_confidence", "negative_samples", "positive_samples")
TEXTS = {
    "category": ("active", "animals", "electronics", "images", "training", "tutorial", "validation"),
    "text": ("Apple tree", "an apple", "The sun shines bright over the tall mountains.", "machine learning"),
    "year": ("2015", "2016", "2017", "2018", "2019", "2020", "2021"),
    "email": ("a@gmail.com", "b@example.org"),
    "split": ("train", "val"),
    "train_split": ("train", "val"),
    "species": ("cat", "dog"),
    "date": ("2023-12-31", "2024-06-01"),
    "created_at": ("2023-12-31", "2024-06-01"),
    **dict.fromkeys(("column-name", "tensor-name", "column_name"), ("a text_value", "nothing")),
    **dict.fromkeys(("content", "description", "text1", "text_column", "title"), ("machine learning", "data1")),
}
VECTORS = ["embedding", "embeddings", "query_embedding", "query_vector", "vector"]
ARRAYS = {"dimensions": 1, "pixels": 2, "prices": 1, "scores": 1, "features": 2, "matrix": 3}
LABELS = {
    "label": ("bird", "cat", "dog", "person", "a", "b"),
    "labels": ("cat", "dog", "banana", "tree", "van", "tan"),
    "video_id": tuple("abc"),
    "camera_id": tuple("xy"),
}
LABEL_LISTS = {
    "categories": ("car", "bus", "truck", "bicycle", "motorcycle", "traffic light", "stop sign"),
    "findings": ("Hernia", "Pneumonia", "Fibrosis", "Edema", "Emphysema"),
    "tensor_name": ("text_value", "value", "value_2"),
    "type": ("car", "truck", "bus"),
}
DOCUMENT = (
    '{"abc": 2, "score": 0.9, "verified": true, "timestamp": "t", "author": "me", "status": "published",'
    ' "model": {"type": "transformer"}}'
)


class Columns:
    """Columns of one dataset, added one at a time."""

    def __init__(self) -> None:
        self.specs: list[TensorSpec] = []
        self.arrays: dict[str, pa.Array] = {}
        self.info: dict[str, Mapping[str, Any]] = {}

    def add(self, spec: TensorSpec, **arrays: pa.Array) -> Columns:
        """A tensor; its value is given as `value`, further parts by suffix."""
        self.specs.append(spec)
        for suffix, array in arrays.items():
            self.arrays[spec.column + ("" if suffix == "value" else f".{suffix}")] = array
        return self

    def scalar(self, name: str, dtype: str, values: Any) -> Columns:
        return self.add(
            TensorSpec(name, name, dtype=dtype, ndim=0), value=pa.array(values).cast(dtype.replace("64", "64"))
        )

    def text(self, name: str, values: Sequence[str]) -> Columns:
        return self.add(TensorSpec(name, name, "text", dtype="str"), value=pa.array(values, pa.string()))

    def array(self, name: str, ndim: int, values: Sequence[Any], htype: str = "generic") -> Columns:
        flat = pa.array([np.ravel(one) for one in values], pa.list_(pa.float32()))
        spec = TensorSpec(name, name, htype, dtype="float32", ndim=ndim)
        if ndim == 1:
            return self.add(spec, value=flat)
        return self.add(spec, value=flat, shape=pa.array([np.shape(one) for one in values], pa.list_(pa.int32())))

    def labels(self, name: str, codes: Sequence[Any], names: Sequence[str]) -> Columns:
        """Class labels: lists, or one for each row, which is a list of one."""
        lists = [[code] if isinstance(code, int) else code for code in codes]
        self.info[name] = {"class_names": list(names)}
        spec = TensorSpec(name, name, "class_label", dtype="uint32", ndim=1)
        return self.add(spec, value=pa.array(lists, pa.list_(pa.uint32())))

    def boxes(self, name: str, boxes: Sequence[Sequence[Sequence[float]]]) -> Columns:
        spec = TensorSpec(name, name, "bbox", dtype="float32", ndim=2)
        return self.add(spec, value=pa.array(boxes, pa.list_(pa.list_(pa.float32(), 4))))

    def images(self, name: str, shape: tuple[int, ...], rows: int) -> Columns:
        spec = TensorSpec(name, name, "image", link=True)
        return self.add(
            spec,
            value=pa.array([f"pictures/{row}.jpg" for row in range(rows)]),
            shape=pa.array([shape] * rows, pa.list_(pa.int32())),
            info=pa.array(['{"format": "jpeg"}'] * rows),
        )

    def source(self) -> MemorySource:
        return MemorySource(self.specs, pa.table(self.arrays), self.info)


@cache
def wide() -> MemorySource:
    """Forty rows with every column that the documentation's examples name."""
    made, rows = Columns(), range(ROWS)
    for name, dtype in NUMBERS.items():
        made.scalar(name, dtype, [row if dtype == "int64" else row / ROWS for row in rows])
    for name in (*FLAGS, "verified"):
        made.scalar(name, "bool", [row % 2 == 0 for row in rows])
    for name, texts in TEXTS.items():
        made.text(name, [texts[row % len(texts)] for row in rows])
    for name in VECTORS:
        made.array(name, 1, [[1 + row, 2.0, -row] for row in rows], "embedding")
    for name, ndim in ARRAYS.items():
        made.array(name, ndim, [np.arange(12**ndim).reshape((12,) * ndim) + row for row in rows])
    for name, classes in LABELS.items():
        made.labels(name, [row % len(classes) for row in rows], classes)
    for name, classes in LABEL_LISTS.items():
        made.labels(name, [[row % len(classes), (row + 1) % len(classes)][: row % 3] for row in rows], classes)
    made.boxes("boxes", [[[row, 2, 300, 10 * row]] * (row % 3) for row in rows])
    for name in ("metadata", "config"):
        made.add(TensorSpec(name, name, "json"), value=pa.array([DOCUMENT] * ROWS))
    return made.images("image", (480, 640, 3), ROWS).source()


@cache
def mnist(rows: int = sum(MNIST_COUNTS)) -> MemorySource:
    """Labels in the numbers in which MNIST's training half has them, in an order of chance."""
    codes = np.repeat(np.arange(10), MNIST_COUNTS)
    np.random.default_rng(0).shuffle(codes)
    return Columns().images("images", (28, 28), rows).labels("labels", codes[:rows].tolist(), DIGITS).source()


@cache
def cifar() -> MemorySource:
    """A hundred classes, and no picture of the first."""
    names = [f"class {number}" for number in range(100)]
    return (
        Columns().images("images", (32, 32, 3), 990).labels("labels", [1 + n % 99 for n in range(990)], names).source()
    )


@cache
def coco() -> MemorySource:
    """Cars and motorcycles as COCO has them: 1871 rows are among the first thousand of one of them; 40 high trucks."""
    car, truck, motorcycle = 0, 2, 4
    labels = [[car]] * 871 + [[car, motorcycle]] * 129 + [[motorcycle]] * 871 + [[truck]] * 100
    labels += [[car], [motorcycle], []] * 10
    high = 871 + 129 + 871 + 40
    boxes = [[[0, 0, 20, 501 if row < high else 499]] * len(codes) for row, codes in enumerate(labels)]
    made = Columns().images("images", (480, 640, 3), len(labels)).boxes("boxes", boxes)
    return made.labels("categories", labels, LABEL_LISTS["categories"]).source()


def one_label(values: Sequence[Any]) -> Callable[[], MemorySource]:
    names = [f"class {number}" for number in range(10)]
    return lambda: Columns().labels("label", values, names).source()


def reciprocals() -> MemorySource:
    return Columns().array("embeddings", 1, [[1 / n, 0, -1 / n] for n in range(1, 101)], "embedding").source()


def polygons() -> MemorySource:
    return Columns().labels("labels", [[row, row] for row in range(10)], DIGITS).source()


def matrices() -> MemorySource:
    """Embeddings with an axis for rows and one for numbers."""
    return Columns().array("embeddings", 2, [np.arange(12).reshape(3, 4) + row for row in range(ROWS)]).source()


def numbers_in(name: str) -> Callable[[], MemorySource]:
    return lambda: Columns().scalar(name, "int64", list(range(ROWS))).source()


def vectors_in(name: str) -> Callable[[], MemorySource]:
    return lambda: Columns().array(name, 1, [[row] * 20 for row in range(ROWS)]).source()


def texts_in(name: str) -> Callable[[], MemorySource]:
    return lambda: Columns().text(name, [str(row) for row in range(ROWS)]).source()


def small(*names: str) -> Callable[[], MemorySource]:
    """Some columns of the wide dataset, as tables that are joined have."""
    return lambda: without(wide(), {spec.name for spec in wide().schema} - set(names))


def sentences() -> MemorySource:
    """Twelve dull sentences and a bright one."""
    texts = ["The rain fell."] * 12 + ["The sun shines bright over the tall mountains."]
    return Columns().text("text", texts).source()


DATASETS: dict[str, Callable[[], MemorySource]] = {
    "activeloop/coco-train (COCO train2017": coco,
    "activeloop/mnist-train": mnist,
    "mnist-train": mnist,
    "the view of select * limit 1000 on mnist-train": lambda: mnist(1000),
    "the 10 groups above": one_label([[row] * 10 for row in range(10)]),
    "label = i // 20 for i in 0..99": one_label([row // 20 for row in range(100)]),
    "embedding i = [1/(i+1), 0, -1/(i+1)], 100 rows": reciprocals,
    "sentences with an inverted index": sentences,
    "10 rows with polygons": polygons,
    "100 rows, label = i % 10": one_label([row % 10 for row in range(100)]),
    "100 rows with i % 5 labels each": one_label([list(range(row % 5)) for row in range(100)]),
}
"""By the beginning of what the corpus says of the dataset that a query was run on; the longest beginning counts."""

TEXT_PARTS: dict[str, Callable[[], MemorySource]] = {
    "custom_square(": numbers_in("column_name"),
    "next_number(": numbers_in("column_name"),
    "column[": vectors_in("column"),
    "id == '0'": texts_in("id"),
    "ids == '0'": texts_in("ids"),
    "STD(embeddings, axis=1)": matrices,
}
"""By what stands in the query, where a name has another type than in most queries."""

PARAMETERS: dict[str, tuple[Any, ...]] = {"confidence > ?": ("cat", 0.5), "category =": ("active",), "score >": (0.5,)}


def fitting(query: str, dataset: str) -> MemorySource:
    """A dataset with the columns that the query names."""
    known = [name for name in DATASETS if dataset.startswith(name)]
    if known:
        return DATASETS[max(known, key=len)]()
    make = next((make for part, make in TEXT_PARTS.items() if part in query), wide)
    return without(make(), set(re.findall(r"(?i)\bas (\w+)", query)))


def without(source: MemorySource, names: set[str]) -> MemorySource:
    """The same rows without some columns, whose names the query gives to others."""
    specs = [spec for spec in source.schema if spec.name not in names]
    info = {spec.name: source.info(spec.name) for spec in specs}
    kept = [name for name in source.columns if name.partition(".")[0] not in names]
    return MemorySource(specs, source.table(kept), info)


def parameters(query: str) -> tuple[Any, ...] | None:
    if "?" not in query.replace("data?", ""):
        return None
    return next(values for part, values in PARAMETERS.items() if part in query)


NAMED: dict[str, Callable[[], MemorySource]] = {
    "mnist": mnist,
    "cifar": cifar,
    "coco": coco,
    "table1": small("id", "age"),
    "table2": small("id", "weight"),
    "bucket/dataset1": small("id", "verified"),
    "bucket/dataset2": small("user_id", "active"),
}


def named(path: str, version: str | None = None) -> MemorySource:
    """The dataset that FROM names."""
    for word, make in NAMED.items():
        if word in path:
            return make()
    return wide()
