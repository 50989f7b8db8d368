"""Rows whose columns are checked one by one: a flipped bit is noticed before Arrow trusts it, by those who read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage import blocks
from lakebed.storage.arrow import table_to_file
from lakebed.storage.blocks import Blocks, CheckedRows, block_sums
from lakebed.storage.errors import DamageError
from lakebed.storage.repository import Repository
from lakebed.storage.stores.mapped import digest_of
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.workspace import Workspace

from storage_model import created, make_tensor, opened

TABLE = pa.table(
    {
        "number": pa.array(range(400), pa.int64()),
        "text": pa.array([None if row % 7 == 0 else f"text {row}" * (row % 5) for row in range(400)]),
        "boxes": pa.array([[[float(row)] * 4] * (row % 3) for row in range(400)], pa.list_(pa.list_(pa.float32(), 4))),
        "flag": pa.array([row % 2 == 0 for row in range(400)]),
    }
)


@pytest.fixture(autouse=True, scope="module")
def many_blocks() -> Any:
    with mock.patch.object(blocks, "BLOCK", 256):
        yield


def written() -> tuple[bytes, bytes]:
    file = table_to_file(TABLE)
    return file.to_pybytes(), block_sums(file)


def opened_rows(data: bytes, sums: bytes) -> CheckedRows | None:
    return CheckedRows.open(pa.py_buffer(data), sums, TABLE.num_rows)


def test_whole_rows_are_read_as_they_were_written() -> None:
    rows = opened_rows(*written())
    assert rows is not None
    assert all(rows.checked(name) for name in [*TABLE.column_names, "not there"])
    assert rows.table.equals(TABLE)


@given(place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_in_no_column_that_is_read(place: int, bit: int) -> None:
    data, sums = written()
    damaged = bytearray(data)
    damaged[place % len(data)] ^= 1 << bit
    rows = opened_rows(bytes(damaged), sums)
    if rows is None:
        return  # in the head of a message
    bad = [name for name in TABLE.column_names if not rows.checked(name)]
    assert len(bad) <= 2, "a block touches two columns at most"
    for name in set(TABLE.column_names) - set(bad):
        assert rows.table.column(name).equals(TABLE.column(name))


HARM: dict[str, Callable[[bytes], bytes]] = {
    "half of it": lambda data: data[: len(data) // 2],
    "its beginning": lambda data: data[:100],
    "nothing": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "no first message": lambda data: data[:8] + bytes(8) + data[16:],
}


@pytest.mark.parametrize("harm", HARM)
def test_a_file_cut_short_or_of_something_else_is_never_read_as_rows(harm: str) -> None:
    data, sums = written()
    assert opened_rows(HARM[harm](data), sums) is None


def test_rows_that_are_fewer_than_they_should_be_are_none() -> None:
    data, sums = written()
    assert CheckedRows.open(pa.py_buffer(data), sums, TABLE.num_rows + 1) is None


def test_only_the_blocks_of_a_column_are_hashed_and_only_once() -> None:
    data, sums = written()
    file = pa.py_buffer(data)
    rows = CheckedRows.open(file, sums, TABLE.num_rows)
    assert rows is not None
    with mock.patch("xxhash.xxh3_64_intdigest", side_effect=xxhash.xxh3_64_intdigest) as hashed:
        assert rows.checked("number")
        once = hashed.call_count
        assert 3200 // 256 - 1 <= once <= 3200 // 256 + 2  # 400 numbers of 8 bytes, less blocks that a head touched
        assert rows.checked("number")
        assert hashed.call_count == once


def test_blocks_outside_the_file_are_not_clean() -> None:
    data, sums = written()
    known = Blocks(pa.py_buffer(data), sums)
    assert known.clean(0, len(data))
    assert not known.clean(0, len(data) + 1)
    assert not known.clean(-1, 1)
    assert known.damaged() == []
    assert len(Blocks(pa.py_buffer(data + b"more" * 100), sums).damaged()) >= 1


# --- in a dataset ----------------------------------------------------------------------------------------------------


def dataset(name: str) -> MemoryStore:
    """A dataset whose rows lie in a file with numbers and texts."""
    store = MemoryStore(name)
    with mock.patch("lakebed.storage.fragment.INLINE", 300):
        ws = created(store)
        for kind in ("number", "text"):
            make_tensor(ws, kind, f"{kind}_a")
        ws.extend({"number_a": list(range(500)), "text_a": [f"text {row}" for row in range(500)]}, 500)
        ws.commit("rows")
    return store


def flip(store: MemoryStore, needle: bytes) -> None:
    """Flip a bit of the first place where these bytes lie in a file of rows."""
    key = next(stat.key for stat in store.list("rows/"))
    data = bytearray(store.get(key))
    place = data.index(needle)
    data[place] ^= 1
    store.delete(key)
    store.put(key, bytes(data))


def test_a_column_is_read_beside_a_damaged_one() -> None:
    store = dataset("beside-damage")
    flip(store, b"text 250")
    ws: Workspace = opened(store)
    assert ws.read("number_a", [0, 250, 499]) == [0, 250, 499]
    for _ in range(2):
        with pytest.raises(DamageError) as caught:
            ws.read("text_a", [3])
        assert caught.value.kind == "rows-damaged"
        assert "rows/" in caught.value.place


def test_where_the_checksums_are_damaged_the_whole_file_is_checked() -> None:
    store = dataset("no-sums")
    repository = Repository.open(store, opened(store).context.links)
    read = type(repository.context.objects).read
    fragments = repository.context.fragments
    entry = repository.snapshot(repository.state().refs.branches["main"]).manifest.entries[0]
    sums = fragments.descriptor(entry.fragment).blocks

    def damaged(self: Any, pointer: Any, staging: Any = None) -> bytes:
        if pointer == sums:
            raise DamageError("the checksums are damaged", kind="object-damaged", place="here")
        found: bytes = read(self, pointer, staging)
        return found

    with (
        mock.patch.object(type(repository.context.objects), "read", damaged),
        mock.patch("lakebed.storage.fragment_cache.digest_of", side_effect=digest_of) as hashed,
    ):
        column = fragments.column(entry, "number_a", pa.int64())
    assert hashed.call_count == 1
    assert np.array_equal(column.to_numpy(), np.arange(500))
