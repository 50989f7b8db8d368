"""A COCO folder made into a dataset by several workers: links to the photos, previews, boxes and class names.

    python examples/parallel_ingest.py                                    # 56 photos that come with the project
    python examples/parallel_ingest.py --coco ~/coco --workers 8 --scheduler processes
    python examples/parallel_ingest.py --coco ~/coco --scheduler ray --ray-address auto

Rows and class names come in the order of the annotations file, whatever the number of workers. Every 500 photos are
committed, and the same command goes on there after a crash.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import lakebed

SAMPLE = Path(__file__).resolve().parent / "coco-sample"


@lakebed.compute
def photo(sample_in: dict[str, Any], samples_out: Any, folder: str, preview: int) -> None:
    """The row of one photo; raises if the file is no image, and then the whole ingest says which input it was."""
    path = Path(folder) / sample_in["file_name"]
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise ValueError(f"{path} is no image")
    scale = preview / max(pixels.shape[:2])
    size = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
    boxes = [box for box, _ in sample_in["objects"]]
    samples_out.append({
        "images": lakebed.link(str(path)),
        "previews": cv2.resize(pixels, size, interpolation=cv2.INTER_AREA),
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "categories": [name for _, name in sample_in["objects"]] or None,
    })  # fmt: skip


def read_annotations(file: Path) -> list[dict[str, Any]]:
    """One dictionary for each photo: its file's name, and the box and class name of each object."""
    content = json.loads(file.read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    objects = defaultdict(list)
    for found in content["annotations"]:
        objects[found["image_id"]].append((found["bbox"], names[found["category_id"]]))
    return [{"file_name": image["file_name"], "objects": objects[image["id"]]} for image in content["images"]]


def open_dataset(dest: str) -> lakebed.Dataset:
    """The dataset at `dest`: the one that is there, so that an ingest that stopped goes on, or a new one."""
    if lakebed.exists(dest):
        return lakebed.load(dest)
    ds = lakebed.empty(dest)
    with ds:
        ds.create_tensor("images", htype="link[image]")
        ds.create_tensor("previews", htype="image", sample_compression="jpg")
        ds.create_tensor("boxes", htype="bbox", coords={"type": "pixel", "mode": "LTWH"})
        ds.create_tensor("categories", htype="class_label")
    return ds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coco", type=Path, default=SAMPLE, help="folder with images/ and annotations.json")
    parser.add_argument("--dest", default="parallel-coco", help="where the dataset is made")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scheduler", default="threaded", choices=["serial", "threaded", "processes", "ray"])
    parser.add_argument("--ray-address", help="with --scheduler ray: the cluster; left out, one on this machine")
    args = parser.parse_args()

    if args.scheduler == "ray":
        import ray

        ray.init(address=args.ray_address)
    ds = open_dataset(args.dest)
    photos = read_annotations(args.coco / "annotations.json")
    ingest = photo(folder=str((args.coco / "images").resolve()), preview=128)
    ingest.eval(photos, ds, num_workers=args.workers, scheduler=args.scheduler, checkpoint_interval=500)
    commit = ds.commit(f"{len(photos)} photos")
    print(f"{len(ds)} rows, {len(ds.categories.info.class_names)} classes, commit {commit[:8]}")


if __name__ == "__main__":
    main()
