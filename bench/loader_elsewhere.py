"""One epoch of another loader, in an environment of its own: prints what it cost as JSON.

    PYTHON bench/loader_elsewhere.py deeplake4 FOLDER COUNT WORKERS BATCH [shuffle]

FOLDER holds the photos; what the peer makes of them lies beside it and is kept. Imports nothing of this project, whose
pinned packages the peers do not agree with. `bare` is the decode loop of this environment, timed in the same process.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import resource
import sys
import time
import types
from collections.abc import Callable, Iterable
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch

Make = Callable[[Path, int, int, int, bool], Iterable[Any]]


def files(folder: Path, count: int) -> list[Path]:
    return [folder / f"{number:06d}.jpg" for number in range(count)]


def streaming(folder: Path, count: int, workers: int, batch: int, shuffle: bool) -> Iterable[Any]:
    """MosaicML Streaming: MDS shards of 32 MB."""
    _without_torchvision()
    from streaming import MDSWriter, StreamingDataLoader, StreamingDataset

    target = folder.parent / f"mds-{count}"
    if not target.exists():
        with MDSWriter(out=str(target), columns={"image": "bytes"}, size_limit=1 << 25) as out:
            for path in files(folder, count):
                out.write({"image": path.read_bytes()})

    class Decoded(StreamingDataset):  # type: ignore[misc]  # no types
        def __getitem__(self, index: Any) -> torch.Tensor:
            return torch.from_numpy(simplejpeg.decode_jpeg(super().__getitem__(index)["image"]))

    dataset = Decoded(local=str(target), shuffle=shuffle, batch_size=batch)
    return StreamingDataLoader(dataset, batch_size=batch, num_workers=workers)  # type: ignore[no-any-return]


def _without_torchvision() -> None:
    """Stand-ins for the vision helpers that it imports and that are not used here."""
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.datasets"):
        module: Any = types.ModuleType(name)
        module.__spec__, module.__path__ = ModuleSpec(name, None, is_package=True), []
        module.to_tensor, module.VisionDataset, module.functional = None, object, None
        sys.modules[name] = module


def lance(folder: Path, count: int, workers: int, batch: int, shuffle: bool) -> Iterable[Any]:
    """Lance's map-style dataset."""
    import lance as lancedb
    import pyarrow as pa
    from lance.torch.data import SafeLanceDataset, get_safe_loader

    target = str(folder.parent / f"lance-{count}")
    if not Path(target).exists():
        data = [path.read_bytes() for path in files(folder, count)]
        lancedb.write_dataset(pa.table({"image": pa.array(data, pa.binary())}), target)
    dataset = SafeLanceDataset(target)
    options: dict[str, Any] = {"batch_size": batch, "shuffle": shuffle, "collate_fn": decode_rows}
    if workers:
        return get_safe_loader(dataset, num_workers=workers, **options)  # type: ignore[no-any-return]
    return torch.utils.data.DataLoader(dataset, **options)


def decode_rows(rows: list[dict[str, bytes]]) -> torch.Tensor:
    return torch.stack([torch.from_numpy(simplejpeg.decode_jpeg(row["image"])) for row in rows])


def deeplake3(folder: Path, count: int, workers: int, batch: int, shuffle: bool) -> Iterable[Any]:
    """Deep Lake 3's open loader; it decodes by itself."""
    import deeplake

    target = str(folder.parent / f"deeplake3-{count}")
    with contextlib.redirect_stdout(io.StringIO()):
        if not Path(target).exists():
            ds = deeplake.empty(target, verbose=False)
            with ds:
                ds.create_tensor("images", htype="image", sample_compression="jpg")
                for path in files(folder, count):
                    ds.append({"images": deeplake.read(str(path))})
        ds = deeplake.load(target, read_only=True, verbose=False)
    options: dict[str, Any] = {"num_workers": workers, "batch_size": batch, "shuffle": shuffle, "buffer_size": 256}
    return ds.pytorch(tensors=["images"], transform=images_of, return_index=False, **options)  # type: ignore[no-any-return]


def deeplake4(folder: Path, count: int, workers: int, batch: int, shuffle: bool) -> Iterable[Any]:
    """Deep Lake 4's dataset in torch's loader; it decodes by itself."""
    import deeplake

    target = folder.parent / f"deeplake4-{count}"
    if not target.exists():
        made = deeplake.create(f"file://{target}")
        made.add_column("images", deeplake.types.Image(sample_compression="jpeg"))
        for start in range(0, count, 256):
            made.append({"images": [path.read_bytes() for path in files(folder, count)[start : start + 256]]})
        made.commit("photos")
    dataset = deeplake.open_read_only(f"file://{target}").pytorch(transform=images_of)
    return torch.utils.data.DataLoader(
        dataset, batch_size=batch, num_workers=workers, shuffle=shuffle, collate_fn=stack_arrays
    )


def images_of(sample: Any) -> Any:
    return np.asarray(sample["images"])


def stack_arrays(samples: list[Any]) -> torch.Tensor:
    return torch.from_numpy(np.stack(samples))


PEERS: dict[str, Make] = {"streaming": streaming, "lance": lance, "deeplake3": deeplake3, "deeplake4": deeplake4}


def cpu_seconds() -> float:
    """CPU time of this process and of the children that have ended."""
    mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime


def epoch(make: Callable[[], Iterable[Any]]) -> dict[str, float]:
    """What one epoch costs, its workers included."""
    loader = make()
    cpu, wall, first, images = cpu_seconds(), time.perf_counter(), 0.0, 0
    for batch in loader:
        first = first or time.perf_counter() - wall
        images += len(batch)
    wall = time.perf_counter() - wall
    del loader
    gc.collect()
    spent = cpu_seconds() - cpu
    return {"images": images, "cpu_ms": 1e3 * spent / images, "wall_ms": 1e3 * wall / images, "first_s": first}


def bare(folder: Path, count: int) -> float:
    """CPU milliseconds of decoding alone."""
    data = [path.read_bytes() for path in files(folder, count)]
    cpu = time.process_time()
    for item in data:
        simplejpeg.decode_jpeg(item)
    return 1e3 * (time.process_time() - cpu) / count


def main() -> None:
    name, folder, count, workers, batch, *rest = sys.argv[1:]
    torch.set_num_threads(1)
    photos = Path(folder), int(count)
    make = partial(PEERS[name], *photos, int(workers), int(batch), "shuffle" in rest)
    make()  # writes the data set where it is missing
    print(json.dumps({**epoch(make), "bare_ms": bare(*photos)}))


if __name__ == "__main__":
    main()
