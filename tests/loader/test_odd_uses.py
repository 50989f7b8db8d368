"""What users do to a loader that its documentation does not show: an answer, or an error that says what to do."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lakebed.loader import TransformError, WorkerError, make_loader, numpy_batches
from lakebed.storage.errors import InvalidInputError
from torch.utils.data import DataLoader

import lakebed
from face_data import fresh_path
from loader_source import MemorySource, coco_like, jpeg_bytes, spec

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")


@pytest.fixture
def source() -> MemorySource:
    return coco_like(21)


def rows(batches: Any) -> list[int]:
    return sorted(int(row) for batch in batches for row in np.asarray(batch["index"]).reshape(-1))


ODD: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "nothing": (lambda sample: None, [None] * 3),
    "text": (lambda sample: "abc", ["abc"] * 3),
    "a list": (lambda sample: [1, 2], [[1, 2]] * 3),
    "of several kinds": (lambda sample: 1 if sample["index"][0] % 2 else "x", ["x", 1, "x"]),
    "nothing beside": (lambda sample: {"a": None, "b": {"c": 1.5}}, {"a": [None] * 3, "b": {"c": [1.5] * 3}}),
    "objects": (lambda sample: np.array(["a", None], object).tolist(), [["a", None]] * 3),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("num_workers", [0, 1])
def test_what_makes_no_array_stays_a_list(source: MemorySource, name: str, num_workers: int) -> None:
    transform, expected = ODD[name]
    batch: Any = next(iter(make_loader(source, transform=transform, batch_size=3, num_workers=num_workers)))
    if name == "nothing beside":
        batch["b"]["c"] = batch["b"]["c"].tolist()
    assert batch == expected


@pytest.mark.parametrize("dtype", ["f2", ">f4", "?", "u2", "u4", "u8", "c8", "i1"])
def test_arrays_of_any_number_and_layout_become_tensors(source: MemorySource, dtype: str) -> None:
    def transform(sample: Any) -> Any:
        return np.arange(6).astype(dtype).reshape(2, 3)[::-1].T

    (batch,) = list(make_loader(source, transform=transform, batch_size=21))
    assert batch.shape == (21, 3, 2)
    assert np.array_equal(batch[7].numpy(), transform(None))


UNLIKE: dict[str, Callable[[Any], Any]] = {
    "other keys": lambda sample: {"a": 1} if sample["index"][0] % 2 else {"b": 1},
    "other lengths": lambda sample: (1,) if sample["index"][0] % 2 else (1, 2),
    "a key less": lambda sample: sample.pop("boxes") is None or sample if sample["index"][0] == 2 else sample,
    "a dict and a number": lambda sample: {"a": 1} if sample["index"][0] % 2 == 0 else 1,
}


@pytest.mark.parametrize("name", UNLIKE)
@pytest.mark.parametrize("num_workers", [0, 1])
def test_samples_that_make_no_batch_are_an_error_that_names_the_rows(
    source: MemorySource, name: str, num_workers: int
) -> None:
    with pytest.raises(TransformError, match="make no batch") as caught:
        list(make_loader(source, transform=UNLIKE[name], batch_size=4, num_workers=num_workers))
    assert caught.value.kind == "samples-differ"
    assert caught.value.place == "rows 0, 1, 2, 3"
    assert "collate_fn=" in caught.value.hint


@pytest.mark.parametrize("tensor", ["boxes", "categories"])
def test_values_are_no_files_and_asking_for_their_bytes_is_refused(source: MemorySource, tensor: str) -> None:
    with pytest.raises(InvalidInputError, match="'tobytes' is for files and texts") as caught:
        make_loader(source, decode_method={tensor: "tobytes"})
    assert ".tobytes()" in caught.value.hint


@pytest.mark.parametrize(("htype", "mode"), [("image", "RGB"), ("image.gray", "L")])
def test_a_missing_image_is_an_empty_picture_where_pictures_are_asked_for(htype: str, mode: str) -> None:
    images = spec("images", htype, sample_compression="jpeg")
    source = MemorySource([images], {"images": [jpeg_bytes(1, gray=mode == "L"), None]})
    (batch,) = list(numpy_batches(source, batch_size=2, decode_method={"images": "pil"}))
    assert [(picture.mode, picture.size) for picture in batch["images"]] == [(mode, (64, 48)), (mode, (0, 0))]


def test_texts_and_files_are_given_as_bytes() -> None:
    source = MemorySource([spec("words", "text")], {"words": ["ŵ", "", "x"]})
    (batch,) = list(numpy_batches(source, batch_size=3, decode_method={"words": "tobytes"}))
    assert batch["words"] == ["ŵ".encode(), b"", b"x"]


@pytest.mark.filterwarnings("ignore:Got pickle error:UserWarning")
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_transform_that_cannot_be_sent_is_an_error_that_says_how_it_could(method: str) -> None:
    linked = coco_like(5)
    loader = make_loader(linked, transform=lambda sample: 1, num_workers=1, multiprocessing_context=method)
    with pytest.raises(InvalidInputError, match="cannot be sent") as caught:
        iter(loader)
    assert caught.value.kind == "not-picklable"
    assert "top of a module" in caught.value.hint


@pytest.mark.parametrize("options", [{"multiprocessing_context": "thread"}, {"timeout": "2"}, {"timeout": None}])
def test_arguments_of_torchs_are_checked_here_too(source: MemorySource, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        make_loader(source, num_workers=1, **options)


def interrupted(sample: Any) -> Any:
    raise KeyboardInterrupt


def test_a_worker_that_ends_without_a_word_is_noticed_long_before_the_deadline(source: MemorySource) -> None:
    loader = make_loader(source, transform=interrupted, num_workers=1, timeout=100_000)
    with pytest.raises(WorkerError, match="a worker process died"):
        list(loader)


def slow(sample: Any) -> Any:
    if int(sample["index"][0]) == 2:
        time.sleep(1.5)
    return sample


def test_a_wait_is_taken_up_again_until_the_deadline(source: MemorySource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakebed.loader.dataloader._LOOK_AFTER", 0.2)
    loader = make_loader(source, transform=slow, num_workers=1, batch_size=2, persistent_workers=True)
    assert rows(loader) == list(range(21))
    for _ in loader:
        break  # the worker is about to be slow
    assert rows(loader) == list(range(21))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only a fork inherits what its parent no longer needs")
def test_a_fork_that_collects_its_parents_iterator_leaves_the_workers_alone(
    source: MemorySource, capfd: pytest.CaptureFixture[str]
) -> None:
    loader = make_loader(source, num_workers=1, batch_size=2)
    running = iter(loader)
    next(running)
    child = os.fork()
    if child == 0:
        del running, loader
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert "Exception ignored" not in capfd.readouterr().err
    assert len(list(running)) == 10


@pytest.mark.parametrize("options", [{"num_workers": 0}, {"num_workers": 2}, {"num_workers": 8}])
@pytest.mark.parametrize("persistent", [False, True])
def test_an_epoch_left_in_the_middle_spoils_none_after_it(
    source: MemorySource, options: dict[str, Any], persistent: bool
) -> None:
    loader = make_loader(source, batch_size=4, shuffle=True, persistent_workers=persistent, **options)
    for _ in loader:
        break
    for _ in range(2):
        assert rows(loader) == list(range(21))


def test_two_loaders_over_one_source_and_loaders_in_threads_do_not_disturb_each_other(source: MemorySource) -> None:
    first = make_loader(source, batch_size=4, shuffle=True, seed=1, num_workers=1)
    second = make_loader(source, batch_size=4, shuffle=True, seed=2)
    pairs = list(zip(first, second, strict=True))
    assert rows(a for a, _ in pairs) == rows(b for _, b in pairs) == list(range(21))
    found: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(rows(make_loader(source, batch_size=4, num_workers=n))))
        for n in (0, 1, 0)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(21))] * 3


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize(("count", "batch", "lengths"), [(0, 4, []), (1, 8, [1]), (3, 100, [3])])
def test_few_rows_or_none_are_an_epoch_too(num_workers: int, count: int, batch: int, lengths: list[int]) -> None:
    loader = make_loader(coco_like(count), batch_size=batch, shuffle=True, num_workers=num_workers)
    assert [len(batch["index"]) for batch in loader] == lengths
    assert len(loader) == len(lengths)
    assert len(make_loader(coco_like(count), batch_size=batch, drop_last=True)) == 0


def test_tensorflow_is_told_of_no_pictures() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("images", htype="image", sample_compression="png")
    ds.append({"images": np.zeros((2, 2, 3), np.uint8)})
    with pytest.raises(InvalidInputError, match="no type for Pillow's images") as caught:
        ds.tensorflow(decode_method={"images": "pil"})
    assert caught.value.kind == "no-tensorflow-type"
    with pytest.raises(InvalidInputError, match="decode_method is a dict"):
        ds.tensorflow(decode_method="pil")


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_loader_put_into_another_one_says_that_it_is_one_already(source: MemorySource, shuffle: bool) -> None:
    loader: Any = make_loader(source, batch_size=3)
    with pytest.raises(InvalidInputError) as caught:
        next(iter(DataLoader(loader, batch_size=2, shuffle=shuffle)))
    assert "batch_size=n" in caught.value.hint
