"""Memory that is used again: slots of a process, and blocks between processes."""

from __future__ import annotations

import gc
import pickle
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lakebed.loader.collate import collate_numpy, collate_torch
from lakebed.loader.samples import SampleDict
from lakebed.loader.slots import SlotPool
from lakebed.loader.transport import AVAILABLE, BatchMemory, Receiver, Sender

needs_blocks = pytest.mark.skipif(not AVAILABLE, reason="this system has no anonymous shared files")
Pair = namedtuple("Pair", "first second")


def test_a_forgotten_slot_is_used_again() -> None:
    pool = SlotPool()
    for _ in range(10):
        pool.take(5000)[:] = 1
    assert pool.made == 1
    assert pool.in_use == 0


def test_a_slot_is_kept_while_any_view_of_it_can_be_seen() -> None:
    pool = SlotPool()
    tensor = torch.from_numpy(pool.take(64).reshape(8, 8))[2:4].float().byte()
    row = torch.from_numpy(pool.take(64).reshape(8, 8))[3]
    array = pool.take(64).reshape(8, 8).T[1:]
    gc.collect()
    assert tensor.shape == (2, 8)
    assert pool.in_use == 2
    del row, array
    gc.collect()
    assert pool.in_use == 0


@given(st.lists(st.tuples(st.integers(1, 4000), st.booleans()), max_size=30))
def test_slots_in_use_never_overlap(wanted: list[tuple[int, bool]]) -> None:
    pool, kept = SlotPool(), []
    for number, (size, keep) in enumerate(wanted):
        slot = pool.take(size)
        slot[:] = number % 251
        if keep:
            kept.append((slot, number % 251))
        del slot
    assert all((slot == value).all() for slot, value in kept)


def through(sender: Sender, batch: Any, memory: BatchMemory | None = None) -> Any:
    """`batch` as the consumer gets it; both ends are in this process."""
    parcel = sender.pack(batch, memory.lease if memory else None)
    function, arguments = parcel.__reduce__()
    return function(*arguments)


@needs_blocks
def test_a_consumer_that_keeps_everything_gets_it_without_ever_more_blocks() -> None:
    receiver = Receiver()
    sender = Sender(receiver.token)
    kept = [through(sender, {"x": torch.full((100,), number), "y": np.full(5, number)}) for number in range(200)]
    assert all(int(batch["x"][99]) == int(batch["y"][4]) == number for number, batch in enumerate(kept))
    assert len(sender._blocks) == len(receiver._blocks) == 64
    kept[150]["x"] += 1
    del kept
    gc.collect()
    large = [through(sender, torch.full((5000 * size,), size)) for size in range(1, 80)]
    assert all(int(tensor[-1]) == size for size, tensor in enumerate(large, 1))
    assert len(sender._blocks) == len(receiver._blocks) == 64


@needs_blocks
def test_a_batch_that_outgrows_its_block_is_never_moved_onto_itself() -> None:
    receiver = Receiver()
    sender = Sender(receiver.token)
    for _ in range(3):
        memory = BatchMemory(sender, {"images": (40, 50, 3)})
        images = memory(4)["images"]
        for i in range(4):
            images[i] = i
        batch = {"labels": np.arange(30_000), "images": [images[3], images[1], images[0]]}
        got = through(sender, batch, memory)
        assert got["labels"].tolist() == list(range(30_000))
        assert (
            [int(image.min()) for image in got["images"]] == [int(image.max()) for image in got["images"]] == [3, 1, 0]
        )


@needs_blocks
def test_any_structure_of_arrays_and_tensors_arrives_as_it_was_sent() -> None:
    receiver = Receiver()
    batch: dict[str, Any] = {
        "arrays": [np.arange(6.0).reshape(2, 3), np.zeros((0, 4), np.float32), np.array(3)],
        "tensors": (torch.arange(5), torch.ones(2, 3).t(), torch.zeros(0, 4), torch.tensor(1.5, dtype=torch.bfloat16)),
        "pair": Pair(torch.ones(3, dtype=torch.bool), "text"),
        "none": None,
        "strings": np.array(["a", "bc"]),
        "objects": np.array([{"x": 1}, None], dtype=object),
    }
    got = through(Sender(receiver.token), batch)
    assert [a.tolist() for a in got["arrays"]] == [a.tolist() for a in batch["arrays"]]
    for mine, theirs in zip(got["tensors"], batch["tensors"], strict=True):
        assert mine.dtype == theirs.dtype
        assert torch.equal(mine, theirs)
    assert isinstance(got["pair"], Pair)
    assert got["pair"].first.tolist() == [True] * 3
    assert (got["none"], got["strings"].tolist(), got["objects"].tolist()) == (None, ["a", "bc"], [{"x": 1}, None])


