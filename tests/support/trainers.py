"""Training scripts that tests run in processes of their own: a group that is made late, Accelerate, Lightning."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from lakebed.loader import Loader, MaterialisedView, make_loader
from lakebed.storage.stores import open_store


def labels_alone(sample: dict[str, Any]) -> dict[str, Any]:
    """Nothing but the row."""
    return {"index": sample["index"]}


def loader_of(folder: str, key: str, **options: Any) -> Loader:
    """Shuffled batches of three; no seed is given."""
    view = MaterialisedView(open_store(folder), "views/a", key)
    return make_loader(view, batch_size=3, shuffle=True, transform=labels_alone, tensors=["categories"], **options)


def rows_of(loader: Any) -> list[int]:
    """One epoch."""
    return [row for batch in loader for row in batch["index"].reshape(-1).tolist()]


def train_late(folder: str, key: str, workers: str) -> None:
    """A loader that is made before its process group."""
    import torch.distributed as dist

    loader = loader_of(folder, key, num_workers=int(workers))
    alone = len(loader)
    dist.init_process_group("gloo", rank=int(os.environ["RANK"]), world_size=int(os.environ["WORLD_SIZE"]))
    print(json.dumps({"steps": [alone, len(loader)], "epochs": [rows_of(loader), rows_of(loader)]}), flush=True)
    dist.destroy_process_group()


def train_with_accelerate(folder: str, key: str, workers: str) -> None:
    """Accelerate wraps the loader and shares the rows out."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    loader = accelerator.prepare(loader_of(folder, key, num_workers=int(workers)))
    steps = len(loader)
    print(json.dumps({"steps": [steps, steps], "epochs": [rows_of(loader), rows_of(loader)]}), flush=True)
    accelerator.end_training()


def train_with_lightning(folder: str, key: str, devices: str, out: str) -> None:
    """Lightning gets a finished loader and makes its group later; each rank appends its rows to a file."""
    import torch
    from pytorch_lightning import LightningModule, Trainer

    class Model(LightningModule):
        """Learns nothing, and notes what it is given."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            rows = batch["index"].reshape(-1).tolist()
            with open(Path(out, str(self.global_rank)), "a") as file:
                file.write(json.dumps([self.current_epoch, rows]) + "\n")
            return self.weight(batch["index"].float().reshape(-1, 1)).sum() * 0

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.0)

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        accelerator="cpu",
        devices=int(devices),
        strategy="ddp_fork",
        max_epochs=2,
        enable_model_summary=False,
        **quiet,  # type: ignore[arg-type]  # a dict of flags
    )
    trainer.fit(Model(), loader_of(folder, key))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run: Any = {"late": train_late, "accelerate": train_with_accelerate, "lightning": train_with_lightning}[sys.argv[1]]
    run(*sys.argv[2:])
