"""One epoch of one loader, in an environment of its own: prints what it cost as JSON.

    PYTHON bench/loader_elsewhere.py deeplake4 FOLDER COUNT WORKERS BATCH [shuffle]

FOLDER holds the photos; what the loader makes of them lies beside it and is kept. But for the entry `lakebed` nothing
of this project is imported, whose pinned packages the peers do not agree with. `bare` is the decode loop of this
environment, timed in the same process; `start` is what torch spends on starting and ending so many workers that do
nothing. `bench/loader_all.py` runs all of them in turn.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import multiprocessing
import os
import resource
import sys
import tarfile
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


def lakebed(folder: Path, count: int, workers: int, batch: int, shuffle: bool) -> Iterable[Any]:
    """Our own, over a materialised view."""
    import lakebed as ours

    path = folder.parent / f"lakebed-{count}"
    if not path.exists():
        ds = ours.empty(str(path))
        with ds:
            ds.create_tensor("images", htype="link[image]", sample_compression="jpg")
            ds.extend({"images": [ours.link(str(file)) for file in files(folder, count)]})
        ds.commit("photos")
        ds[:].save_view(id="all", optimize=True)
    view = ours.load(str(path), read_only=True).load_view("all")
    return view.pytorch(num_workers=workers, batch_size=batch, shuffle=shuffle, return_index=False)


class Folder(torch.utils.data.Dataset[torch.Tensor]):
    """An ImageFolder whose loader is simplejpeg."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = [str(path) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        with open(self.paths[number], "rb") as file:
            return torch.from_numpy(simplejpeg.decode_jpeg(file.read()))


def imagefolder(folder: Path, count: int, workers: int, batch: int, shuffle: bool) -> Iterable[Any]:
    """The files themselves."""
    data = Folder(files(folder, count))
    return torch.utils.data.DataLoader(data, batch_size=batch, num_workers=workers, shuffle=shuffle)


def webdataset(folder: Path, count: int, workers: int, batch: int, shuffle: bool) -> Iterable[Any]:
    """Tar shards of 64 photos, a shuffle buffer of 1000."""
    import webdataset as wds

    target = folder.parent / f"tar-{count}"
    if not target.exists():
        target.mkdir()
        for start in range(0, count, 64):
            with tarfile.open(target / f"{start:06d}.tar", "w") as tar:
                for path in files(folder, count)[start : start + 64]:
                    tar.add(path, path.name)
    shards = [str(path) for path in sorted(target.glob("*.tar"))]
    pipeline = wds.WebDataset(shards, shardshuffle=100 if shuffle else False, nodesplitter=wds.split_by_node)
    if shuffle:
        pipeline = pipeline.shuffle(1000)
    pipeline = pipeline.to_tuple("jpg").map_tuple(tensor_of).batched(batch, collation_fn=stack_singles)
    return torch.utils.data.DataLoader(pipeline, batch_size=None, num_workers=workers)


def stack_singles(samples: list[tuple[torch.Tensor]]) -> torch.Tensor:
    return torch.stack([sample[0] for sample in samples])


def tensor_of(data: bytes) -> torch.Tensor:
    return torch.from_numpy(simplejpeg.decode_jpeg(data))


def litdata(folder: Path, count: int, workers: int, batch: int, shuffle: bool) -> Iterable[Any]:
    """Chunks of 32 MB."""
    os.environ["LITDATA_DISABLE_VERSION_CHECK"] = "1"
    from litdata import StreamingDataLoader, StreamingDataset, optimize

    target = folder.parent / f"litdata-{count}"
    if not target.exists():
        optimize(
            fn=image_of, inputs=[str(path) for path in files(folder, count)], output_dir=str(target),
            chunk_bytes="32MB", num_workers=1, verbose=False,
        )  # fmt: skip
    # It switches the whole program to spawn, which would make its workers start slowly.
    multiprocessing.set_start_method("fork", force=True)

    class Decoded(StreamingDataset):  # type: ignore[misc]  # no types
        def __getitem__(self, index: Any) -> torch.Tensor:
            return tensor_of(super().__getitem__(index)["image"])

    dataset = Decoded(str(target), shuffle=shuffle, seed=0)
    return StreamingDataLoader(dataset, batch_size=batch, num_workers=workers)  # type: ignore[no-any-return]


def image_of(path: str) -> dict[str, bytes]:
    return {"image": Path(path).read_bytes()}


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


PEERS: dict[str, Make] = {
    "lakebed": lakebed,
    "imagefolder": imagefolder,
    "litdata": litdata,
    "webdataset": webdataset,
    "streaming": streaming,
    "lance": lance,
    "deeplake3": deeplake3,
    "deeplake4": deeplake4,
}


def cpu_of_children() -> float:
    """CPU time of the children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def epoch(make: Callable[[], Iterable[Any]], length: Callable[[Any], int]) -> dict[str, float]:
    """What one epoch costs, its workers included, from the making of the loader to the end of the last worker."""
    gc.collect()
    mine, children = time.process_time(), cpu_of_children()
    wall, first, images = time.perf_counter(), 0.0, 0
    loader = make()
    for batch in loader:
        first = first or time.perf_counter() - wall
        images += length(batch)
    wall = time.perf_counter() - wall
    del loader
    mine = time.process_time() - mine
    gc.collect()  # some loaders end their workers only now; the collection itself is nobody's cost
    spent = mine + cpu_of_children() - children
    return {"images": images, "cpu_ms": 1e3 * spent / images, "wall_ms": 1e3 * wall / images, "first_s": first}


def length_of(batch: Any) -> int:
    return len(batch["images"]) if hasattr(batch, "keys") else len(batch)


class Nothing(torch.utils.data.Dataset[int]):
    """One number for each worker."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __len__(self) -> int:
        return self.workers

    def __getitem__(self, number: int) -> int:
        return number


def start(workers: int) -> float:
    """CPU milliseconds that torch takes to start and end workers, the least of three times."""
    if not workers:
        return 0.0
    loader = partial(torch.utils.data.DataLoader, Nothing(workers), num_workers=workers)
    return min(epoch(loader, len)["cpu_ms"] * workers for _ in range(3))


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
    around = bare(*photos)
    found = epoch(make, length_of)
    around = (around + bare(*photos)) / 2  # before and after, since other programs come and go
    print(json.dumps({**found, "bare_ms": around, "start_ms": start(int(workers))}))


if __name__ == "__main__":
    main()
