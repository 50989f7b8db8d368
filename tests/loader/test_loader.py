"""The loader as training code sees it: order, shapes, resume, workers, errors."""

from __future__ import annotations

import gc
import inspect
import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakebed.loader import (
    Loader,
    MaterialisedView,
    MaterialiseOptions,
    SampleDict,
    make_dataset,
    make_loader,
    materialise,
)
from lakebed.loader.errors import TransformError
from lakebed.loader.shards import Tail
from lakebed.storage.errors import InvalidInputError, NotFoundError, StateError
from lakebed.storage.stores import open_store

from loader_source import MemorySource, coco_like, spec

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")

ROWS = 53


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> MaterialisedView:
    store = open_store(tmp_path_factory.mktemp("loader") / "data", create=True)
    return MaterialisedView(store, "views/a", materialise(coco_like(ROWS), store, "views/a").key)


def indices(loader: Loader) -> list[list[int]]:
    return [batch["index"].reshape(-1).tolist() for batch in loader]


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


def playbook_transform(sample: dict[str, Any]) -> tuple[torch.Tensor, dict[str, Any]]:
    """The shape of the playbook's transform: gray repeated, labels indexed, tensors returned."""
    image = sample["images"]
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    image[:2] = 0
    boxes, labels = sample["boxes"], sample["categories"]
    wanted = [i for i, label in enumerate(labels) if label in (0, 2, 4)]
    target = {"labels": torch.from_numpy(labels[wanted]), "boxes": torch.from_numpy(boxes[wanted, :])}
    return torch.from_numpy(image[:32, :32].copy()).permute(2, 0, 1).float(), {**target, "row": int(sample["index"][0])}


def as_tuples(batch: list[Any]) -> tuple[Any, ...]:
    return tuple(zip(*batch, strict=True))


def test_it_is_a_dataloader_whose_length_is_the_number_of_batches(view: MaterialisedView) -> None:
    loader = make_loader(view, batch_size=8)
    assert isinstance(loader, torch.utils.data.DataLoader)
    assert len(loader) == 7 == len(list(loader))
    assert len(make_loader(view, batch_size=8, drop_last=True)) == 6


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_playbooks_loader_gives_tuples_of_images_and_targets(view: MaterialisedView, num_workers: int) -> None:
    loader = make_loader(
        view,
        num_workers=num_workers,
        shuffle=True,
        transform=playbook_transform,
        tensors=["images", "categories", "boxes"],
        batch_size=16,
        collate_fn=as_tuples,
    )
    for _ in range(2):
        rows = []
        for images, targets in loader:
            assert all(image.shape == (3, 32, 32) and image.dtype == torch.float32 for image in images)
            assert all(t["boxes"].shape == (len(t["labels"]), 4) and t["labels"].dtype == torch.int64 for t in targets)
            rows += [target["row"] for target in targets]
        assert sorted(rows) == list(range(ROWS))


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("materialised", [True, False])
def test_every_value_is_that_of_its_row(view: MaterialisedView, num_workers: int, materialised: bool) -> None:
    source = coco_like(ROWS)
    loader = make_loader(view if materialised else source, batch_size=7, num_workers=num_workers, shuffle=True)
    for batch in loader:
        for i, row in enumerate(batch["index"].reshape(-1).tolist()):
            for name in ("images", "boxes", "categories"):
                expected = source.read(name, [row])[0]
                assert np.array_equal(batch[name][i].numpy(), expected)
                assert batch[name][i].is_contiguous()


def test_samples_are_writable_contiguous_arrays_of_the_promised_types(view: MaterialisedView) -> None:
    def look(sample: dict[str, Any]) -> dict[str, Any]:
        for array in sample.values():
            assert array.flags.writeable
            assert array.flags.c_contiguous
        assert sample["images"].dtype == np.uint8
        assert sample["images"].ndim == 3
        assert sample["boxes"].dtype == np.float32
        assert sample["boxes"].shape[1:] == (4,)
        assert sample["categories"].dtype == np.int64
        assert sample["categories"].ndim == 1
        assert isinstance(sample, SampleDict)
        return sample

    assert len(list(make_loader(view, transform=look))) == ROWS


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_is_the_same_for_any_number_of_workers(view: MaterialisedView, shuffle: bool) -> None:
    orders = []
    for num_workers in (0, 1, 2, 3):
        loader = make_loader(view, batch_size=5, shuffle=shuffle, seed=9, num_workers=num_workers)
        orders.append([indices(loader), indices(loader)])
    assert all(order == orders[0] for order in orders)
    assert sorted(flat(orders[0][0])) == list(range(ROWS))
    assert (orders[0][0] != orders[0][1]) is shuffle
    if not shuffle:
        assert flat(orders[0][0]) == list(range(ROWS))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_persistent_workers_see_a_new_order_in_every_epoch(view: MaterialisedView, num_workers: int) -> None:
    keeping = make_loader(view, batch_size=5, shuffle=True, seed=9, num_workers=num_workers, persistent_workers=True)
    fresh = make_loader(view, batch_size=5, shuffle=True, seed=9)
    assert [indices(keeping) for _ in range(3)] == [indices(fresh) for _ in range(3)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 12), st.integers(1, 4), st.sampled_from(["balanced", "drop", "pad"]), st.booleans())
