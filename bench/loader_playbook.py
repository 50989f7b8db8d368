"""The playbook's augmentation and transform, and the same over a folder of JPEGs."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
import simplejpeg
import torch
from loader_data import Photos

_WANTED = [2, 7, 5, 3, 1, 9, 11]


@cache
def pipeline() -> Any:
    import albumentations as A  # as its documentation has it
    from albumentations.pytorch import ToTensorV2

    return A.Compose(
        [
            A.RandomSizedBBoxSafeCrop(width=128, height=128, erosion_rate=0.2),
            A.Rotate(limit=20, p=0.5),
            A.RandomBrightnessContrast(brightness_limit=0.1, contrast_limit=0.1, p=0.5),
            A.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
            ToTensorV2(),
        ],
        bbox_params=A.BboxParams(
            format="pascal_voc", label_fields=["class_labels", "bbox_ids"], min_area=16, min_visibility=0.6
        ),
    )


def transform_train(sample: dict[str, Any]) -> tuple[Any, dict[str, torch.Tensor]]:
    """The playbook's function."""
    image = sample["images"]
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    boxes = coco_to_pascal(sample["boxes"], image.shape)
    labels = sample["categories"]
    indices = [i for i, label in enumerate(labels) if label in _WANTED]
    remapped = [_WANTED.index(label) for label in labels[indices]]
    boxes = boxes[indices, :]
    done = pipeline()(image=image, bboxes=boxes, bbox_ids=np.arange(boxes.shape[0]), class_labels=remapped)
    found = torch.zeros((len(done["bboxes"]), 4), dtype=torch.int64)
    for i, box in enumerate(done["bboxes"]):
        found[i, :] = torch.tensor(np.round(box))
    return done["image"], {"labels": torch.tensor(done["class_labels"], dtype=torch.int64), "boxes": found}


def coco_to_pascal(boxes: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Corners instead of sizes, clipped to the image."""
    left, top = np.clip(boxes[:, 0], 0, None), np.clip(boxes[:, 1], 0, None)
    right = np.clip(boxes[:, 0] + np.clip(boxes[:, 2], 1, None), 0, shape[1])
    bottom = np.clip(boxes[:, 1] + np.clip(boxes[:, 3], 1, None), 0, shape[0])
    return np.stack((left, top, right, bottom), axis=1)


def as_tuples(batch: list[Any]) -> tuple[Any, ...]:
    return tuple(zip(*batch, strict=True))


class PlaybookFolder(torch.utils.data.Dataset[Any]):
    """The same transform over files."""

    def __init__(self, photos: Photos) -> None:
        self.paths = [str(photos.path(i)) for i in range(photos.count)]
        self.boxes, self.labels = photos.boxes, photos.labels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Any:
        with open(self.paths[number], "rb") as file:
            image = simplejpeg.decode_jpeg(file.read())
        return transform_train({"images": image, "boxes": self.boxes[number], "categories": self.labels[number]})
