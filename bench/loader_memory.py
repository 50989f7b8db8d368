"""Memory over epochs, with workers and without."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

from lakebed.loader import make_loader
from loader_data import Photos

EPOCHS = 3
_TARGET = 10_000


def compare_memory(photos: Photos) -> None:
    """Prints the peak of anonymous memory in each epoch of about 10,000 images, and what is left at the end."""
    view = photos.view()
    repeats = max(1, _TARGET // photos.count)
    print(f"\n## Memory over {EPOCHS} epochs of {repeats * photos.count} images\n")
    print("| workers | peak MB of each epoch | threads left | files left |\n|---|---|---|---|")
    for workers in (0, 2):
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        loader = make_loader(
            view, tensors=["images"], batch_size=16, num_workers=workers, shuffle=True, resize=(224, 224)
        )
        peaks = []
        for _ in range(EPOCHS):
            peak = 0.0
            for _ in range(repeats):
                for _ in loader:
                    peak = max(peak, _anonymous())
            peaks.append(peak)
        del loader
        gc.collect()
        left = threading.active_count() - threads, len(os.listdir("/proc/self/fd")) - files
        print(f"| {workers} | {', '.join(f'{peak:.0f}' for peak in peaks)} | {left[0]} | {left[1]} |")


def _anonymous() -> float:
    """Megabytes of memory of this process that are not mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))) / 1024
