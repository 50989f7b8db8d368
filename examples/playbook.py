"""From raw COCO photos to a trained step of a detector, with lineage: the playbook, run end to end.

    python examples/playbook.py                              # 56 photos that come with the project
    python examples/playbook.py --coco ~/coco --steps 100    # a folder of your own
    python examples/playbook.py --model resnet50 --pretrained

The folder given with --coco holds `images/` (or `train2017/`, ...) and `annotations.json` (or `instances_*.json`).
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or albumentations asks the network for a newer version

import albumentations as A
import numpy as np
import torch
import torchvision
from albumentations.pytorch import ToTensorV2
from pycocotools.coco import COCO
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from tqdm import tqdm

import lakebed

SAMPLE = Path(__file__).resolve().parent / "coco-sample"

# The classes a driving application cares about.
CLASSES_OF_INTEREST = ["car", "truck", "bus", "motorcycle", "bicycle", "traffic light", "stop sign"]

DRIVING_QUERY = """
(select * where contains(categories, 'car') limit 1000)
  union
(select * where contains(categories, 'bus') limit 1000)
  union
(select * where contains(categories, 'truck') limit 1000)
  union
(select * where contains(categories, 'bicycle') limit 1000)
  union
(select * where contains(categories, 'motorcycle') limit 1000)
  union
(select * where contains(categories, 'traffic light') limit 1000)
  union
