"""Materialising linked photos beside copying the files and beside a plain concurrent read of them."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import simplejpeg
import xxhash
from loader_data import Photos

import lakebed


def compare_materialise(photos: Photos, rounds: int) -> None:
    """Prints images per second, MB/s and CPU milliseconds per image of each way."""
    with tempfile.TemporaryDirectory(dir=photos.folder.parent) as folder:
        _compare(photos, _dataset(photos, Path(folder)), rounds)


def _compare(photos: Photos, ds: Any, rounds: int) -> None:
    ways: dict[str, Callable[[Path], object]] = {
        "cp": lambda target: _copy(photos, target),
        "read by 4 threads, hashed, one file written": lambda target: _concurrent(photos, target, proof=False),
        "the same, decoded as a proof": lambda target: _concurrent(photos, target, proof=True),
        "**lakebed, num_workers=0**": lambda target: _materialise(ds, 0),
        "**lakebed, num_workers=4**": lambda target: _materialise(ds, 4),
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
    print("| way | images/s | MB/s | CPU ms/image | to read and proof: CPU | wall |\n|---|--:|--:|--:|--:|--:|")
    bare = best["the same, decoded as a proof"]
    for name, (wall, cpu) in best.items():
        megabytes = photos.count * photos.mean_bytes / 1e6
        ratios = f"{cpu / bare[1]:.2f} | {wall / bare[0]:.2f}"
        rates = f"{photos.count / wall:.0f} | {megabytes / wall:.0f} | {1e3 * cpu / photos.count:.2f}"
        print(f"| {name} | {rates} | {ratios} |")
    view = _materialise(ds, 4)
    same = sum(view.images[n].tobytes() == photos.bytes[n] for n in range(photos.count))
    print(f"\n{same} of {photos.count} images are byte for byte those of the files.")


def _copy(photos: Photos, target: Path) -> None:
    shutil.copytree(photos.folder, target / "photos")


def _concurrent(photos: Photos, target: Path, proof: bool) -> None:
    """What a careful script would do."""

    def one(number: int) -> bytes:
        data = photos.path(number).read_bytes()
        xxhash.xxh3_64_intdigest(data)
        if proof:  # every bit is read, at an eighth of the size
            simplejpeg.decode_jpeg(data, min_height=1, min_width=1, min_factor=2)
        return data

    with ThreadPoolExecutor(4) as pool, open(target / "all.bin", "wb") as out:
        out.writelines(pool.map(one, range(photos.count)))


def _dataset(photos: Photos, folder: Path) -> Any:
    ds = lakebed.empty(str(folder / "data"))
    with ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="jpg")
        ds.extend({"images": [lakebed.link(str(photos.path(n))) for n in range(photos.count)]})
    ds.commit("photos")
    return ds


def _materialise(ds: Any, workers: int) -> Any:
    """A view of all rows, saved and copied."""
    id = f"view{len(ds.get_views())}"
    ds[:].save_view(id=id)
    return ds.load_view(id, optimize=True, num_workers=workers, progressbar=False)
