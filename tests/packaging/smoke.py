"""Run by test_wheel.py in a clean environment that holds the wheel and its core dependencies alone."""

import importlib
import pkgutil
import sys
from pathlib import Path

import numpy as np

import lakebed

assert Path(lakebed.__file__).is_relative_to(sys.argv[1]), f"the checkout was imported: {lakebed.__file__}"

# Without the extras: each module can be imported, or says by its name which package it is that it needs.
for module in pkgutil.walk_packages(lakebed.__path__, "lakebed."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {
            "torch",
            "boto3",
            "botocore",
            "jpeglib",
            "keyring",
            "pandas",
            "polars",
            "ray",
            "tensorflow",
        }:
            raise

ds = lakebed.empty("photos")
with ds:
    ds.create_tensor("images", htype="image", sample_compression="jpg")
    ds.create_tensor("boxes", htype="bbox")
    ds.create_tensor("categories", htype="class_label", class_names=["car", "bus"])
    for n in range(10):
        image = np.full((16, 16, 3), n, np.uint8)
        ds.append({"images": image, "boxes": np.zeros((1, 4), np.float32), "categories": ["car" if n % 2 else "bus"]})
first = ds.commit("ten photos")

view = ds.query("select * where contains(categories, 'car') limit 3")
assert list(view.sample_indices) == [1, 3, 5]
view.save_view(message="cars", id="cars")
ds.pop(0)
ds.commit("one less")

ds = lakebed.load("photos")
assert len(ds) == 9
assert len(ds.load_view("cars")) == 3
assert ds.load_view("cars").images[0].numpy().shape == (16, 16, 3)
assert len(lakebed.load(f"photos@{first}")) == 10
print(lakebed.__version__, "ok")