(select * where contains(categories, 'stop sign') limit 1000)
"""

WIDTH = 128
HEIGHT = 128

Sample = dict[str, Any]
Target = dict[str, torch.Tensor]


def main() -> None:
    """Run the ten steps and print what each of them did."""
    options = arguments()
    # hub:// names live in this folder here; without the setting, in the user's data folder.
    os.environ["LAKEBED_HUB"] = str(options.out / "hub")
    coco, images = open_coco(options.coco)
    # First of all, because weights that cannot be downloaded are better known before the work than after it.
    model = get_model_object_detection(1 + len(CLASSES_OF_INTEREST), options.model, options.pretrained)

    step("1-3  Create the dataset")
    ds, creds_name = create_dataset(coco)

    step("4    Ingest: row by row, in batches, in one call")
    ingest_rows(ds, coco, images, creds_name)
    first = ds.commit("All of COCO as it came")
    ingest_batches(coco, images)
    ingest_in_one_call(options.coco, images)

    step("5    Query the driving scenes")
    view = timed_query(ds)

    step("6    Correct the data, with lineage")
    edit(ds, view)
    show_history(ds, first)

    step("7    Save the query result and materialise it")
    view_id = save_and_materialise(ds)

    step("8    The same classes on dataset, view and materialised view")
    ds = lakebed.load("hub://dl-corp/coco-train", token="not needed")
    ds_view = ds.load_view(view_id)
    inds_of_interest = check_classes(ds, ds_view)

    step("9    Train")
    train(ds_view, inds_of_interest, model, options)

    step("10   Look at it")
    ds.summary()
    print(repr(ds_view))
    picture = options.out / "grid.png"
    ds_view.plot(rows=range(min(8, len(ds_view))), path=picture)
    print(f"picture: {picture} ({picture.stat().st_size:,} bytes)")


# ---- The raw data ----------------------------------------------------------------------------------------------------


def open_coco(folder: Path) -> tuple[COCO, Path]:
    """The annotations of a COCO folder, and the folder of its images."""
    images = next((folder / name for name in ("images", "train2017", "val2017") if (folder / name).is_dir()), folder)
    return COCO(str(annotation_file(folder))), images


def annotation_file(folder: Path) -> Path:
    patterns = ["annotations.json", "instances*.json", "annotations/instances*.json"]
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    if not found:
        raise SystemExit(f"no annotations in {folder}: expected annotations.json or instances_*.json")
    return found[0]


def class_names(coco: COCO) -> list[str]:
    """Every class of the annotation file, also those no photo shows: asking for one of them finds no row."""
    return [category["name"] for category in coco.loadCats(coco.getCatIds())]


def rows_of(coco: COCO, images: Path) -> Iterator[tuple[str, np.ndarray, list[str] | None]]:
    """URL, boxes and class names of each photo, in the order of the image ids.

    The ids of COCO's categories have gaps, so names are looked up by id. Crowd annotations are kept: they are boxes
    around a crowd of the class, and for a query they count as the class being there.
    """
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    for img_id in sorted(coco.getImgIds()):
        anns = coco.loadAnns(coco.getAnnIds(img_id))
        boxes = np.array([ann["bbox"] for ann in anns], dtype="float32").reshape(-1, 4)
        # If there are no categories present, append None.
        categories = [names[ann["category_id"]] for ann in anns] or None
        yield (images / coco.loadImgs(img_id)[0]["file_name"]).resolve().as_uri(), boxes, categories


# ---- Creating the dataset --------------------------------------------------------------------------------------------


def create_dataset(coco: COCO) -> tuple[lakebed.Dataset, str]:
    ds = lakebed.empty("hub://dl-corp/coco-train", overwrite=True, token="not needed")

    creds_name = "my_s3_creds"
    ds.add_creds_key(creds_name, managed=True)

    create_tensors(ds, coco)
    print(f"{ds.path}: tensors {', '.join(ds.tensors)}; {len(class_names(coco))} class names registered")
    return ds, creds_name


def create_tensors(ds: lakebed.Dataset, coco: COCO, **image_options: Any) -> None:
    with ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="jpg", **image_options)
        ds.create_tensor("boxes", htype="bbox", coords={"type": "pixel", "mode": "LTWH"})
        ds.create_tensor("categories", htype="class_label", class_names=class_names(coco))


def ingest_rows(ds: lakebed.Dataset, coco: COCO, images: Path, creds_name: str) -> None:
    """One row at a time. The creds key says how to reach a link in a bucket; for a local file it is only recorded."""
    started = time.perf_counter()
    with ds:
        for url, boxes, categories in tqdm(rows_of(coco, images), total=len(coco.getImgIds()), desc="append"):
            ds.append({"images": lakebed.link(url, creds_key=creds_name), "boxes": boxes, "categories": categories})
    rate("append", len(ds), started, "each image opened to learn its shape and that it can be read")


def ingest_batches(coco: COCO, images: Path, size: int = 1000) -> None:
    """A thousand rows at a time, and the images are not opened: many times faster."""
    ds = lakebed.empty("mem://coco-batches", overwrite=True)
    create_tensors(ds, coco, verify=False, create_shape_tensor=False, create_sample_info_tensor=False)
    rows = rows_of(coco, images)
    started = time.perf_counter()
    with ds:
        while batch := list(itertools.islice(rows, size)):
            urls, boxes, categories = zip(*batch, strict=True)
            ds.extend(
                {"images": [lakebed.link(url) for url in urls], "boxes": list(boxes), "categories": list(categories)}
            )
    rate("extend", len(ds), started, "images not opened")


def ingest_in_one_call(folder: Path, images: Path) -> None:
    """The same, and the other keys of the annotation file become tensors too."""
    started = time.perf_counter()
    ds = lakebed.ingest_coco(
        images,
        annotation_file(folder),
        "mem://coco-ingested",
        image_params={"htype": "link[image]", "sample_compression": "jpg"},
        overwrite=True,
    )
    rate("ingest_coco", len(ds), started, f"tensors {', '.join(ds.tensors)}")


# ---- Inspecting, editing, saving -------------------------------------------------------------------------------------


def timed_query(ds: lakebed.Dataset) -> lakebed.View:
    ds.query(DRIVING_QUERY)  # the first query of a process also loads the engine
    started = time.perf_counter()
    view: lakebed.View = ds.query(DRIVING_QUERY)
    milliseconds = (time.perf_counter() - started) * 1000
    print(f"{len(view)} of {len(ds)} rows in {milliseconds:.1f} ms: {list(view.sample_indices)[:20]}")
    for name in CLASSES_OF_INTEREST:
        found = ds.query(f"select * where contains(categories, '{name}')")
        print(f"  {name:14} {len(found):5} rows")
    return view


def edit(ds: lakebed.Dataset, view: lakebed.View) -> None:
    """Two corrections a person would make after looking at the pictures."""
    low_quality = 61 if len(ds) > 61 else int(view.sample_indices[-1])
    ds.pop(low_quality)
    ds.commit(f"Deleted index {low_quality} because the image is low quality.")

    bad = 8 if len(ds) > 8 and ds.categories[8].numpy().size > 2 else most_labelled(ds)
    mask = np.arange(ds.categories[bad].numpy().size) != 2
    ds.categories[bad] = ds.categories[bad].numpy()[mask]
    ds.boxes[bad] = ds.boxes[bad].numpy()[mask, :]
    ds.commit(f"Deleted bad label at index {bad}")


def most_labelled(ds: lakebed.Dataset) -> int:
    return int(np.argmax([labels.size for labels in ds.categories.numpy(aslist=True)]))


def show_history(ds: lakebed.Dataset, first: str) -> None:
    ds.log()
    print(f"{len(ds.commits)} commits, {len(ds)} rows now, {len(lakebed.load(f'{ds.path}@{first}'))} at the first")
    ds.diff(first)


def save_and_materialise(ds: lakebed.Dataset) -> str:
    """Save the view, fetch its images into chunk files made for streaming, and see that later edits do not touch it."""
    view = ds.query(DRIVING_QUERY)
    path = view.save_view(message="Driving scenes")
    print(f"view {view.id}: {len(view)} rows of commit {ds.commit_id}, saved at {path}")

    started = time.perf_counter()
    materialised = ds.load_view(view.id, optimize=True, num_workers=4)
    rate("materialise", len(materialised), started, f"{[entry.id for entry in ds.get_views()]}")

    rows = list(view.sample_indices)
    ds.pop(rows[0])
    ds.commit("Deleted a row of the saved view, to show that the view keeps it")
    if list(ds.load_view(view.id).sample_indices) != rows:
        raise SystemExit("the saved view has changed")
    print(f"{len(rows)} rows are in the view still, {len(ds.query(DRIVING_QUERY))} match the query now")
    return str(view.id)


def check_classes(ds: lakebed.Dataset, ds_view: lakebed.View) -> list[int]:
    """The values that stand for the classes of interest in the labels."""
    inds_of_interest = [ds.categories.info.class_names.index(item) for item in CLASSES_OF_INTEREST]
    if inds_of_interest != [ds_view.categories.info.class_names.index(item) for item in CLASSES_OF_INTEREST]:
        raise SystemExit("dataset and view number the classes differently")
    print(dict(zip(CLASSES_OF_INTEREST, inds_of_interest, strict=True)))
    return inds_of_interest


# ---- Training --------------------------------------------------------------------------------------------------------

# Augmentation pipeline using Albumentations; label_fields are cut together with the boxes.
tform_train = A.Compose(
    [
        A.RandomSizedBBoxSafeCrop(width=WIDTH, height=HEIGHT, erosion_rate=0.2),
        A.Rotate(limit=20, p=0.5),
        A.RandomBrightnessContrast(brightness_limit=0.1, contrast_limit=0.1, p=0.5),
        A.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        ToTensorV2(),
    ],
    bbox_params=A.BboxParams(
        format="pascal_voc",
        label_fields=["class_labels", "bbox_ids"],
        min_area=16,
        min_visibility=0.6,
        # The model refuses a box that is thinner than a pixel once it is rounded.
        min_width=1,
        min_height=1,
    ),
)


def transform_train(sample_in: Sample, inds_of_interest: Sequence[int]) -> tuple[torch.Tensor, Target]:
    """A sample of the dataset as the model takes it. Runs in the loader's worker processes."""
    # Convert any grayscale images to RGB
    image = sample_in["images"]
    shape = image.shape
    if shape[2] == 1:
        image = np.repeat(image, 3, axis=2)

    # Convert boxes to Pascal VOC format
    boxes = coco_2_pascal(sample_in["boxes"], shape)

    # Filter only the labels that we care about for this training run
    labels_all = sample_in["categories"]
    indices = [index for index, label in enumerate(labels_all) if label in inds_of_interest]
    # The model keeps 0 for the background
    labels_remapped = [1 + inds_of_interest.index(label) for label in labels_all[indices]]
    boxes_filtered = boxes[indices, :]

    transformed = tform_train(
        image=image,
        bboxes=boxes_filtered,
        bbox_ids=np.arange(boxes_filtered.shape[0]),
        class_labels=labels_remapped,
    )

    # Albumentations gives labels back as floats
    labels_torch = torch.tensor(np.asarray(transformed["class_labels"]), dtype=torch.int64)
    boxes_torch = torch.tensor(np.asarray(transformed["bboxes"]), dtype=torch.float32).reshape(-1, 4)
    return transformed["image"], {"labels": labels_torch, "boxes": boxes_torch}


