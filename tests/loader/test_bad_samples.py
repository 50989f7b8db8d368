"""Samples that cannot be read: found, counted, and treated as the caller chose."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.loader import Loader, MaterialisedView, make_loader, materialise, numpy_batches
from lakebed.storage.errors import DamageError, InvalidInputError, StorageError
from lakebed.storage.stores import open_store

from lakebed.errors import LakebedError
from loader_source import MemorySource, coco_like

ROWS = 40
LOST, CUT = 4, 9


def source() -> MemorySource:
    found = coco_like(ROWS)
    del found.files[f"mem://photos/{LOST:04d}.jpg"]
    found.files[f"mem://photos/{CUT:04d}.jpg"] = found.files[f"mem://photos/{CUT:04d}.jpg"][:300]
    return found


def rows_of(loader: Loader) -> list[int]:
    return [row for batch in loader for row in batch["index"].reshape(-1).tolist()]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_by_default_the_first_bad_sample_raises_what_is_wrong_and_where(num_workers: int) -> None:
    with pytest.raises(StorageError, match="the linked file is not there") as caught:
        list(make_loader(source(), batch_size=4, num_workers=num_workers))
    assert caught.value.place == "row 4 (row id 1004), tensor 'images', mem://photos/0004.jpg"


@pytest.mark.parametrize("num_workers", [0, 2])
def test_skip_leaves_bad_samples_out_and_lists_them(num_workers: int) -> None:
    loader = make_loader(source(), batch_size=4, num_workers=num_workers, on_error="skip")
    assert rows_of(loader) == [row for row in range(ROWS) if row not in (LOST, CUT)]
    assert len(loader) == 10
    assert loader.bad_samples.count == loader.stats()["bad_samples"] == 2
    assert [(bad.place.row, bad.place.row_id, bad.place.tensor, bad.done) for bad in loader.bad_samples] == [
        (LOST, 1000 + LOST, "images", "skipped"),
        (CUT, 1000 + CUT, "images", "skipped"),
    ]
    assert next(iter(loader.bad_samples)).place.url == "mem://photos/0004.jpg"
    assert loader.state_dict()["bad"] == 2


def test_the_others_of_a_batch_are_read_once() -> None:
    lost = source()
    assert len(rows_of(make_loader(lost, batch_size=ROWS, on_error="skip", num_threads=0))) == ROWS - 2
    assert lost.fetches == ROWS


@pytest.mark.parametrize("num_workers", [0, 2])
def test_substitutes_keep_batches_full_and_are_the_same_each_time(num_workers: int) -> None:
    options: dict[str, Any] = {"batch_size": 4, "on_error": "substitute", "shuffle": True, "seed": 3}
    loader = make_loader(source(), num_workers=num_workers, **options)
    rows = rows_of(loader)
    assert len(rows) == ROWS
    assert not {LOST, CUT} & set(rows)
    assert rows == rows_of(make_loader(source(), **options))
    assert {bad.done.split()[0] for bad in loader.bad_samples} == {"substituted"}


def test_blank_delivers_a_black_image_beside_the_rows_other_values() -> None:
    batches = list(make_loader(source(), batch_size=1, on_error="blank", resize=(16, 24)))
    assert batches[LOST]["images"].shape == (1, 16, 24, 3)
    assert batches[LOST]["images"].max() == 0
    assert np.array_equal(batches[LOST]["categories"][0].numpy(), coco_like(ROWS).read("categories", [LOST])[0])


def test_too_many_bad_samples_stop_the_epoch_whatever_the_policy() -> None:
    lost = coco_like(ROWS)
    for row in range(20):
        del lost.files[f"mem://photos/{row:04d}.jpg"]
    with pytest.raises(DamageError, match="could not be read, more than max_bad=10") as caught:
        rows_of(make_loader(lost, batch_size=30, on_error="skip", max_bad=0.1))
    assert caught.value.kind == "too-many-bad-samples"


def test_a_batch_without_any_good_sample_is_an_error() -> None:
    with pytest.raises(DamageError, match="none of the 1 samples of a batch could be read"):
        list(make_loader(source(), batch_size=1, on_error="skip"))


def test_unknown_policies_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="found 'ignore'"):
        make_loader(source(), on_error="ignore")  # type: ignore[arg-type]


@pytest.fixture
def damaged(tmp_path: Path) -> MaterialisedView:
    """A view with one byte of a photo flipped on disk."""
    store = open_store(tmp_path / "data", create=True)
    view = MaterialisedView(store, "views/a", materialise(coco_like(ROWS), store, "views/a").key)
    needle = coco_like(ROWS).files["mem://photos/0007.jpg"]
    (chunk,) = (tmp_path / "data" / "views" / "a").glob("[0-9a-f]*.arrow")
    content = bytearray(chunk.read_bytes())
    at = content.index(needle) + len(needle) // 2
    content[at] ^= 1
    os.chmod(chunk, 0o644)
    chunk.write_bytes(content)
    return view


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_flipped_bit_in_a_payload_is_noticed_and_the_row_named(damaged: MaterialisedView, num_workers: int) -> None:
    with pytest.raises(DamageError, match="a payload is not what was written") as caught:
        list(make_loader(damaged, batch_size=4, num_workers=num_workers))
    assert caught.value.place == "row 7 (row id 1007), tensor 'images', mem://photos/0007.jpg"
    loader = make_loader(damaged, batch_size=4, num_workers=num_workers, on_error="skip")
    assert sorted(rows_of(loader)) == [row for row in range(ROWS) if row != 7]


def test_reading_a_damaged_payload_without_a_loader_is_an_error_too(damaged: MaterialisedView) -> None:
    with pytest.raises(DamageError):
        damaged.read("images", [7])
    assert len(damaged.read("images", [6, 8])) == 2
    assert len(damaged.verify()) == 1


def test_every_flipped_byte_of_a_small_view_is_noticed_or_harmless(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data", create=True)
    source = coco_like(3)
    index = materialise(source, store, "views/a")
    folder = tmp_path / "data" / "views" / "a"
    expected = [
        MaterialisedView(store, "views/a", index.key).read(t, range(3)) for t in ("images", "boxes", "categories")
    ]
    noticed = 0
    for path in folder.glob("*.arrow"):
        good = path.read_bytes()
        os.chmod(path, 0o644)
        for at in range(0, len(good), 97):
            path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
            view = MaterialisedView(store, "views/a", index.key)
            try:
                found = [view.read(t, range(3)) for t in ("images", "boxes", "categories")]
            except LakebedError:
                noticed += 1
            else:
                # Only bytes that nothing is read from may differ unseen: padding, and the footer for other programs.
                assert all(
                    np.array_equal(a, b)
                    for mine, theirs in zip(found, expected, strict=True)
                    for a, b in zip(mine, theirs, strict=True)
                )
        path.write_bytes(good)
    assert noticed > 20


def test_a_file_cut_short_is_noticed(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data", create=True)
    index = materialise(coco_like(5), store, "views/a")
    chunk = tmp_path / "data" / "views" / "a" / index.chunks[0].key
    os.chmod(chunk, 0o644)
    chunk.write_bytes(chunk.read_bytes()[:-5])
    with pytest.raises(DamageError, match="were written"):
        MaterialisedView(store, "views/a", index.key).read("boxes", [0])


def test_numpy_batches_follow_the_same_policies() -> None:
    batches = numpy_batches(source(), batch_size=4, on_error="skip", num_threads=2)
    assert sum(len(batch["index"]) for batch in batches) == ROWS - 2
    assert batches.bad_samples.count == 2
    assert len(batches) == 10
