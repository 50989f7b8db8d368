"""The loader in the hands of others: groups that are made late, Accelerate, Lightning. Each row comes once an epoch."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lakebed.loader import make_loader, materialise
from lakebed.storage.errors import InvalidInputError
from lakebed.storage.stores import open_store

import trainers
from loader_children import environment
from loader_source import coco_like

ROWS = 41


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Folder and key of a copied view."""
    folder = tmp_path_factory.mktemp("trainers") / "data"
    return str(folder), materialise(coco_like(ROWS), open_store(folder, create=True), "views/a").key


def started(script: str, view: tuple[str, str], *arguments: str, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, trainers.__file__, script, *view, *arguments]
    return subprocess.Popen(
        command, env={**environment(), **more}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def output(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


def ranks(script: str, view: tuple[str, str], world: int, workers: int) -> list[dict[str, Any]]:
    """What each rank of a group says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(world)}
    running = [
        started(script, view, str(workers), **group, RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(world)
    ]
    return [json.loads(output(process).splitlines()[-1]) for process in running]


@pytest.mark.slow
def test_a_loader_made_before_its_group_shares_the_rows(view: tuple[str, str]) -> None:
    found = ranks("late", view, 2, workers=2)
    assert [rank["steps"] for rank in found] == [[14, 7]] * 2
    for epoch in (0, 1):
        assert sorted(found[0]["epochs"][epoch] + found[1]["epochs"][epoch]) == list(range(ROWS))
    assert found[0]["epochs"][0] != found[0]["epochs"][1]


@pytest.mark.slow
def test_accelerate_gives_every_row(view: tuple[str, str]) -> None:
    pytest.importorskip("accelerate")
    found = ranks("accelerate", view, 2, workers=1)
    assert [rank["steps"][0] for rank in found] == [7, 7]
    for epoch in (0, 1):
        rows = [row for rank in found for row in rank["epochs"][epoch]]
        assert set(rows) == set(range(ROWS))
        assert len(rows) == ROWS + 1  # it fills the last batch up so that ranks are even
    assert found[0]["epochs"][0] != found[0]["epochs"][1]


@pytest.mark.slow
def test_lightning_gives_every_row_once(view: tuple[str, str], tmp_path: Path) -> None:
    pytest.importorskip("pytorch_lightning")
    output(started("lightning", view, "2", str(tmp_path)))
    noted = [json.loads(line) for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    epochs = [[row for number, rows in noted if number == epoch for row in rows] for epoch in (0, 1)]
    assert [sorted(rows) for rows in epochs] == [list(range(ROWS))] * 2
    assert len(list(tmp_path.iterdir())) == 2
    assert epochs[0] != epochs[1]


def test_given_ranks_hold_for_any_consumer() -> None:
    loader = make_loader(coco_like(ROWS), batch_size=3, distributed=(1, 2))
    assert len(loader) == 7
    batches: Any = loader.dataset
    assert len(batches) == 7
    assert [len(batch["index"]) for batch in batches] == [3, 3, 3, 3, 3, 3, 2]


def test_without_a_group_true_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not initialised"):
        make_loader(coco_like(4), distributed=True)
