"""Views materialised by the tasks of a Ray cluster of two nodes, one of which is lost in the middle."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.loader import Index, MaterialisedView, MaterialiseOptions, materialise
from lakebed.storage.stores import Store, open_store

import lakebed
from face_data import coco_folder, street
from loader_source import MemorySource, coco_like
from ray_fixtures import MISSING, cluster, losing_a_node, needs_ray
from ray_marks import marking_source

__all__ = ["cluster"]

# Ray's own code leaves sockets and processes for the collector.
pytestmark = pytest.mark.filterwarnings("default")

PREFIX = "views/one"
ROWS = 90
SMALL: dict[str, Any] = {"chunk_bytes": 4 << 10}
"""Chunk files of a few rows."""


@pytest.fixture(autouse=True)
def one_file_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files would share a task with all that fill a page."""
    monkeypatch.setattr("lakebed.loader.materialiser.PAGE_ROWS", 2)


def store_at(path: Path) -> Store:
    return open_store(path, create=True)


def materialised(source: MemorySource, store: Store, **options: Any) -> Index:
    return materialise(source, store, PREFIX, MaterialiseOptions(**SMALL, **options))


def files(store: Store) -> dict[str, bytes]:
    return {stat.key: store.get(stat.key) for stat in store.list("")}


def test_a_dataset_in_memory_is_refused_with_what_to_do() -> None:
    ds = street(4)
    view = ds[:3]
    view.save_view(id="few")
    asked: list[dict[str, Any]] = [{"scheduler": "ray"}, {"runtime": "ray"}]
    for options in asked:
        with pytest.raises(lakebed.StorageError, match="in memory cannot be reached") as caught:
            ds.load_view("few", optimize=True, progressbar=False, **options)
        assert caught.value.kind == "not-shared"
    assert not ds.load_view("few").is_optimized


def test_an_unknown_scheduler_is_refused_and_old_names_are_taken() -> None:
    ds = street(4)
    ds[:3].save_view(id="few")
    with pytest.raises(lakebed.InvalidInputError, match="no scheduler 'spark'"):
        ds.load_view("few", optimize=True, progressbar=False, scheduler="spark")
    assert ds.load_view("few", optimize=True, progressbar=False, scheduler="processed").is_optimized


@pytest.mark.skipif(not MISSING, reason="Ray is installed")
def test_without_ray_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(lakebed.StateError, match="not installed"):
        materialised(coco_like(5), store_at(tmp_path), scheduler="ray")


@needs_ray
@pytest.mark.slow
def test_files_and_index_are_those_of_threads(cluster: Any, tmp_path: Path) -> None:
    source = coco_like(ROWS)
    threads, tasks = store_at(tmp_path / "threads"), store_at(tmp_path / "tasks")
    index = materialised(source, threads, num_workers=2)
    assert materialised(source, tasks, num_workers=3, scheduler="ray").key == index.key
    assert len(index.chunks) > 10
    assert files(tasks) == files(threads)


@needs_ray
@pytest.mark.slow
def test_a_saved_view_of_links_is_fetched_by_tasks_and_published_here(cluster: Any, tmp_path: Path) -> None:
    coco = coco_folder(tmp_path / "coco")
    linked = {"htype": "link[image]"}
    path = str(tmp_path / "ds")
    ds = lakebed.ingest_coco(
        str(coco / "images"), [str(coco / "annotations.json")], path, image_params=linked, progressbar=False
    )
    ds[:].save_view(id="all")
    copied = ds.load_view("all", optimize=True, runtime="ray", num_workers=2, progressbar=False)
    assert copied.is_optimized
    again = lakebed.load(path).load_view("all")
    assert again.is_optimized
    for number in range(len(ds)):
        assert np.array_equal(again.images[number].numpy(), ds.images[number].numpy())


@needs_ray
@pytest.mark.slow
def test_credentials_given_in_this_program_are_not_sent_and_the_error_says_where_nodes_take_theirs(
    cluster: Any, moto_bucket: dict[str, str]
) -> None:
    ds = lakebed.empty(f"s3://test/{uuid.uuid4().hex}", creds=moto_bucket)
    ds.create_tensor("x", dtype="int64")
    ds.extend({"x": [1, 2, 3]})
    ds.commit("numbers")
    ds[1:].save_view(id="most")
    with pytest.raises(lakebed.StorageError, match="not carried") as caught:
        ds.load_view("most", optimize=True, scheduler="ray", progressbar=False)
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint
    assert ds.load_view("most", optimize=True, progressbar=False).is_optimized


@needs_ray
@pytest.mark.slow
def test_a_row_that_cannot_be_read_is_the_same_error_and_the_rest_is_kept_for_the_next_run(
    cluster: Any, tmp_path: Path
) -> None:
    broken, whole = coco_like(ROWS), coco_like(ROWS)
    url = "mem://photos/0077.jpg"
    del broken.files[url]
    found = {}
    for scheduler in ("threaded", "ray"):
        with pytest.raises(lakebed.StorageError) as caught:
            materialised(broken, store_at(tmp_path / scheduler), scheduler=scheduler)
        found[scheduler] = str(caught.value)
    assert url in found["ray"]
    assert found["ray"] == found["threaded"]
    store = store_at(tmp_path / "ray")
    kept = {key for key in files(store) if "/notes/" not in key}
    assert kept
    index = materialised(whole, store, scheduler="threaded")
    assert kept < set(files(store))
    assert MaterialisedView(store, PREFIX, index.key).verify() == []


@needs_ray
@pytest.mark.slow
def test_tasks_go_on_where_threads_were_stopped(cluster: Any, tmp_path: Path) -> None:
    source, whole = coco_like(ROWS), store_at(tmp_path / "whole")
    index = materialised(source, whole)
    del source.files["mem://photos/0050.jpg"]
    store = store_at(tmp_path / "stopped")
    with pytest.raises(lakebed.StorageError):
        materialised(source, store)
    notes = [stat.key for stat in store.list(f"{PREFIX}/notes/")]
    done = [row for note in notes for row in json.loads(store.get(note))["rows"]]
    marks = tmp_path / "marks"
    marks.mkdir()
    assert materialised(marking_source(coco_like(ROWS), marks), store, scheduler="ray").key == index.key
    assert files(store) == files(whole)
    begun = {int(mark.name.split("-")[0]) for mark in marks.iterdir()}
    assert begun
    assert done
    assert not begun & set(done)


@needs_ray
@pytest.mark.slow
def test_a_node_that_is_lost_in_the_middle_changes_no_byte(cluster: Any, tmp_path: Path) -> None:
    threads, tasks, marks = store_at(tmp_path / "threads"), store_at(tmp_path / "tasks"), tmp_path / "marks"
    marks.mkdir()
    source = coco_like(2 * ROWS)
    index = materialised(source, threads)
    with losing_a_node(cluster, marks, enough=len(index.chunks) // 4):
        assert materialised(marking_source(source, marks), tasks, scheduler="ray").key == index.key
    assert files(tasks) == files(threads)
