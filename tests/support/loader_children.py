"""What loader tests run in processes of their own, to kill them, to race them, and to train with them."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lakebed.loader import MaterialisedView, MaterialiseOptions, materialise
from lakebed.storage.stores import open_store
from lakebed.storage.stores.local import LocalStore

from loader_source import MemorySource, spec

ROWS = 160
OPTIONS = MaterialiseOptions(chunk_bytes=1 << 20, num_workers=1)


class SlowSource(MemorySource):
    """Takes its time, so that there is a middle to be killed in."""

    delay = 0.0

    def cells(self, tensor: str, rows: Any, failed: Any = None) -> Any:
        time.sleep(self.delay * len(rows))
        return super().cells(tensor, rows, failed)


def pictures(delay: float = 0.0) -> SlowSource:
    """160 bitmaps of 43 KB."""
    data = [np.random.default_rng(i).integers(0, 255, (120, 120, 3), np.uint8) for i in range(ROWS)]
    source = SlowSource([spec("images", "image", sample_compression="bmp")], {"images": data})
    source.delay = delay
    return source


def materialise_slowly(folder: str, delay: str) -> None:
    """Materialise the pictures and print the key of the index."""
    index = materialise(pictures(float(delay)), open_store(folder, create=True), "views/a", OPTIONS)
    print(index.key, flush=True)


def train_rank(folder: str, key: str, rank: str, world: str, port: str, workers: str) -> None:
    """One rank of a gloo group: reads an epoch and a half, resumes, and prints the rows it was given."""
    import torch.distributed as dist
    from lakebed.loader import make_loader

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    dist.init_process_group("gloo", rank=int(rank), world_size=int(world))
    view = MaterialisedView(open_store(folder), "views/a", key)
    options: dict[str, Any] = {"batch_size": 7, "shuffle": True, "num_workers": int(workers)}
    loader = make_loader(view, **options)
    first = [batch["index"].reshape(-1).tolist() for batch in loader]
    running = iter(loader)
    second = [next(running)["index"].reshape(-1).tolist() for _ in range(3)]
    dist.barrier()
    again = make_loader(view, **options)
    again.load_state_dict(loader.state_dict())
    second += [batch["index"].reshape(-1).tolist() for batch in again]
    print(json.dumps([first, second]), flush=True)
    dist.destroy_process_group()


class StuckStore(LocalStore):
    """A local folder that says it is S3 and never answers when a chunk file is read."""

    @property
    def url(self) -> str:
        return "s3://bucket/data"

    def buffer(self, key: str) -> pa.Buffer:
        if "index" not in key:
            threading.Event().wait()
        return super().buffer(key)


def load_from_a_stuck_store(folder: str, key: str) -> None:
    """Print the error of a loader whose store stalls, then end as any script does."""
    from lakebed.loader import LoaderTimeoutError, numpy_batches

    view = MaterialisedView(StuckStore(Path(folder)), "views/a", key)
    try:
        list(numpy_batches(view, batch_size=4, shuffle=True, num_threads=2, timeout=0.5))
    except LoaderTimeoutError as error:
        print(error, flush=True)


def environment() -> dict[str, str]:
    """Of a child: this process's import path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}


if __name__ == "__main__":
    run: Any = {"materialise": materialise_slowly, "train": train_rank, "stuck": load_from_a_stuck_store}[sys.argv[1]]
    run(*sys.argv[2:])
