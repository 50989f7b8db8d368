"""Loader beside a bare decode loop and a folder of JPEGs: CPU-milliseconds per image, on the same bytes, in one run.

    python bench/loader.py                      # everything, about five minutes
    python bench/loader.py decode resize        # chosen sections
    python bench/loader.py --images 2000 --data /big/disk

Sections: decode, resize, small (from a short_side=256 view), playbook, first, materialise, memory. Wall time on shared
machines is not stable, so CPU time of the process and its workers is what counts; each figure is the least of several
rounds taken in turn. Other loaders (webdataset, litdata, streaming) take part where they are installed.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from loader_cases import BATCH, Case, folder_case, lakebed_cases, peer_cases, playbook_cases
from loader_data import Photos, make_photos


@dataclass(slots=True)
class Figure:
    """The least of some rounds."""

    cpu_ms: float = float("inf")
    wall_ms: float = float("inf")
    first_s: float = float("inf")


def cpu_of_children() -> float:
    """CPU time of the children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def measure(make: Callable[[], Iterable[Any]], count: Callable[[Any], int], figure: Figure) -> int:
    """One epoch; workers are joined before the clock is read."""
    gc.collect()
    loader = make()
    mine, children, wall = time.process_time(), cpu_of_children(), time.perf_counter()
    images = 0
    for batch in loader:
        if images == 0:
            figure.first_s = min(figure.first_s, time.perf_counter() - wall)
        images += count(batch)
    wall = time.perf_counter() - wall
    del loader
    mine = time.process_time() - mine
    gc.collect()  # some loaders end their workers only now; the collection itself is nobody's cost
    figure.cpu_ms = min(figure.cpu_ms, 1e3 * (mine + cpu_of_children() - children) / images)
    figure.wall_ms = min(figure.wall_ms, 1e3 * wall / images)
    return images


def compare(title: str, cases: list[Case], rounds: int) -> dict[str, Figure]:
    """All cases in turn, several times; prints a table with ratios to the first case."""
    figures = {case.name: Figure() for case in cases}
    for _ in range(rounds):
        for case in cases:
            measure(case.make, case.count, figures[case.name])
    print(f"\n## {title}\n\n| case | CPU ms/image | to bare | wall ms/image | first batch s |\n|---|---|---|---|---|")
    bare = figures[cases[0].name].cpu_ms
    for name, figure in figures.items():
        ratio = figure.cpu_ms / bare
        print(f"| {name} | {figure.cpu_ms:.2f} | {ratio:.2f} | {figure.wall_ms:.2f} | {figure.first_s:.3f} |")
    sys.stdout.flush()
    return figures


def bare_decode(photos: Photos) -> Case:
    """simplejpeg over bytes in memory, nothing else."""

    def run() -> Iterable[int]:
        for data in photos.bytes:
            simplejpeg.decode_jpeg(data)
            yield 1

    return Case("bare simplejpeg loop", run, int)


def bare_resize(photos: Photos, name: str = "bare decode at 1/2 + cv2.resize") -> Case:
    """simplejpeg at half size and OpenCV, nothing else."""
    import cv2

    cv2.setNumThreads(1)

    def run() -> Iterable[int]:
        out = np.empty((224, 224, 3), np.uint8)
        for data in photos.bytes:
            cv2.resize(simplejpeg.decode_jpeg(data, min_height=224, min_width=224, min_factor=2), (224, 224), dst=out)
            yield 1

    return Case(name, run, int)


def section_decode(photos: Photos, rounds: int) -> None:
    cases = [bare_decode(photos)]
    for workers in (0, 1, 2):
        cases.append(folder_case(photos, workers, shuffle=True))
        cases += lakebed_cases(photos, workers, shuffles=(True, False))
        cases += peer_cases(photos, workers)
    compare(f"Decode to uint8 480x640, batch {BATCH}", cases, rounds)


def section_resize(photos: Photos, rounds: int) -> None:
    cases = [bare_resize(photos)]
    for workers in (0, 2):
        cases.append(folder_case(photos, workers, shuffle=True, resize=(224, 224)))
        cases += lakebed_cases(photos, workers, shuffles=(True,), resize=(224, 224))
    compare(f"Decode and resize to 224x224, batch {BATCH}", cases, rounds)


def section_small(photos: Photos, rounds: int) -> None:
    cases = [bare_resize(photos)]
    for workers in (0, 2):
        cases += lakebed_cases(photos, workers, shuffles=(True,), resize=(224, 224), policy="jpeg256")
    compare("From a jpeg(short_side=256) view to 224x224", cases, rounds)


def section_playbook(photos: Photos, rounds: int) -> None:
    compare("The playbook's transform (albumentations), batch 16", playbook_cases(photos), rounds)


def section_first(photos: Photos, rounds: int) -> None:
    cases = [bare_decode(photos)]
    for workers in (0, 2):
        cases += [case.only_first() for case in lakebed_cases(photos, workers, shuffles=(True,))]
        cases.append(folder_case(photos, workers, shuffle=True).only_first())
    compare("First batch", cases, max(5, rounds))


def section_materialise(photos: Photos, rounds: int) -> None:
    from loader_materialise import compare_materialise

    compare_materialise(photos, rounds)


def section_memory(photos: Photos, rounds: int) -> None:
    from loader_memory import compare_memory

    compare_memory(photos)


SECTIONS: dict[str, Callable[[Photos, int], None]] = {
    "decode": section_decode,
    "resize": section_resize,
    "small": section_small,
    "first": section_first,
    "playbook": section_playbook,
    "materialise": section_materialise,
    "memory": section_memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=list(SECTIONS))
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default=os.path.join(tempfile.gettempdir(), "lakebed-bench"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    photos = make_photos(Path(chosen.data), chosen.images)
    print(json.dumps({"images": chosen.images, "mean_kb": round(photos.mean_bytes / 1e3, 1), "cpus": os.cpu_count()}))
    for name in chosen.sections:
        SECTIONS[name](photos, chosen.rounds)


if __name__ == "__main__":
    main()
