"""Sequences of links, and samples that cannot be decoded: what a reader gets and is told."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
from lakebed.storage.errors import SampleError, StorageError
from lakebed.storage.htypes import new_spec
from lakebed.storage.links.base import Link
from lakebed.storage.links.reader import UrlReader
from lakebed.storage.repository import Repository
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.workspace import Workspace
from PIL import Image


@contextlib.contextmanager
def new_workspace(htype: str) -> Iterator[Workspace]:
    """Closed at the end: changes left waiting would be landed, and complained of, when the test run exits."""
    workspace = Workspace(Repository.create(MemoryStore(), UrlReader()))
    workspace.create_tensor(*new_spec("frames", "frames", htype, sample_compression="png"))
    try:
        yield workspace
    finally:
        workspace.close()


def frames_in(folder: pathlib.Path, count: int) -> list[Link]:
    links = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.fromarray(np.full((4, 5, 3), number, np.uint8)).save(path)
        links.append(Link(str(path)))
    return links


def test_a_sequence_of_links_reads_as_a_list_of_images(tmp_path: pathlib.Path) -> None:
    links = frames_in(tmp_path, 3)
    with new_workspace("sequence[link[image]]") as workspace:
        workspace.extend({"frames": [links, [], links[2:]]}, 3)
        workspace.commit("frames")
        samples = workspace.read("frames", [0, 1, 2])
        assert [[int(image[0, 0, 0]) for image in sample] for sample in samples] == [[0, 1, 2], [], [2]]


def test_a_lost_file_of_a_sequence_names_its_row_and_url(tmp_path: pathlib.Path) -> None:
    links = frames_in(tmp_path, 3)
    with new_workspace("sequence[link[image]]") as workspace:
        workspace.extend({"frames": [links[:1], links[1:]]}, 2)
        (tmp_path / "2.png").unlink()
        with pytest.raises(StorageError, match=r"row 1, .*2\.png"):
            workspace.read("frames", [0, 1])


def test_a_file_that_became_undecodable_names_its_row(tmp_path: pathlib.Path) -> None:
    links = frames_in(tmp_path, 2)
    with new_workspace("link[image]") as workspace:
        workspace.extend({"frames": links}, 2)
        path = tmp_path / "1.png"
        stat, size = path.stat(), path.stat().st_size
        path.write_bytes(path.read_bytes()[:33] + bytes(size - 33))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        with pytest.raises(SampleError, match="row 1"):
            workspace.read("frames", [0, 1])