def test_ranks_share_an_epoch_exactly_for_every_tail(
    view: MaterialisedView, batch_size: int, world: int, tail: Tail, shuffle: bool
) -> None:
    labels = ["categories"]
    loaders = [
        make_loader(
            view,
            tensors=labels,
            batch_size=batch_size,
            distributed=(rank, world),
            tail=tail,
            shuffle=shuffle,
            seed=4,
            num_threads=0,
        )
        for rank in range(world)
    ]
    seen = [indices(loader) for loader in loaders]
    assert len({len(batches) for batches in seen}) == 1
    counts = Counter(row for batches in seen for row in flat(batches))
    if tail == "drop":
        assert set(counts.values()) <= {1}
        assert sum(counts.values()) == ROWS - ROWS % (batch_size * world)
    else:
        assert set(counts) == set(range(ROWS))
        assert tail == "pad" or set(counts.values()) == {1}


@pytest.mark.parametrize("num_workers", [1, 2, 3])
@pytest.mark.parametrize("world", [1, 3])
@pytest.mark.parametrize("tail", ["balanced", "drop", "pad"])
def test_workers_lose_and_repeat_nothing(view: MaterialisedView, num_workers: int, world: int, tail: Tail) -> None:
    for rank in range(world):
        options: dict[str, Any] = {
            "tensors": ["categories"],
            "batch_size": 4,
            "distributed": (rank, world),
            "tail": tail,
            "shuffle": True,
            "seed": 2,
        }
        assert indices(make_loader(view, num_workers=num_workers, **options)) == indices(make_loader(view, **options))


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("taken", [0, 1, 4, 10, 11])
def test_a_resumed_loader_gives_exactly_the_rest(view: MaterialisedView, taken: int, num_workers: int) -> None:
    options: dict[str, Any] = {"batch_size": 5, "shuffle": True, "tensors": ["categories"]}
    first = make_loader(view, num_workers=2, seed=11, **options)
    whole = [indices(make_loader(view, seed=11, **options))]
    list(first)
    running = iter(first)
    for _ in range(taken):
        next(running)
    state = json.loads(json.dumps(first.state_dict()))
    rest = [batch["index"].reshape(-1).tolist() for batch in running]
    following = indices(first)

    second = make_loader(view, num_workers=num_workers, seed=999, **options)
    second.load_state_dict(state)
    assert second.state_dict() == state
    if taken < 11:
        assert indices(second) == rest
    assert indices(second) == following
    assert len(json.dumps(state)) < 1024
    assert whole != [following]


def test_a_resumed_loader_with_another_batch_size_covers_the_rest_once(view: MaterialisedView) -> None:
    first = make_loader(view, batch_size=5, shuffle=True, seed=1)
    running = iter(first)
    seen = [next(running)["index"].reshape(-1).tolist() for _ in range(3)]
    second = make_loader(view, batch_size=8, shuffle=True, seed=1)
    second.load_state_dict(first.state_dict())
    assert sorted(flat(seen) + flat(indices(second))) == list(range(ROWS))


def test_a_state_of_other_rows_is_refused_unless_forced(view: MaterialisedView) -> None:
    other = make_loader(coco_like(20), batch_size=5)
    with pytest.raises(StateError, match="saved with rows 53"):
        other.load_state_dict(make_loader(view, batch_size=5).state_dict())
    other.load_state_dict(make_loader(view, batch_size=5).state_dict(), force=True)
    assert len(indices(other)) == 4
    with pytest.raises(InvalidInputError, match="no state"):
        other.load_state_dict({"epoch": 3})


