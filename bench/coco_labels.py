"""Label-only rows with the statistics of COCO train2017: how many annotations an image has, and of which classes.

118,287 images, 860,001 annotations; 1,021 images have none. The same seed gives the same rows everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS = 118_287
WITHOUT_ANNOTATIONS = 1_021

# Annotations of each class in train2017, in the order of the category ids.
INSTANCES = {
    "person": 262465, "bicycle": 7113, "car": 43867, "motorcycle": 8725, "airplane": 5135, "bus": 6069,
    "train": 4571, "truck": 9973, "boat": 10759, "traffic light": 12884, "fire hydrant": 1865,
    "stop sign": 1983, "parking meter": 1285, "bench": 9838, "bird": 10806, "cat": 4768, "dog": 5508,
    "horse": 6587, "sheep": 9509, "cow": 8147, "elephant": 5513, "bear": 1294, "zebra": 5303, "giraffe": 5131,
    "backpack": 8720, "umbrella": 11431, "handbag": 12354, "tie": 6496, "suitcase": 6192, "frisbee": 2682,
    "skis": 6646, "snowboard": 2685, "sports ball": 6347, "kite": 9076, "baseball bat": 3276,
    "baseball glove": 3747, "skateboard": 5543, "surfboard": 6126, "tennis racket": 4812, "bottle": 24342,
    "wine glass": 7913, "cup": 20650, "fork": 5479, "knife": 7770, "spoon": 6165, "bowl": 14358, "banana": 9458,
    "apple": 5851, "sandwich": 4373, "orange": 6399, "broccoli": 7308, "carrot": 7852, "hot dog": 2918,
    "pizza": 5821, "donut": 7179, "cake": 6353, "chair": 38491, "couch": 5779, "potted plant": 8652,
    "bed": 4192, "dining table": 15714, "toilet": 4157, "tv": 5805, "laptop": 4970, "mouse": 2262,
    "remote": 5703, "keyboard": 2855, "cell phone": 6434, "microwave": 1673, "oven": 3334, "toaster": 225,
    "sink": 5610, "refrigerator": 2637, "book": 24715, "clock": 6334, "vase": 6613, "scissors": 1481,
    "teddy bear": 4793, "hair drier": 198, "toothbrush": 1954,
}  # fmt: skip
CLASS_NAMES = list(INSTANCES)

# An image repeats a class about two and a half times: people come in groups, books in shelves.
REPEATS = 2.5


@dataclass(frozen=True, slots=True)
class Labels:
    """Annotations of many images, one after the other.

    Attributes:
        starts: int64 (rows + 1,); image i owns the annotations starts[i] to starts[i + 1].
        classes: uint32 (annotations,), indices into CLASS_NAMES.
        boxes: float32 (annotations, 4), left, top, width, height in pixels of a 640 x 480 image.
    """

    starts: np.ndarray[Any, np.dtype[np.int64]]
    classes: np.ndarray[Any, np.dtype[np.uint32]]
    boxes: np.ndarray[Any, np.dtype[np.float32]]

    def rows(self, size: int, *, names: bool = False) -> Iterator[dict[str, list[Any]]]:
        """Batches as `extend` takes them: boxes and class indices, or names, of up to `size` images."""
        count = len(self.starts) - 1
        for begin in range(0, count, size):
            spans = [slice(self.starts[n], self.starts[n + 1]) for n in range(begin, min(begin + size, count))]
            yield {
                "boxes": [self.boxes[span] for span in spans],
                "categories": [self._labels(span, names) for span in spans],
            }

    def _labels(self, span: slice, names: bool) -> Any:
        return [CLASS_NAMES[index] for index in self.classes[span]] if names else self.classes[span]


def generate(rows: int = ROWS, seed: int = 2017) -> Labels:
    """Labels for `rows` images, with COCO's number of annotations an image and its class frequencies."""
    rng = np.random.default_rng(seed)
    runs_per_image = _runs_per_image(rng, rows)
    weights = np.array(list(INSTANCES.values()), dtype=np.float64)
    run_class = rng.choice(len(CLASS_NAMES), size=int(runs_per_image.sum()), p=weights / weights.sum())
    run_length = rng.geometric(1 / REPEATS, size=run_class.size)
    run_starts = np.concatenate([[0], np.cumsum(runs_per_image)])
    annotation_ends = np.concatenate([[0], np.cumsum(run_length)])
    classes = np.repeat(run_class, run_length).astype(np.uint32)
    # Most are small and some fill the picture: one box in twenty is wider than 300 pixels.
    extent = np.minimum(rng.exponential((100, 90), (classes.size, 2)) + 4, (640, 480))
    corner = rng.uniform(0, 1, (classes.size, 2)) * ((640, 480) - extent)
    boxes = np.hstack([corner, extent]).astype(np.float32)
    return Labels(annotation_ends[run_starts].astype(np.int64), classes, boxes)


def _runs_per_image(rng: np.random.Generator, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    empty = round(rows * WITHOUT_ANNOTATIONS / ROWS)
    mean = sum(INSTANCES.values()) / REPEATS / (ROWS - WITHOUT_ANNOTATIONS)
    runs = rng.geometric(1 / mean, size=rows)
    runs[rng.choice(rows, size=empty, replace=False)] = 0
    return runs.astype(np.int64)