@needs_blocks
def test_what_arrives_can_be_written_to() -> None:
    receiver = Receiver()
    got = through(Sender(receiver.token), [torch.zeros(4), np.zeros(4)])
    got[0] += 1
    got[1] += 1
    assert got[0].tolist() == got[1].tolist() == [1] * 4


@needs_blocks
def test_blocks_are_used_again_when_the_consumer_lets_go_and_never_before() -> None:
    receiver = Receiver()
    sender = Sender(receiver.token)
    for number in range(20):
        got = through(sender, torch.full((1000,), number))
        assert got[0] == number
        del got
    assert len(sender._blocks) == 1
    kept = [through(sender, torch.full((1000,), number)) for number in range(6)]
    assert [int(tensor[500]) for tensor in kept] == list(range(6))
    assert len(sender._blocks) == 6
    part = kept[3][10:20]
    del kept
    gc.collect()
    later = [through(sender, torch.full((1000,), 99)) for _ in range(5)]
    assert part.tolist() == [3] * 10
    assert len(later) == 5


@needs_blocks
def test_what_was_decoded_into_a_block_is_not_copied() -> None:
    receiver = Receiver()
    sender = Sender(receiver.token)
    memory = BatchMemory(sender, {"images": (4, 5, 3)})
    images = memory(2)["images"]
    images[:] = 7
    got = through(sender, {"images": torch.from_numpy(images), "labels": np.arange(100_000)}, memory)
    assert got["images"].unique().tolist() == [7]
    assert got["labels"].sum() == np.arange(100_000).sum()
    small = BatchMemory(sender, {"images": (4, 5, 3)})
    direct = small(2)["images"]
    arrived = through(sender, torch.from_numpy(direct), small)
    direct[0, 0, 0, 0] = 99
    assert arrived[0, 0, 0, 0] == 99


@needs_blocks
def test_a_block_can_be_sent_to_another_process() -> None:
    import multiprocessing

    receiver = Receiver()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    done = context.Event()
    process = context.Process(target=send_one, args=(receiver.token, queue, done))
    process.start()
    got = queue.get(timeout=60)
    done.set()
    process.join(60)
    assert got["x"].tolist() == [1, 2, 3]


def send_one(token: str, queue: Any, done: Any) -> None:
    queue.put(Sender(token).pack({"x": torch.tensor([1, 2, 3])}, None))
    done.wait(60)


@needs_blocks
def test_a_parcel_without_a_receiver_is_nothing() -> None:
    receiver = Receiver()
    parcel = Sender(receiver.token).pack([1], None)
    function, arguments = parcel.__reduce__()
    del receiver
    gc.collect()
    assert function(*arguments) is None


def test_pickles_of_loader_errors_keep_place_and_hint() -> None:
    from lakebed.loader.errors import TransformError

    error = TransformError("it raised", place="row 3", hint="look")
    again = pickle.loads(pickle.dumps(error))
    assert (again.message, again.place, again.hint, again.kind) == ("it raised", "row 3", "look", "transform-failed")


def test_collation_stacks_what_is_alike_and_keeps_the_rest_as_lists() -> None:
    samples = [
        {"x": np.ones(3, np.uint16), "pair": Pair(1, 2.5), "deep": {"y": torch.ones(2)}, "text": "a"},
        {"x": np.zeros(3, np.uint16), "pair": Pair(3, 4.5), "deep": {"y": torch.zeros(2)}, "text": "b"},
    ]
    batch = collate_torch(samples)
    assert batch["x"].dtype == torch.int32
    assert (batch["pair"].first.tolist(), batch["pair"].second.tolist()) == ([1, 3], [2.5, 4.5])
    assert batch["deep"]["y"].shape == (2, 2)
    assert batch["text"] == ["a", "b"]
    ragged = collate_numpy([(np.ones(2), [1]), (np.ones(3), [2])])
    assert [part.shape for part in ragged[0]] == [(2,), (3,)]
    assert ragged[1] == [[1], [2]]


def test_values_of_json_tensors_stay_as_they_are() -> None:
    batch = collate_torch([SampleDict(it={"a": 1}), SampleDict(it=None)])
    assert batch["it"] == [{"a": 1}, None]