def coco_2_pascal(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Left, top, width, height to left, top, right, bottom, inside the image and at least a pixel wide and high."""
    left = np.clip(boxes[:, 0], 0, shape[1] - 1)
    top = np.clip(boxes[:, 1], 0, shape[0] - 1)
    right = np.clip(boxes[:, 0] + boxes[:, 2], left + 1, shape[1])
    bottom = np.clip(boxes[:, 1] + boxes[:, 3], top + 1, shape[0])
    return np.stack((left, top, right, bottom), axis=1)


def collate_fn(batch: Sequence[tuple[torch.Tensor, Target]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(zip(*batch, strict=True))


def get_model_object_detection(num_classes: int, name: str, pretrained: bool) -> torch.nn.Module:
    """Faster R-CNN with a fresh head. ResNet-50 is the playbook's; MobileNet is many times faster on a CPU."""
    detection = torchvision.models.detection
    make: Callable[..., Any] = {
        "mobilenet": detection.fasterrcnn_mobilenet_v3_large_320_fpn,
        "resnet50": detection.fasterrcnn_resnet50_fpn,
    }[name]
    # Our images are 128 pixels wide: the model's own resizing to 320 or 800 would only cost time.
    sizes = {"min_size": HEIGHT, "max_size": 2 * WIDTH}
    weights = {"weights": "DEFAULT"} if pretrained else {"weights": None, "weights_backbone": None}
    try:
        model: torch.nn.Module = make(**weights, **sizes)
    except OSError as error:  # urllib's errors are of this kind too
        raise SystemExit(
            f"the pretrained weights could not be downloaded: {error}\n"
            "Leave --pretrained out to start from random weights; or put the file of this model, "
            f"from download.pytorch.org, into {torch.hub.get_dir()}/checkpoints and run this again."
        ) from error
    heads: Any = model.roi_heads
    heads.box_predictor = FastRCNNPredictor(heads.box_predictor.cls_score.in_features, num_classes)
    return model


def train(
    ds_view: lakebed.View, inds_of_interest: list[int], model: torch.nn.Module, options: argparse.Namespace
) -> None:
    train_loader = ds_view.pytorch(
        num_workers=options.num_workers,
        shuffle=True,
        transform=partial(transform_train, inds_of_interest=inds_of_interest),
        tensors=["images", "categories", "boxes"],
        batch_size=options.batch_size,
        collate_fn=collate_fn,
    )
    device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
    model = model.to(device)
    print(f"{type(model).__name__} ({options.model}) on {device}, {len(train_loader)} batches an epoch")

    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(params, lr=0.005, momentum=0.9, weight_decay=0.0005)
    lr_scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)

    steps_left = options.steps
    for epoch in range(options.epochs):
        print(f"------------------ Training Epoch {epoch + 1} ------------------")
        steps_left -= train_one_epoch(model, optimizer, itertools.islice(train_loader, steps_left), device)
        lr_scheduler.step()
        if not steps_left:
            break
    print("Finished Training")


