"""Mapped files: the bytes of the file, hashed without staying in memory, and nothing else is ever given back."""

from __future__ import annotations

import gc
import mmap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from lakebed.storage.stores.mapped import STEP, digest_of, give_back, map_file

NOISE = np.random.default_rng(0).integers(0, 256, 5 * STEP + 77, np.uint8).tobytes()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "file"
    path.write_bytes(NOISE)
    return str(path)


def resident_file_pages() -> int:
    """Bytes of mapped files in the memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile"))


def test_a_digest_is_that_of_all_bytes(file: str) -> None:
    wanted = xxhash.xxh3_128_hexdigest(NOISE)
    assert digest_of(map_file(file)) == wanted
    assert digest_of(pa.py_buffer(NOISE)) == wanted


def test_pages_given_back_are_read_again_as_they_were(file: str) -> None:
    buffer = map_file(file)
    assert buffer.to_pybytes() == NOISE
    give_back(buffer)
    assert buffer.to_pybytes() == NOISE


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the counters of Linux")
def test_a_hashed_file_does_not_stay_in_the_memory_of_the_process(file: str) -> None:
    buffer = map_file(file)
    before = resident_file_pages()
    digest_of(buffer)
    assert resident_file_pages() - before < 2 * STEP
    assert sum(buffer.to_pybytes()) > 0
    assert resident_file_pages() - before > 4 * STEP


def test_memory_that_is_no_file_is_left_alone() -> None:
    with mmap.mmap(-1, STEP) as anonymous:  # given back, it would be zeros
        anonymous.write(NOISE[:STEP])
        buffer = pa.py_buffer(anonymous)
        give_back(buffer)
        assert buffer.to_pybytes() == NOISE[:STEP]
        del buffer
        gc.collect()


def test_a_slice_and_a_closed_file_are_left_alone(file: str) -> None:
    buffer = map_file(file)
    part = buffer.slice(STEP, 100)
    give_back(part)
    address = buffer.address
    del buffer
    assert part.to_pybytes() == NOISE[STEP : STEP + 100]
    assert part.address == address + STEP


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's list of open files")
def test_a_mapped_file_holds_no_descriptor(file: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    mapped = [map_file(file) for _ in range(20)]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert {buffer.size for buffer in mapped} == {len(NOISE)}


def test_an_empty_file_is_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert map_file(str(tmp_path / "empty")).size == 0
