"""Cells too big for a row, of any tensor: where they go, how they come back, and what an edit beside them costs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.big_cells import from_bytes, moved_out, sizes, to_bytes
from lakebed.storage.errors import ConflictError, DamageError
from lakebed.storage.gc import gc
from lakebed.storage.htypes import htype_of, new_spec
from lakebed.storage.payloads import IN_ROW, REF_SUFFIX, ChunkWriter, Part, read_cells
from lakebed.storage.repair import repair
from lakebed.storage.repository import Repository
from lakebed.storage.snapshot import Snapshot, tensor_fields
from lakebed.storage.stores.base import Store
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.verify import verify
from lakebed.storage.workspace import Workspace

from faulty_store import WatchedStore, copy_of
from sources import ROOT
from storage_model import NoLinks, created, opened, small_limits

NOISE = np.random.default_rng(7)
MEGABYTE = 1 << 20


def made(store: Store, **htypes: str) -> Workspace:
    """A dataset with tensors of these htypes."""
    ws = created(store)
    for name, htype in htypes.items():
        spec, info = new_spec(name, name, htype, sample_compression="png" if "image" in htype else None)
        ws.create_tensor(spec, info)
    return ws


def parts_of(source: Snapshot, tensor: str) -> list[list[Part]]:
    """The parts of each cell in chunk files."""
    if REF_SUFFIX not in tensor_fields(source.schema[tensor]):
        return [[] for _ in range(len(source))]
    refs = source.column(source.schema[tensor].column + REF_SUFFIX).to_pylist()
    return [[Part(**part) for part in found or ()] for found in refs]


def keys(store: Store, prefix: str = "chunks/") -> set[str]:
    return {stat.key for stat in store.list(prefix)}


def written(store: Store, change: Callable[[], object]) -> int:
    """Bytes that a change adds to the store."""
    before = {stat.key for stat in store.list()}
    change()
    return sum(stat.size for stat in store.list() if stat.key not in before)


def same(left: Any, right: Any) -> bool:
    """Equal samples, arrays of one dtype and shape."""
    if isinstance(left, np.ndarray):
        equal = np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
        return bool(left.dtype == right.dtype and left.shape == right.shape and equal)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


# --- what comes back is what was put in ---

FLOATS = st.integers(0, 40).flatmap(lambda n: st.lists(st.floats(width=32), min_size=n, max_size=n))
ARRAYS = st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda shape: NOISE.integers(0, 99, shape))
BOXES = st.integers(0, 9).map(lambda n: NOISE.random((n, 4)).astype(np.float32))
WORDS = st.text("abä€", max_size=60)
JSON = st.dictionaries(WORDS, st.integers() | WORDS | st.none() | st.lists(st.booleans()), max_size=4)
PIXELS = st.integers(1, 6).map(lambda n: NOISE.integers(0, 256, (n, n, 3), np.uint8))
SAMPLES: dict[str, st.SearchStrategy[Any]] = {
    "generic": ARRAYS,
    "embedding": FLOATS.map(lambda values: np.array(values, np.float32)),
    "text": WORDS,
    "json": JSON,
    "list": st.lists(JSON, max_size=3),
    "tag": st.lists(WORDS, max_size=4),
    "bbox": BOXES,
    "polygon": st.lists(st.integers(3, 9).map(lambda n: NOISE.random((n, 2)).astype(np.float32)), max_size=3),
    "keypoints_coco": st.integers(0, 6).map(lambda n: NOISE.integers(0, 9, (6, n), np.int32)),
    "class_label": st.lists(st.integers(0, 9), max_size=40),
    "instance_label": st.integers(1, 30).map(lambda n: NOISE.integers(0, 99, (n, n)).astype(np.uint32)),
    "sequence[text]": st.lists(WORDS | st.none(), max_size=4),
    "sequence[generic]": st.lists(ARRAYS, max_size=3),
    "sequence[bbox]": st.lists(BOXES, max_size=3),
    "sequence[image]": st.lists(PIXELS, max_size=3),
    "sequence[class_label]": st.lists(st.lists(st.integers(0, 9), max_size=9), max_size=4),
}


@given(data=st.data())
def test_random_samples_of_every_htype_come_back_whole_and_in_any_order(data: st.DataObject) -> None:
    htype = data.draw(st.sampled_from(sorted(SAMPLES)))
    samples = data.draw(st.lists(st.none() | SAMPLES[htype], min_size=1, max_size=8))
    in_rows: list[Any] = []
    in_chunks: list[Any] = []
    for limit, found in ((1 << 40, in_rows), (40, in_chunks)):
        with small_limits(**{"draft.IN_ROW": limit}):
            ws = made(MemoryStore(), t=htype)
            ws.extend({"t": samples}, len(samples))
            ws.commit("rows")
            again = opened(ws.repository.store).snapshot()
            order = data.draw(st.permutations(range(len(samples))))
            found.append(again.read("t", range(len(samples))))
            found.append([sample for row in range(len(samples)) for sample in again.read("t", [row])])
            shuffled = dict(zip(order, again.read("t", order), strict=True))
            found.append([shuffled[row] for row in range(len(samples))])
            assert verify(ws.repository, "deep").ok
            assert any(map(any, [parts_of(again, "t")])) == bool(keys(ws.repository.store))
    for one, other in zip(in_rows, in_chunks, strict=True):
        assert same(one, other)


KINDS = (
    pa.list_(pa.float32()),
    pa.list_(pa.bool_()),
    pa.string(),
    pa.large_binary(),
    pa.list_(pa.string()),
    pa.list_(pa.list_(pa.float64(), 2)),
    pa.list_(pa.list_(pa.int8())),
)


@given(data=st.data(), limit=st.integers(0, 30), cut=st.integers(0, 3))
def test_cells_of_every_arrow_type_go_to_chunks_by_their_size_and_come_back(
    data: st.DataObject, limit: int, cut: int
) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    cells = pa.array(data.draw(st.lists(st.none() | _values(kind), max_size=6)), kind).slice(cut)
    store = MemoryStore()
    kept, refs = moved_out(cells, limit, ChunkWriter(store))
    gone = [found is not None for found in refs.to_pylist()]
    assert gone == [size > limit for size in sizes(cells).tolist()] or cells.nbytes <= limit
    for row, parts in enumerate(refs.to_pylist()):
        cell = kept.slice(row, 1)
        if parts:
            assert cell.null_count == 1
            (data_of,) = read_cells(store, [[Part(**part) for part in parts]], str)
            cell = from_bytes(data_of, kind)
        cell.validate(full=True)
        assert cell.equals(cells.slice(row, 1))


def _values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_fixed_size_list(kind):
        return st.lists(_values(kind.value_type), min_size=kind.list_size, max_size=kind.list_size)
    if pa.types.is_list(kind):
        return st.lists(_values(kind.value_type), max_size=9)
    if pa.types.is_string(kind):
        return st.text("abä€", max_size=20)
    return {pa.large_binary(): st.binary(max_size=40), pa.bool_(): st.booleans()}.get(kind, st.integers(0, 99))


@pytest.mark.parametrize(
    ("htype", "sample"),
    [
        ("text", lambda size: "x" * size),
        ("generic", lambda size: np.zeros(size, np.uint8)),
        ("json", lambda size: "x" * (size - 2)),
        ("tag", lambda size: ["x" * (size - 5), "yyyyy"]),
        ("sequence[text]", lambda size: ["x" * (size - 5), "yyyyy"]),
    ],
)
def test_64_kilobytes_stay_in_the_row_and_one_byte_more_does_not(htype: str, sample: Callable[[int], Any]) -> None:
    ws = made(MemoryStore(), t=htype)
    ws.extend({"t": [sample(IN_ROW), sample(IN_ROW + 1), sample(10)]}, 3)
    ws.flush()
    assert [len(parts) for parts in parts_of(ws.snapshot(), "t")] == [0, 1, 0]
    assert np.array_equal(ws.read("t", [1])[0], sample(IN_ROW + 1))


def test_labels_stay_in_the_row_because_their_codes_are_listed_in_the_descriptor() -> None:
    store = MemoryStore()
    ws = made(store, label="class_label")
    ws.extend({"label": [list(range(30_000))]}, 1)
    ws.commit("many labels")
    assert not keys(store)
    (entry,) = ws.snapshot().manifest.entries
    assert len(ws.context.fragments.descriptor(entry.fragment).labels["label"]) == 30_000
    assert verify(ws.repository, "deep").ok


def test_rows_without_big_cells_have_no_column_for_them() -> None:
    ws = made(MemoryStore(), text="text", boxes="bbox", images="image")
    ws.extend({"text": ["a", "b"], "boxes": [np.ones((2, 4))] * 2}, 2)
    ws.update([0], {"text": ["c"]})
    ws.commit("small")
    (entry,) = ws.snapshot().manifest.entries
    tables = [ws.context.fragments.table(entry.fragment), *map(ws.context.fragments.overlay, entry.overlays)]
    assert not [name for table in tables for name in table.column_names if name.endswith(REF_SUFFIX)]


def test_a_sample_larger_than_a_chunk_file_spans_several() -> None:
    store = MemoryStore()
    ws = made(store, array="generic", text="text")
    array = NOISE.integers(0, 256, 40 * MEGABYTE, np.uint8)
    ws.extend({"array": [array], "text": ["€" * (MEGABYTE * 12)]}, 1)
    ws.commit("big")
    again = opened(store).snapshot()
    assert [len(parts_of(again, name)[0]) for name in ("array", "text")] == [2, 2]
    assert len({part.key for part in parts_of(again, "array")[0]}) == 2
    assert np.array_equal(again.read("array", [0])[0], array)
    assert again.read("text", [0]) == ["€" * (MEGABYTE * 12)]


def test_many_big_samples_at_once_are_packed_in_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakebed.storage.packing.RUN_BYTES", 3 * MEGABYTE)
    ws = made(MemoryStore(), array="generic")
    arrays = [NOISE.integers(0, 256, MEGABYTE, np.uint8) if n % 3 else np.zeros(3, np.uint8) for n in range(9)]
    ws.extend({"array": [*arrays, None]}, 10)
    ws.flush()
    assert same(ws.read("array", range(10)), [*arrays, np.zeros(0, np.uint8)])
    assert [bool(parts) for parts in parts_of(ws.snapshot(), "array")] == [bool(n % 3) for n in range(9)] + [False]


# --- what it costs ---


def test_editing_a_label_beside_ten_megabytes_writes_a_few_kilobytes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, create=True)
    ws = made(store, label="class_label", array="generic", text="text", vectors="sequence[embedding]")
    samples: dict[str, list[Any]] = {
        "label": [["a"]] * 4,
        "array": [NOISE.random((10, 128 * 1024)) for _ in range(4)],
        "text": ["word " * (MEGABYTE // 5)] * 4,
        "vectors": [[NOISE.random(1000).astype(np.float32)] * 100] * 4,
    }
    ws.extend(samples, 4)
    ws.commit("big rows")
    for turn in range(6):

        def edit(turn: int = turn) -> None:
            ws.update([turn % 4], {"label": [["b", f"class {turn}"]]})
            ws.commit(f"edit {turn}")

        assert written(store, edit) <= 4096
    assert same(ws.read("array", range(4)), samples["array"])
    assert ws.read("text", [1]) == samples["text"][:1]

    def pop() -> None:
        ws.pop([0])
        ws.commit("one less")

    assert written(store, pop) <= 4096


def test_an_edit_that_makes_a_big_cell_small_or_a_small_one_big_is_seen() -> None:
    ws = made(MemoryStore(), text="text", array="generic")
    big, small = "x" * 70_000, "small"
    ws.extend({"text": [big, small], "array": [np.zeros(100_000), np.zeros(2)]}, 2)
    ws.commit("first")
    ws.update([0], {"text": [small]})
    ws.update([1], {"text": [big], "array": [np.ones(90_000)]})
    ws.commit("second")
    again = opened(ws.repository.store).snapshot()
    assert again.read("text", [0, 1]) == [small, big]
    assert [len(array) for array in again.read("array", [0, 1])] == [100_000, 90_000]
    assert [bool(parts) for parts in parts_of(again, "text")] == [False, True]


def test_folding_moves_rows_and_leaves_big_cells_where_they_are() -> None:
    store = MemoryStore()
    ws = made(store, number="generic", text="text")
    for turn in range(6):  # small tails that are merged
        ws.extend({"number": [turn] * 8, "text": [f"{turn} {row} " * 20_000 for row in range(8)]}, 8)
        ws.commit(f"rows {turn}")
    before = keys(store)

    def edit_all() -> None:
        for row in range(48):
            ws.update([row], {"number": [-row]})
            ws.commit(f"edit {row}")

    total = written(store, edit_all)
    entries = ws.snapshot().manifest.entries
    assert len(entries) < 6
    assert sum(entry.edits for entry in entries) < 48, "some were folded"
    assert keys(store) == before
    assert total < 48 * 8192
    assert ws.read("text", range(48)) == [f"{turn} {row} " * 20_000 for turn in range(6) for row in range(8)]


def test_neighbours_in_a_chunk_are_read_in_few_calls() -> None:
    store = MemoryStore()
    ws = made(store, text="text", array="generic")
    rows = 60
    ws.extend({"text": ["x" * 70_000] * rows, "array": [np.full(20_000, n) for n in range(rows)]}, rows)
    ws.commit("rows")
    watched = WatchedStore(store)
    again = opened(watched).snapshot()
    again.read("text", [3])
    before = watched.counts.copy()
    assert len(again.read("text", range(rows))) == rows  # 4 MB: one range
    assert watched.counts["get_range"] - before["get_range"] == 1
    assert [int(array[0]) for array in again.read("array", range(rows))] == list(range(rows))  # 9 MB: mapped
    assert watched.counts["buffer"] - before["buffer"] == 1
    assert watched.counts["get_range"] - before["get_range"] == 1


def test_a_stream_at_an_odd_address_is_read_too() -> None:
    cell = pa.array([[1.5, 2.5]], pa.list_(pa.float64()))
    odd = pa.py_buffer(b"x" + to_bytes(cell).to_pybytes()).slice(1)
    assert from_bytes(odd, cell.type).equals(cell)
    assert from_bytes(odd, pa.list_(pa.float32())).to_pylist() == cell.to_pylist()


# --- versions ---


def test_writing_the_same_value_again_is_no_change_and_no_conflict() -> None:
    ws = made(MemoryStore(), text="text", array="generic")
    ws.extend({"text": ["x" * 70_000, "b"], "array": [np.zeros(90_000), np.zeros(1)]}, 2)
    first = ws.commit("first")
    ws.update([0], {"text": ["x" * 70_000], "array": [np.zeros(90_000)]})
    second = ws.commit("the same", allow_empty=True)
    assert not ws.diff(first, second)
    ws.checkout("side", create=True)
    ws.update([1], {"text": ["y" * 80_000]})
    ws.commit("side")
    ws.checkout("main")
    ws.update([1], {"text": ["y" * 80_000]})
    ws.update([0], {"array": [np.ones(90_000)]})
    ws.commit("main")
    ws.merge("side")
    assert ws.read("text", [1]) == ["y" * 80_000]
    assert ws.read("array", [0])[0].sum() == 90_000


def test_diff_and_merge_see_big_cells_as_they_see_small_ones() -> None:
    store = MemoryStore()
    ws = made(store, text="text", array="generic")
    ws.extend({"text": ["x" * 70_000, "b", "c"], "array": [np.zeros(90_000)] * 3}, 3)
    first = ws.commit("first")
    ws.checkout("side", create=True)
    ws.update([0], {"text": ["side " * 20_000]})
    ws.extend({"text": ["new " * 20_000], "array": [np.full(90_000, 7.0)]}, 1)
    side = ws.commit("side")
    found = ws.diff(first, side)
    assert {name: ids.tolist() for name, ids in found.updated.items()} == {"text": [0]}
    assert found.cell("text", 0) == ("x" * 70_000, "side " * 20_000)
    ws.checkout("main")
    ws.update([0], {"text": ["main " * 20_000]})
    ws.commit("main")
    with pytest.raises(ConflictError) as caught:
        ws.merge("side")
    (conflict,) = caught.value.conflicts
    assert (conflict.base, conflict.ours, conflict.theirs) == ("x" * 70_000, "main " * 20_000, "side " * 20_000)
    before = keys(store)
    ws.merge("side", "theirs")
    assert keys(store) == before
    assert ws.read("text", [0, 3]) == ["side " * 20_000, "new " * 20_000]
    assert ws.read("array", [3])[0][0] == 7
    assert verify(ws.repository, "deep").ok


def test_two_writers_of_big_cells_land_one_on_top_of_the_other() -> None:
    store = MemoryStore()
    ws = made(store, text="text", number="generic")
    ws.extend({"text": ["x" * 70_000] * 3, "number": [1, 2, 3]}, 3)
    ws.commit("rows")
    other = opened(store)
    other.begin()
    other.update([0], {"text": ["other " * 20_000]})
    other.extend({"text": ["appended " * 20_000]}, 1)
    ws.update([1], {"text": ["first " * 20_000], "number": [20]})
    ws.commit("first")
    other.end()
    assert opened(store).read("text", range(4)) == [
        "other " * 20_000,
        "first " * 20_000,
        "x" * 70_000,
        "appended " * 20_000,
    ]


# --- damage and clean-up ---


@pytest.fixture
def damaged() -> MemoryStore:
    """Three rows; a bit of the text of row 1 is flipped in its chunk file."""
    store = MemoryStore()
    ws = made(store, text="text", vectors="generic")
    ws.extend({"text": [f"{n}" * 70_000 for n in range(3)], "vectors": [np.full(70_000, n) for n in range(3)]}, 3)
    ws.commit("rows")
    (part,) = parts_of(ws.snapshot(), "text")[1]
    twin = copy_of(store)
    data = bytearray(twin.get(part.key))
    data[part.offset + 777] ^= 4
    twin.delete(part.key)
    twin.put(part.key, bytes(data))
    return twin


def test_a_flipped_bit_is_an_error_that_names_the_cell_and_the_file(damaged: MemoryStore) -> None:
    ws = opened(damaged)
    (part,) = parts_of(ws.snapshot(), "text")[1]
    for read in (
        lambda: ws.read("text", [1]),
        lambda: ws.read("text", range(3)),
        lambda: ws.snapshot().table(["text"]),
    ):
        with pytest.raises(DamageError) as caught:
            read()
        assert caught.value.kind == "chunk-damaged"
        assert caught.value.place.startswith("tensor 'text', row 1, ")
        assert part.key in caught.value.place
    assert ws.read("text", [0, 2]) == ["0" * 70_000, "2" * 70_000]
    assert len(ws.read("vectors", range(3))) == 3


def test_verify_finds_it_and_repair_leaves_out_that_row_alone(damaged: MemoryStore) -> None:
    assert verify(opened(damaged).repository, "quick").ok
    (problem,) = verify(opened(damaged).repository, "full").problems
    assert problem.place.startswith("chunks/")
    assert repair(damaged, NoLinks()).lost_rows["main"] == (1,)
    ws = opened(damaged)
    assert ws.read("text", range(2)) == ["0" * 70_000, "2" * 70_000]
    assert [int(array[0]) for array in ws.read("vectors", range(2))] == [0, 2]


def test_a_chunk_that_is_cut_short_or_gone_is_noticed() -> None:
    store = MemoryStore()
    ws = made(store, text="text")
    ws.extend({"text": ["x" * 70_000] * 200}, 200)  # so many that the file is mapped
    ws.commit("rows")
    (key,) = keys(store)
    data = store.get(key)
    store.delete(key)
    assert not verify(opened(store).repository, "quick").ok
    store.put(key, data[: len(data) // 2])
    with pytest.raises(DamageError):
        opened(store).read("text", range(200))
    assert opened(store).read("text", [3]) == ["x" * 70_000]


def test_clean_up_keeps_chunks_that_a_version_needs_and_removes_the_others() -> None:
    store = MemoryStore()
    ws = made(store, text="text", array="generic")
    ws.extend({"text": ["kept " * 20_000], "array": [np.zeros(90_000)]}, 1)
    ws.commit("kept")
    needed = keys(store)
    ws.update([0], {"text": ["dropped " * 20_000]})
    ws.extend({"array": [np.ones(90_000)]}, 1)
    ws.flush()
    assert len(keys(store)) == len(needed) + 2
    ws.reset()
    gc(Repository.open(store, NoLinks()), grace=0, dry_run=False, exclusive=True)
    gc(Repository.open(store, NoLinks()), grace=0, dry_run=False, exclusive=True)
    assert keys(store) == needed
    assert opened(store).read("text", [0]) == ["kept " * 20_000]


# --- datasets of before ---


def test_a_dataset_without_the_feature_keeps_its_cells_in_the_row(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "fixtures" / "format-1" / "dataset", tmp_path / "dataset")
    store = LocalStore(tmp_path / "dataset")
    ws = opened(store)
    before = keys(store)
    ws.extend({"text": ["x" * 100_000], "vector": [np.zeros(50_000, np.float32)]}, 1)
    ws.commit("big cells")
    assert keys(store) == before
    assert opened(store).read("text", [-1]) == ["x" * 100_000]
    assert verify(ws.repository, "deep").ok


def test_null_types_and_numbers_have_no_column_of_references() -> None:
    scalar = replace(new_spec("t", "t", dtype="int64")[0], ndim=0)
    for spec in (new_spec("t", "t")[0], scalar, new_spec("t", "t", "class_label")[0]):
        assert REF_SUFFIX not in tensor_fields(spec)
        assert set(tensor_fields(spec)) == set(htype_of(spec).fields(spec))
