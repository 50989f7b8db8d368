"""Kills, races, ranks and leaks: what only real processes show."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.loader import MaterialisedView, WorkerError, make_loader, materialise, numpy_batches
from lakebed.storage.stores import open_store

import loader_children
from loader_children import OPTIONS, ROWS, environment, pictures
from loader_source import coco_like

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")


def child(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, loader_children.__file__, *arguments]
    return subprocess.Popen(command, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out.strip()


def notes(folder: Path) -> list[Path]:
    return list((folder / "views" / "a" / "notes").glob("*/*.json"))


def test_a_materialiser_killed_half_way_is_resumed_and_no_half_view_is_ever_seen(tmp_path: Path) -> None:
    process = child("materialise", str(tmp_path), "0.03")
    deadline = time.monotonic() + 120
    while len(notes(tmp_path)) < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(notes(tmp_path)) >= 2
    assert not list((tmp_path / "views" / "a").glob("index*"))
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "views" / "a").glob("*.arrow")}
    key = finish(child("materialise", str(tmp_path), "0"))
    view = MaterialisedView(open_store(tmp_path), "views/a", key)
    assert view.verify() == []
    kept = {c.key for c in view.index.chunks} & set(before)
    assert all((tmp_path / "views" / "a" / name).stat().st_mtime_ns == before[name] for name in kept)
    assert len(kept) >= 2
    source = pictures()
    assert all(np.array_equal(view.read("images", [i])[0], source.read("images", [i])[0]) for i in range(0, ROWS, 9))


def test_two_processes_that_race_for_one_view_write_the_same(tmp_path: Path) -> None:
    keys = [finish(process) for process in [child("materialise", str(tmp_path), "0.01") for _ in range(2)]]
    alone = materialise(pictures(), open_store(tmp_path / "alone", create=True), "views/a", OPTIONS)
    assert keys == [alone.key] * 2
    assert MaterialisedView(open_store(tmp_path), "views/a", keys[0]).verify() == []


@pytest.mark.parametrize(("world", "workers"), [(2, 0), (2, 2), pytest.param(4, 1, marks=pytest.mark.slow)])
def test_ranks_of_a_real_group_share_every_epoch_and_resume_together(tmp_path: Path, world: int, workers: int) -> None:
    store = open_store(tmp_path, create=True)
    key = materialise(pictures(), store, "views/a", OPTIONS).key
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    ranks = [child("train", str(tmp_path), key, str(r), str(world), port, str(workers)) for r in range(world)]
    found = [json.loads(finish(rank).splitlines()[-1]) for rank in ranks]
    for epoch in (0, 1):
        assert len({len(rank[epoch]) for rank in found}) == 1
        counts = Counter(row for rank in found for batch in rank[epoch] for row in batch)
        assert counts == Counter(range(ROWS))
    assert found[0][0] != found[0][1]


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> MaterialisedView:
    store = open_store(tmp_path_factory.mktemp("processes") / "data", create=True)
    return MaterialisedView(store, "views/a", materialise(coco_like(60), store, "views/a").key)


def kill_self(sample: dict[str, Any]) -> Any:
    if int(sample["index"][0]) == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return sample


def test_a_killed_worker_is_an_error_and_leaves_nothing_behind(view: MaterialisedView) -> None:
    import multiprocessing

    loader = make_loader(view, batch_size=4, num_workers=2, transform=kill_self)
    with pytest.raises(WorkerError, match="a worker process died") as caught:
        list(loader)
    assert caught.value.place.startswith("epoch 0, batch ")
    del caught, loader
    gc.collect()
    deadline = time.monotonic() + 30
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not multiprocessing.active_children()


def hang(sample: dict[str, Any]) -> Any:
    if int(sample["index"][0]) == 8:
        time.sleep(60)
    return sample


def test_a_worker_that_hangs_is_an_error_that_names_the_batch(view: MaterialisedView) -> None:
    loader = make_loader(view, batch_size=4, num_workers=1, transform=hang, timeout=6)
    with pytest.raises(TimeoutError, match="no batch came from the workers within 6 s") as caught:
        list(loader)
    assert getattr(caught.value, "place", "") == "epoch 0, batch 2"


def anonymous_memory() -> int:
    """Kilobytes of memory of this process that no file stands behind."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem")))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("num_workers", [0, 2])
def test_epochs_leave_memory_threads_and_files_as_they_were(view: MaterialisedView, num_workers: int) -> None:
    loader = make_loader(view, batch_size=4, num_workers=num_workers, shuffle=True, persistent_workers=num_workers > 0)
    for _ in range(3):
        list(loader)
    gc.collect()
    before = anonymous_memory(), threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(12):
        for batch in loader:
            assert len(batch["index"])
    gc.collect()
    after = anonymous_memory(), threading.active_count(), len(os.listdir("/proc/self/fd"))
    assert after[0] <= before[0] * 1.05
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 2


def test_importing_the_loader_loads_no_torch_and_numpy_batches_need_none(tmp_path: Path) -> None:
    script = (
        "import sys, lakebed.loader\n"
        "assert 'torch' not in sys.modules\n"
        "from lakebed.loader import numpy_batches, materialise, MaterialisedView\n"
        "from lakebed.storage.stores import open_store\n"
        "from loader_source import coco_like\n"
        f"store = open_store({str(tmp_path)!r}, create=True)\n"
        "view = MaterialisedView(store, 'v', materialise(coco_like(9), store, 'v').key)\n"
        "assert sum(len(b['index']) for b in numpy_batches(view, batch_size=2, shuffle=True)) == 9\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True, timeout=120)


def test_numpy_batches_hold_stacked_arrays(view: MaterialisedView) -> None:
    batches = numpy_batches(view, batch_size=6, resize=(16, 16), tensors=["categories", "images"])
    batch = next(iter(batches))
    assert isinstance(batch["categories"], list)
    assert batch["index"].tolist() == [[0], [1], [2], [3], [4], [5]]
    assert [len(batches), batches.epoch] == [10, 1]


def test_a_store_that_stalls_is_an_error_and_keeps_no_program_from_ending(tmp_path: Path) -> None:
    index = materialise(pictures(), open_store(tmp_path, create=True), "views/a", OPTIONS)
    said = finish(child("stuck", str(tmp_path), index.key))
    assert "batch 0 did not come within 0.5 s" in said
    assert "row id" in said