def test_set_epoch_chooses_the_order(view: MaterialisedView) -> None:
    loader = make_loader(view, batch_size=5, shuffle=True, seed=6)
    first, second = indices(loader), indices(loader)
    loader.set_epoch(0)
    assert indices(loader) == first
    assert indices(loader) == second


def bad_transform(sample: dict[str, Any]) -> Any:
    if int(sample["index"][0]) == 17:
        raise ZeroDivisionError("no area")
    return sample


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_error_of_a_transform_names_the_row_and_its_url(view: MaterialisedView, num_workers: int) -> None:
    loader = make_loader(view, batch_size=4, transform=bad_transform, num_workers=num_workers)
    with pytest.raises(TransformError, match="transform raised ZeroDivisionError: no area") as caught:
        list(loader)
    assert caught.value.place == "row 17 (row id 1017), mem://photos/0017.jpg"
    assert "in bad_transform" in "".join(caught.value.__notes__)
    assert caught.value.kind == "transform-failed"


def test_a_dict_of_transforms_applies_to_its_tensors_alone(view: MaterialisedView) -> None:
    loader = make_loader(view, transform={"categories": lambda labels: labels + 100, "boxes": None})
    batch = next(iter(loader))
    assert list(batch.keys()) == ["categories", "boxes", "index"]
    assert batch["categories"].min() >= 100
    with pytest.raises(InvalidInputError, match="transform names masks"):
        make_loader(view, transform={"masks": None})


def test_transform_kwargs_reach_the_transform(view: MaterialisedView) -> None:
    def pick(sample: dict[str, Any], key: str) -> Any:
        return sample[key]

    batch = next(iter(make_loader(view, transform=pick, transform_kwargs={"key": "index"}, batch_size=3)))
    assert batch.reshape(-1).tolist() == [0, 1, 2]


def test_batches_unpack_into_their_values(view: MaterialisedView) -> None:
    loader = make_loader(view, tensors=["boxes", "categories"], return_index=False, batch_size=2)
    boxes, categories = next(iter(loader))
    assert boxes[0].shape[1] == 4
    assert categories[0].dtype == torch.int64


@pytest.mark.parametrize("num_workers", [0, 2])
def test_images_of_one_size_are_stacked_into_one_tensor(view: MaterialisedView, num_workers: int) -> None:
    source = coco_like(20, uniform=True)
    for loader in (
        make_loader(source, batch_size=6, num_workers=num_workers),
        make_loader(source, batch_size=6, num_workers=num_workers, resize=(24, 40)),
    ):
        shape = (24, 40, 3) if loader.arguments.resize else (48, 64, 3)
        assert [tuple(batch["images"].shape) for batch in loader] == [(6, *shape)] * 3 + [(2, *shape)]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_batches_that_are_kept_are_never_overwritten(tmp_path: Path, num_workers: int) -> None:
    store = open_store(tmp_path / "data", create=True)
    source = coco_like(60, uniform=True)
    uniform = MaterialisedView(store, "views/u", materialise(source, store, "views/u").key)
    loader = make_loader(uniform, batch_size=4, num_workers=num_workers, shuffle=True)
    kept = list(loader)
    singles = [image for batch in loader for image in batch["images"][:1]]
    gc.collect()
    for batch in kept:
        assert batch["images"].shape == (4, 48, 64, 3)
        for image, row in zip(batch["images"], batch["index"].reshape(-1).tolist(), strict=True):
            assert np.array_equal(image.numpy(), source.read("images", [row])[0])
    assert len(singles) == 15


def test_boxes_follow_their_image_when_it_is_resized(view: MaterialisedView) -> None:
    source = coco_like(ROWS)
    for batch in make_loader(view, resize=(20, 30), batch_size=10):
        for row, boxes in zip(batch["index"].reshape(-1).tolist(), batch["boxes"], strict=True):
            height, width = source.read("images", [row])[0].shape[:2]
            scale = np.array([30 / width, 20 / height] * 2)
            assert np.allclose(boxes.numpy(), source.read("boxes", [row])[0] * scale, atol=1e-4)


def test_decode_methods_give_files_pictures_and_dictionaries(view: MaterialisedView) -> None:
    def first(method: str) -> Any:
        plain: list[Any] = []
        loader = make_loader(view, tensors=["images"], decode_method={"images": method}, collate_fn=lambda b: b[0])
        plain.append(next(iter(loader))["images"])
        return plain[0]

    assert first("tobytes") == coco_like(1).files["mem://photos/0000.jpg"]
    assert first("pil").size == (56, 40)
    assert first("data")["value"].shape == (40, 56, 1)
    with pytest.raises(InvalidInputError, match="found 'bytes'"):
        first("bytes")
    with pytest.raises(InvalidInputError, match="'pil' is for images"):
        make_loader(view, decode_method={"boxes": "pil"})


