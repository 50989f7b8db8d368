"""Materialising linked photos beside copying the files and beside a plain concurrent read of them."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import xxhash
from lakebed.loader import Index, MaterialisedView, MaterialiseOptions, materialise
from lakebed.storage.stores import open_store
from loader_data import FolderSource, Photos


def compare_materialise(photos: Photos, rounds: int) -> None:
    """Prints images per second, MB/s and CPU milliseconds per image of each way."""
    ways: dict[str, Callable[[Path], object]] = {
        "cp": lambda target: _copy(photos, target),
        "read by 4 threads + write one file": lambda target: _concurrent(photos, target),
        "**lakebed, 0 threads**": lambda target: _materialise(photos, target, 0),
        "**lakebed, 4 threads**": lambda target: _materialise(photos, target, 4),
    }
    best = {name: (float("inf"), float("inf")) for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            with tempfile.TemporaryDirectory(dir=photos.folder.parent) as folder:
                wall, cpu = time.perf_counter(), time.process_time()
                run(Path(folder))
                spent = time.perf_counter() - wall, time.process_time() - cpu
                best[name] = (min(best[name][0], spent[0]), min(best[name][1], spent[1]))
    print(f"\n## Materialise {photos.count} linked photos\n")
    print("| way | images/s | MB/s | CPU ms/image |\n|---|---|---|---|")
    for name, (wall, cpu) in best.items():
        megabytes = photos.count * photos.mean_bytes / 1e6
        print(f"| {name} | {photos.count / wall:.0f} | {megabytes / wall:.0f} | {1e3 * cpu / photos.count:.2f} |")
    _check(photos)


def _copy(photos: Photos, target: Path) -> None:
    shutil.copytree(photos.folder, target / "photos")


def _concurrent(photos: Photos, target: Path) -> None:
    """What a careful script would do without looking at the images."""
    with ThreadPoolExecutor(4) as pool, open(target / "all.bin", "wb") as out:
        for data in pool.map(lambda i: photos.path(i).read_bytes(), range(photos.count)):
            xxhash.xxh3_64_intdigest(data)
            out.write(data)


def _materialise(photos: Photos, target: Path, workers: int) -> Index:
    store = open_store(target / "store", create=True)
    return materialise(FolderSource(photos), store, "views/bench", MaterialiseOptions(num_workers=workers))


def _check(photos: Photos) -> None:
    """The bytes are those of the files."""
    with tempfile.TemporaryDirectory(dir=photos.folder.parent) as folder:
        index = _materialise(photos, Path(folder), 4)
        view = MaterialisedView(open_store(Path(folder) / "store"), "views/bench", index.key)
        cells = view.cells("images", np.arange(photos.count))[""]
        same = sum(cell.as_buffer().to_pybytes() == data for cell, data in zip(cells, photos.bytes, strict=True))
    print(f"\n{same} of {photos.count} images are byte for byte those of the files.")
