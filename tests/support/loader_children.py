"""What loader tests run in processes of their own, to kill them, to race them, and to train with them."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from lakebed.loader import MaterialisedView, MaterialiseOptions, materialise
from lakebed.storage.stores import open_store

from loader_source import MemorySource, spec

ROWS = 160
OPTIONS = MaterialiseOptions(chunk_bytes=1 << 20, num_workers=1)


class SlowSource(MemorySource):
    """Takes its time, so that there is a middle to be killed in."""

    delay = 0.0

    def cells(self, tensor: str, rows: Any) -> Any:
        time.sleep(self.delay * len(rows))
        return super().cells(tensor, rows)


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


def environment() -> dict[str, str]:
    """Of a child: this process's import path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}


if __name__ == "__main__":
    run: Any = {"materialise": materialise_slowly, "train": train_rank}[sys.argv[1]]
    run(*sys.argv[2:])