def test_unknown_tensors_are_named_before_anything_is_read(view: MaterialisedView) -> None:
    with pytest.raises(NotFoundError, match="no tensor 'image'"):
        make_loader(view, tensors=["image"])


def test_more_ranks_than_rows_is_an_error_with_a_way_out(view: MaterialisedView) -> None:
    with pytest.raises(InvalidInputError, match="53 rows cannot be shared by 60 ranks"):
        make_loader(view, distributed=(0, 60))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_epoch_that_is_left_half_way_leaves_nothing_behind(view: MaterialisedView, num_workers: int) -> None:
    import multiprocessing

    before_threads, before_files = set(threading.enumerate()), open_files()
    loader = make_loader(view, batch_size=2, num_workers=num_workers, shuffle=True)
    for batch in loader:
        assert len(batch["index"]) == 2
        break
    for i, _ in enumerate(loader):
        if i == 3:
            break
    del loader, batch
    gc.collect()
    assert not multiprocessing.active_children()
    # The queues of PyTorch's workers close without waiting for the threads that fed them: those end a moment later.
    new = [thread for thread in threading.enumerate() if thread not in before_threads]
    for thread in new:
        thread.join(10)
    assert not [thread for thread in new if thread.is_alive()]
    assert open_files() <= before_files + 1


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_workers_can_be_spawned(view: MaterialisedView) -> None:
    loader = make_loader(
        view,
        batch_size=16,
        num_workers=1,
        shuffle=True,
        seed=5,
        transform=playbook_transform,
        collate_fn=as_tuples,
        multiprocessing_context="spawn",
    )
    same = make_loader(view, batch_size=16, shuffle=True, seed=5, transform=playbook_transform, collate_fn=as_tuples)
    for (mine, _), (theirs, _) in zip(loader, same, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_stats_count_what_was_delivered(view: MaterialisedView) -> None:
    loader = make_loader(view, batch_size=8)
    list(loader)
    stats = loader.stats()
    assert (stats["batches"], stats["samples"], stats["bad_samples"]) == (7, ROWS, 0)
    assert stats["load_ms_p95"] >= stats["load_ms_p50"] > 0
    assert stats["bound"] in {"consumer", "decode", "transform"}


def test_the_seed_follows_torch_where_none_is_given(view: MaterialisedView) -> None:
    seeds = []
    for _ in range(2):
        torch.manual_seed(3)
        seeds.append(make_loader(view, shuffle=True).seed)
    assert seeds[0] == seeds[1]
    assert make_loader(view, shuffle=True).seed != seeds[0]


def test_shuffling_class_sorted_data_mixes_classes_like_a_full_permutation(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data", create=True)
    classes, rows = 20, 8000
    labels = [np.array([i * classes // rows], np.uint32) for i in range(rows)]
    source = MemorySource([spec("labels", "class_label")], {"labels": labels})
    options = MaterialiseOptions(chunk_bytes=1 << 10)
    sorted_view = MaterialisedView(store, "views/s", materialise(source, store, "views/s", options).key)
    assert len(sorted_view.index.chunks) > 30
    expected = 100 / classes * (1 - 1 / classes) * (rows - 100) / (rows - 1)
    for window in (1, 4, 0):
        loader = make_loader(sorted_view, batch_size=100, shuffle=True, seed=1, window=window)
        # One epoch estimates the variance to 4%, so that several are needed to see 5%.
        batches = [batch.rows for epoch in range(12) for batch in loader.plan(epoch, 0).batches()]
        counts = np.array([np.bincount(chosen * classes // rows, minlength=classes) for chosen in batches])
        assert abs(np.var(counts) / expected - 1) < 0.05, window


@pytest.mark.parametrize("num_workers", [0, 2])
def test_rows_that_only_fill_the_last_batch_are_marked(view: MaterialisedView, num_workers: int) -> None:
    real: list[int] = []
    for rank in (0, 1):
        options: dict[str, Any] = {"batch_size": 6, "shuffle": True, "seed": 2, "tail": "pad", "distributed": (rank, 2)}
        for batch in make_loader(view, num_workers=num_workers, tensors=["categories"], **options):
            assert batch["valid"].dtype == torch.bool
            assert len(batch["valid"]) == 6
            real += batch["index"].reshape(-1)[batch["valid"]].tolist()
    assert ROWS % 12
    assert sorted(real) == list(range(ROWS))
    assert "valid" not in next(iter(make_loader(view, batch_size=6)))


def test_a_transform_sees_which_rows_only_fill_a_batch(view: MaterialisedView) -> None:
    def transform(sample: Any) -> bool:
        return bool(sample["valid"])

    loader = make_loader(view, batch_size=ROWS - 1, tail="pad", transform=transform)
    assert [int(batch.sum()) for batch in loader] == [ROWS - 1, 1]


def test_a_tensor_called_valid_and_padding_exclude_each_other() -> None:
    source = MemorySource([spec("valid", "class_label")], {"valid": [np.array([1], np.uint32)] * 3})
    with pytest.raises(InvalidInputError, match="a tensor has that name"):
        make_loader(source, batch_size=2, tail="pad")
    assert len(list(make_loader(source, batch_size=2))) == 2


def test_a_map_style_dataset_works_with_any_sampler(view: MaterialisedView) -> None:
    dataset = make_dataset(view, tensors=["categories"], transform=lambda sample: int(sample["index"][0]))
    assert len(dataset) == ROWS
    assert dataset[-1] == ROWS - 1
    with pytest.raises(IndexError):
        dataset[ROWS]
    sampler = torch.utils.data.WeightedRandomSampler([0.0] * 50 + [1.0] * 3, 30)
    batches = list(torch.utils.data.DataLoader(dataset, batch_size=7, sampler=sampler))
    assert {int(row) for batch in batches for row in batch} <= {50, 51, 52}
    shuffled = torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True)
    assert sorted(int(row) for batch in shuffled for row in batch) == list(range(ROWS))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_another_dataloader_around_the_dataset_gets_plain_batches(view: MaterialisedView, num_workers: int) -> None:
    loader = make_loader(view, batch_size=8, shuffle=True, tensors=["categories"])
    wrapped = torch.utils.data.DataLoader(loader.dataset, batch_size=None, num_workers=num_workers)
    rows = [row for batch in wrapped for row in batch["index"].reshape(-1).tolist()]
    assert sorted(rows) == list(range(ROWS))
    assert sorted(flat(indices(loader))) == list(range(ROWS))


def test_a_view_of_many_chunks_needs_few_file_descriptors(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data", create=True)
    source = MemorySource([spec("labels", "class_label")], {"labels": [np.arange(300, dtype=np.uint32)] * 400})
    options = MaterialiseOptions(chunk_bytes=1 << 12)
    many = MaterialisedView(store, "views/s", materialise(source, store, "views/s", options).key)
    before = open_files()
    assert sum(len(batch["index"]) for batch in make_loader(many, batch_size=16, num_threads=0)) == 400
    assert len(many.index.chunks) > 60
    assert many.open_files > 60
    assert open_files() < before + 10


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": None},
        {"batch_size": 2.5},
        {"prefetch_factor": 0},
        {"num_threads": -1},
        {"window": -1},
        {"min_side": 0},
        {"timeout": -1},
        {"seed": 2**63},
        {"seed": 1.5},
        {"resize": 5},
        {"tensors": "images"},
        {"transform": 5},
        {"transform": {"boxes": 5}},
        {"num_workers": -1},
        {"num_workers": None},
        {"num_workers": "2"},
        {"num_workers": True},
        {"decode_method": "pil"},
        {"distributed": 3},
        {"distributed": (1, 2, 3)},
        {"distributed": ("0", 2)},
        {"max_bad": -0.1},
        {"max_bad": 2},
        {"max_bad": "1%"},
        {"collate_fn": 5},
    ],
)
def test_arguments_without_a_meaning_are_refused_by_name(view: MaterialisedView, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        make_loader(view, **options)


def test_without_a_timeout_batches_are_waited_for(view: MaterialisedView) -> None:
    assert len(indices(make_loader(view, batch_size=8, timeout=0, num_threads=2))) == 7


def test_a_loader_made_again_from_its_attributes_as_trainers_do_is_the_same(view: MaterialisedView) -> None:
    first = make_loader(view, batch_size=8, shuffle=True, seed=3)
    known = {*inspect.signature(torch.utils.data.DataLoader.__init__).parameters, "seed"}
    taken = {name: value for name, value in vars(first).items() if name in known}
    again = Loader(**{**taken, "sampler": None, "batch_sampler": None})
    assert indices(again) == indices(first)
