"""Damage is noticed, never read as data, and repaired as far as can be: each region of a small dataset is flipped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example
from hypothesis import given as given_by
from hypothesis import strategies as st
from lakebed.storage import arrow, salvage
from lakebed.storage.blocks import block_sums
from lakebed.storage.errors import DamageError, FormatError
from lakebed.storage.repair import repair
from lakebed.storage.repository import Repository
from lakebed.storage.selection import Selection
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.verify import VerifyReport, verify
from lakebed.storage.workspace import Workspace

from faulty_store import copy_of
from lakebed.errors import LakebedError
from storage_model import NoLinks, by_profile, created, make_tensor, opened, png, seen, small_limits


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with small_limits(**{"fragment.INLINE": 300, "blocks.BLOCK": 256}):
        yield


def dataset() -> MemoryStore:
    """Files, bundles, chunks, overlays, deletions, explicit ids, a tag, a view, two branches, work not committed."""
    store = MemoryStore()
    ws = created(store)
    make_tensor(ws, "text", "text_a")
    make_tensor(ws, "label", "label_a")
    make_tensor(ws, "image", "image_a")
    ws.extend(
        {
            "text_a": [f"row {n} " * 9 for n in range(16)],
            "label_a": [["cat", "dog"][: n % 3] for n in range(16)],
            "image_a": [png(24 if n == 5 else 4, n) if n % 4 == 1 else None for n in range(16)],
        },
        16,
    )
    ws.commit("first")
    ws.tag("start")
    ws.save_view(Selection(ws.snapshot(), np.array([2, 0])), id="kept")
    ws.update([1], {"text_a": ["edited"]})
    ws.pop([7])
    ws.commit("second")
    ws.checkout("side", create=True)
    ws.extend({"text_a": ["side"]}, 1)
    ws.commit("on the side")
    ws.checkout("main")
    ws.extend({"text_a": ["waiting"]}, 1)
    ws.flush()
    return store


def flipped(store: MemoryStore, key: str, place: int, bit: int = 1) -> MemoryStore:
    twin = copy_of(store)
    data = bytearray(twin.get(key))
    data[place] ^= 1 << bit
    twin.delete(key)
    twin.put(key, bytes(data))
    return twin


def check(store: MemoryStore, level: str = "full") -> VerifyReport:
    return verify(Repository(store, NoLinks(), ""), level)  # type: ignore[arg-type]


def everything(store: MemoryStore) -> list[object]:
    """All that can be read, whole; what raises an error of ours is not in it."""
    try:
        ws = opened(store)
        refs = [*ws.branches(), *ws.tags()]
    except LakebedError:
        return []
    return [cell for ref in refs for name in ("text_a", "label_a", "image_a") for cell in column(ws, ref, name)]


def column(ws: Workspace, ref: str, name: str) -> list[object]:
    """Cells of a tensor: all at once, or one by one if some are damaged."""
    kind = name.split("_")[0]
    found: list[object] = []
    try:
        version = ws.version(ref)
        names, every = version.info(name).get("class_names", ()), range(len(version))
    except LakebedError:
        return []
    for rows in (every, *([row] for row in every)):
        try:
            samples = version.read(name, rows)
        except LakebedError:
            continue
        found += [(ref, name, row, seen(kind, cell, names)) for row, cell in zip(rows, samples, strict=True)]
        if len(rows) == len(every):
            break
    return found


def places(store: MemoryStore) -> list[tuple[str, int]]:
    """A place in every region: all bytes of small objects, a few in files."""
    found = []
    for stat in store.list():
        if not stat.key.startswith("hints/"):
            step = max(1, stat.size // by_profile(6, 40, 4000))
            found += [(stat.key, place) for place in range(0, stat.size, step)]
    return found


def test_no_flipped_bit_gives_a_wrong_row_or_a_crash_and_verify_tells_of_it() -> None:
    store = dataset()
    truth = set(map(repr, everything(store)))
    assert len(truth) > 100
    unnoticed = []
    for number, (key, place) in enumerate(places(store)):
        twin = flipped(store, key, place, number % 8)
        wrong = set(map(repr, everything(twin))) - truth
        assert not wrong, (key, place)
        if check(twin).ok:
            unnoticed.append((key, place))
    # Not noticed are bytes that no version reads: bundles of states that were replaced, and the framing of chunk files.
    used = {node.split(",")[0] for node in _used_bundles(store)}
    assert not [place for place in unnoticed if not place[0].startswith("chunks/") and place[0] in used]


def rows_of(store: MemoryStore, ref: str) -> str:
    """The biggest file of rows that a version needs."""
    version = opened(store).version(ref)
    fragments = [version.context.fragments.descriptor(entry.fragment) for entry in version.manifest.entries]
    return max(fragments, key=lambda fragment: fragment.rows if fragment.key else 0).key


def _used_bundles(store: MemoryStore) -> set[str]:
    from lakebed.storage.reach import refs_node, walk

    ws = opened(store)
    edges = walk(ws.context, [refs_node(ws.repository.state().entry.refs)], blobs=True)
    return {node.place for node in edges} | {stat.key for stat in store.list("log/")} | {"FORMAT"}


def test_a_file_that_is_gone_or_cut_short_is_noticed_by_the_quick_level() -> None:
    store = dataset()
    for stat in list(store.list()):
        if stat.key.split("/")[0] in {"rows", "log", "FORMAT"}:
            gone, short = copy_of(store), copy_of(store)
            gone.delete(stat.key)
            short.delete(stat.key)
            short.put(stat.key, store.get(stat.key)[: stat.size // 2])
            assert not check(short, "quick").ok, stat.key
            # A missing last entry cannot be told from one that was never written; all others can.
            assert not check(gone, "quick").ok or stat.key.startswith("log/"), stat.key


def test_repair_after_any_flip_leaves_branches_that_can_be_read_and_written() -> None:
    store = dataset()
    truth = {str(text) for ref in ("main", "side") for text in _texts(store, ref)} | {"row 1 " * 9, "row 7 " * 9}
    hopeless = 0
    for number, (key, place) in enumerate(places(store)):
        twin = flipped(store, key, place, number % 8)
        before = {stat.key: twin.get(stat.key) for stat in twin.list()}
        planned = repair(twin, NoLinks(), dry_run=True)
        assert {stat.key: twin.get(stat.key) for stat in twin.list()} == before
        done = repair(twin, NoLinks())
        assert done.actions == planned.actions
        assert bool(done.problems) == (not check(flipped(store, key, place, number % 8)).ok)
        after = {stat.key: twin.get(stat.key) for stat in twin.list()}
        assert {k: v for k, v in after.items() if k in before and k != "FORMAT"} == {
            k: v for k, v in before.items() if k != "FORMAT"
        }
        lost = [ref for ref in ("main", "side") if f"branch {ref!r}: no state of it is whole" in str(done)]
        for ref in ("main", "side"):
            if ref in lost:  # what all its versions share is gone, such as the schema
                with pytest.raises(DamageError):
                    _texts(twin, ref)
            else:
                assert set(_texts(twin, ref)) <= truth, (key, place)
        if "main" not in lost:
            ws = opened(twin)
            ws.extend({"text_a": ["after"]} if "text_a" in ws.schema else {}, 1 if len(ws.schema) else 0)
            ws.commit("after repair", allow_empty=True)
        hopeless += len(lost)
    assert hopeless < number / 4


def _texts(store: MemoryStore, ref: str) -> list[str]:
    version = opened(store).version(ref)
    every = range(len(version))
    for name in version.schema.names:
        version.info(name)
        version.read(name, every)
    return [str(text) for text in version.read("text_a", every)] if "text_a" in version.schema else []


def test_only_the_rows_that_a_damaged_block_touches_are_left_out() -> None:
    store = dataset()
    key = rows_of(store, "main")
    twin = flipped(store, key, store.get(key).index(b"row 11 row 11"))
    report = repair(twin, NoLinks())
    ws = opened(twin)
    kept = [str(text).split(" row")[0].strip() for text in ws.read("text_a", range(len(ws)))]
    assert "edited" in kept  # its new row lies elsewhere
    assert {"row 0", "waiting"} <= set(kept)
    assert "row 11" not in kept
    assert 11 in report.lost_rows["main"]
    assert 1 <= len(report.lost_rows["main"]) < 9
    assert "whole rows, leave out" in str(report)
    assert ws.log()[0].message.startswith("repair:")


def test_a_row_whose_picture_is_damaged_is_left_out_alone() -> None:
    store = dataset()
    key = next(stat.key for stat in store.list("chunks/"))
    data = store.get(key)
    twin = flipped(store, key, len(data) // 2)
    assert not check(twin).ok
    report = repair(twin, NoLinks())
    assert report.lost_rows["main"] == (5,)
    assert len(opened(twin)) == 15


def test_a_damaged_last_log_entry_goes_back_one_state_and_the_log_goes_on() -> None:
    store = dataset()
    last = max(stat.key for stat in store.list("log/"))
    twin = flipped(store, last, 30)
    with pytest.raises(DamageError):
        opened(twin)
    report = repair(twin, NoLinks())
    assert any("go back to the state of log entry" in action for action in report.actions)
    ws = opened(twin)
    assert "waiting" not in _texts(twin, "main")
    assert ws.log()[0].message == "second"


def test_a_damaged_format_file_is_written_anew() -> None:
    twin = flipped(dataset(), "FORMAT", 20)
    with pytest.raises((DamageError, FormatError)):
        opened(twin)
    assert repair(twin, NoLinks()).actions == ("write FORMAT anew",)
    assert check(twin, "deep").ok


def test_a_whole_dataset_is_not_touched_by_repair() -> None:
    store = dataset()
    before = sorted(stat.key for stat in store.list())
    report = repair(store, NoLinks())
    assert str(report).endswith("nothing wrong, nothing done")
    assert sorted(stat.key for stat in store.list()) == before


def test_nothing_but_rubble_is_beyond_repair_and_says_so() -> None:
    store = dataset()
    for stat in list(store.list("meta/")):
        store.delete(stat.key)
    with pytest.raises(DamageError) as caught:
        repair(store, NoLinks())
    assert caught.value.kind == "beyond-repair"


def test_a_report_names_the_place_and_the_versions_that_need_it() -> None:
    store = dataset()
    key = rows_of(store, "start")
    report = check(flipped(store, key, 600))
    assert [problem.kind for problem in report.problems] == ["damaged"]
    assert report.problems[0].place == key
    users = " ".join(report.problems[0].needed_by)
    assert "tag 'start'" in users
    assert key in str(report)


def test_deep_checks_find_values_that_contradict_their_descriptors() -> None:
    store = dataset()
    assert check(store, "deep").ok
    ws = opened(store)
    snapshot = ws.snapshot()
    from dataclasses import replace

    from lakebed.storage.commits import Commit
    from lakebed.storage.objects import Staging
    from lakebed.storage.refs import Branch, Refs

    def lie(refs: Refs, staging: Staging) -> Refs:
        tree = replace(snapshot.tree, rows=snapshot.tree.rows + 1)
        return refs.with_branch("main", Branch(None, staging.add_json(Commit(tree, (), "", 0, None, "main").to_json())))

    ws.repository.publish("lie", lie)
    report = check(store, "deep")
    assert [problem.kind for problem in report.problems][:1] == ["wrong-values"]
    assert "rows" in report.problems[0].message


TABLE = pa.table(
    {
        "number": pa.array([None if n % 7 == 0 else n for n in range(200)], pa.int64()),
        "codes": pa.array([list(range(n % 5)) for n in range(200)], pa.list_(pa.uint32())),
        "text": ["x" * (n % 9) for n in range(200)],
        "boxes": pa.array([[[1.0, 2, 3, 4]] * (n % 3) for n in range(200)], pa.list_(pa.list_(pa.float32(), 4))),
        "nothing": pa.nulls(200),
        "flag": [n % 2 == 0 for n in range(200)],
        "refs": pa.array([None if n % 3 else [{"key": "k", "n": n}] for n in range(200)]),
        "bytes": pa.array([b"y" * (n % 4) for n in range(200)], pa.large_binary()),
    }
)


@given_by(place=st.floats(0, 0.999999), bit=st.integers(0, 7), cut=st.booleans())
@example(place=0.6875781906465174, bit=0, cut=False)  # one run of good rows, and nested strings damaged beside it
def test_salvage_gives_only_rows_that_are_as_they_were_written(place: float, bit: int, cut: bool) -> None:
    assert arrow.BATCH_ROWS == 5 or arrow.BATCH_ROWS > 200
    file = arrow.table_to_file(TABLE)
    sums = block_sums(file)
    data = bytearray(file.to_pybytes())
    where = int(place * len(data))
    if cut:
        del data[where:]
    else:
        data[where] ^= 1 << bit
    table, offsets = salvage.whole_rows(pa.py_buffer(bytes(data)), sums)
    if table is None:
        assert len(offsets) == 0
        return
    table.validate(full=True)
    assert table.to_pylist() == TABLE.take(pa.array(offsets)).to_pylist()