def train_one_epoch(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[Any], device: torch.device
) -> int:
    """Train on every batch, print the loss of each step, and return how many steps that were."""
    model.train()
    started, seen, steps = time.perf_counter(), 0, 0
    for steps, (images, targets) in enumerate(batches, start=1):
        seen += len(images)
        loss_dict = model(
            [image.to(device) for image in images],
            [{name: value.to(device) for name, value in target.items()} for target in targets],
        )
        losses = sum(loss_dict.values())
        loss_value = losses.item()
        if not math.isfinite(loss_value):
            raise SystemExit(f"Loss is {loss_value}, stopping training: {loss_dict}")

        optimizer.zero_grad()
        losses.backward()
        optimizer.step()
        print(f"[{steps:5d}] loss: {loss_value:.3f}, images/s: {seen / (time.perf_counter() - started):.2f}")
    return steps


# ---- The command line ------------------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coco", type=Path, default=SAMPLE, metavar="DIR", help="a COCO folder (default: the sample)")
    parser.add_argument("--out", type=Path, default=Path("out/playbook"), metavar="DIR", help="where to write")
    parser.add_argument("--model", choices=["mobilenet", "resnet50"], default="mobilenet")
    parser.add_argument("--pretrained", action="store_true", help="download COCO weights (needs the network)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1_000_000, help="stop after so many steps (default: no limit)")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--num-workers", type=int, default=2)
    options = parser.parse_args()
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def step(title: str) -> None:
    print(f"\n== {title}", flush=True)


def rate(what: str, rows: int, started: float, note: str) -> None:
    seconds = time.perf_counter() - started
    print(f"{what}: {rows} rows in {seconds:.2f} s, {rows / seconds:,.0f} rows/s ({note})")


if __name__ == "__main__":
    main()
