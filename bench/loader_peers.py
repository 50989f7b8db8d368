"""Other loaders on the same photos; each is left out where its package is not installed."""

from __future__ import annotations

import io
import multiprocessing
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from loader_cases import decode
from loader_data import Photos

Make = Callable[[Photos, int, int], Iterable[Any]]


def PEERS() -> Iterator[tuple[str, Make]]:  # reads as the table it is
    """Those that can be imported."""
    for name, package, make in (
        ("webdataset", "webdataset", webdataset),
        ("litdata", "litdata", litdata),
        ("mosaicml-streaming", "streaming", streaming),
    ):
        try:
            __import__(package)
        except ImportError:
            continue
        yield name, make


def tensor_of(data: bytes) -> torch.Tensor:
    return torch.from_numpy(decode(data, None))


def webdataset(photos: Photos, workers: int, batch: int) -> Iterable[Any]:
    """Tar shards of 64 photos, a shuffle buffer of 1000."""
    import webdataset as wds

    folder = photos.folder.parent / f"wds-{photos.count}"
    shards = sorted(folder.glob("*.tar")) or _write_tars(photos, folder)
    pipeline = wds.WebDataset([str(s) for s in shards], shardshuffle=100, nodesplitter=wds.split_by_node).shuffle(1000)
    pipeline = pipeline.to_tuple("jpg").map_tuple(tensor_of).batched(batch, collation_fn=_stack)
    return torch.utils.data.DataLoader(pipeline, batch_size=None, num_workers=workers)


def _stack(samples: list[tuple[torch.Tensor]]) -> torch.Tensor:
    return torch.stack([sample[0] for sample in samples])


def _write_tars(photos: Photos, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for start in range(0, photos.count, 64):
        shards.append(folder / f"{start:06d}.tar")
        with tarfile.open(shards[-1], "w") as tar:
            for number in range(start, min(photos.count, start + 64)):
                member = tarfile.TarInfo(f"{number:06d}.jpg")
                member.size = len(photos.bytes[number])
                tar.addfile(member, io.BytesIO(photos.bytes[number]))
    return shards


def litdata(photos: Photos, workers: int, batch: int) -> Iterable[Any]:
    """Chunks of 32 MB."""
    os.environ["LITDATA_DISABLE_VERSION_CHECK"] = "1"
    from litdata import StreamingDataLoader, StreamingDataset, optimize

    folder = photos.folder.parent / f"litdata-{photos.count}"
    if not folder.exists():
        optimize(
            fn=_read, inputs=[str(photos.path(i)) for i in range(photos.count)], output_dir=str(folder),
            chunk_bytes="32MB", num_workers=1, verbose=False,
        )  # fmt: skip

    # It switches the whole program to spawn, which would make everybody's workers start slowly.
    multiprocessing.set_start_method("fork", force=True)

    class Decoded(StreamingDataset):  # type: ignore[misc]  # no types
        def __getitem__(self, index: Any) -> torch.Tensor:
            return tensor_of(super().__getitem__(index)["image"])

    return StreamingDataLoader(Decoded(str(folder), shuffle=True, seed=0), batch_size=batch, num_workers=workers)  # type: ignore[no-any-return]


def _read(path: str) -> dict[str, bytes]:
    return {"image": Path(path).read_bytes()}


def streaming(photos: Photos, workers: int, batch: int) -> Iterable[Any]:
    """MDS shards of 32 MB."""
    from streaming import MDSWriter, StreamingDataset

    folder = photos.folder.parent / f"mds-{photos.count}"
    if not folder.exists():
        with MDSWriter(out=str(folder), columns={"image": "bytes"}, size_limit=1 << 25) as out:
            for data in photos.bytes:
                out.write({"image": data})

    class Decoded(StreamingDataset):  # type: ignore[misc]  # no types
        def __getitem__(self, index: Any) -> torch.Tensor:
            return tensor_of(super().__getitem__(index)["image"])

    dataset = Decoded(local=str(folder), shuffle=True, batch_size=batch)
    return torch.utils.data.DataLoader(dataset, batch_size=batch, num_workers=workers)
