"""Transforms that other processes can import, for the tests of `lakebed.compute`."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

import lakebed


def output(path: str) -> lakebed.Dataset:
    """A dataset for what the transforms here make."""
    made = lakebed.empty(path)
    with made:
        made.create_tensor("images", htype="image", sample_compression="png")
        made.create_tensor("labels", htype="class_label")
        made.create_tensor("numbers", htype="generic", dtype="int64")
    return made


def content(ds: lakebed.Dataset) -> list[tuple[int, int, tuple[str, ...]]]:
    """Every row of `output` as number, first pixel and class names."""
    return [(int(row.numbers.numpy()), int(row.images.numpy().flat[0]), tuple(row.labels.data()["text"])) for row in ds]


@lakebed.compute
def picture(number: int, samples_out: Any, side: int = 4) -> None:
    """One row for each number."""
    samples_out.append({
        "images": np.full((side, side, 3), number % 256, np.uint8),
        "labels": [f"class {number % 7}", f"class {number % 3}"],
        "numbers": number,
    })  # fmt: skip


@lakebed.compute
def negative(sample_in: Any, samples_out: Any) -> None:
    """The row of a dataset with its image inverted."""
    samples_out.append({"images": 255 - sample_in.images.numpy(), "labels": sample_in.labels.data()["text"],
                        "numbers": sample_in["numbers"]})  # fmt: skip


@lakebed.compute
def upside_down(sample_in: Any, samples_out: Any) -> None:
    """As a script for Deep Lake writes it, for a dataset and for the middle of a chain."""
    samples_out.append({"images": np.flip(sample_in.images.numpy(), axis=0), "labels": sample_in.labels.numpy()})


@lakebed.compute
def from_file(path: Any, samples_out: Any) -> None:
    """The row of an image file, not decoded."""
    samples_out.append({"images": lakebed.read(path), "labels": np.uint32(1)})


@lakebed.compute
def repeated(number: int, samples_out: Any) -> None:
    """As many rows as the number says, modulo 4."""
    for _ in range(number % 4):
        picture.transform_function(number, samples_out)


@lakebed.compute
def picky(number: int, samples_out: Any, bad: tuple[int, ...] = ()) -> None:
    """`picture`, which raises on some numbers."""
    if number in bad:
        raise ValueError(f"{number} is not for me")
    picture.transform_function(number, samples_out)


@lakebed.compute
def deadly(number: int, samples_out: Any, last: int) -> None:
    """`picture`, whose process ends without a word at one number."""
    if number == last:
        os._exit(9)
    picture.transform_function(number, samples_out)


@lakebed.compute
def marking(number: int, samples_out: Any, folder: str) -> None:
    """`picture`, which takes its time and leaves in a folder a mark of the Ray node where it ran."""
    from ray_marks import leave_mark  # processes without Ray import this module too

    leave_mark(folder, number)
    time.sleep(0.05)
    picture.transform_function(number, samples_out)
