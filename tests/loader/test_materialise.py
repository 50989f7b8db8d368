"""What the materialiser writes, when it stops, and how it goes on."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lakebed.loader import MaterialisedView, MaterialiseOptions, jpeg, materialise, raw
from lakebed.loader.transcode import can_transcode
from lakebed.storage.codecs import decode_image
from lakebed.storage.errors import InvalidInputError, RangeError, StorageError
from lakebed.storage.stores import Store, open_store

from lakebed.errors import LakebedError
from loader_source import MemorySource, coco_like, jpeg_bytes, photo, progressive_jpeg, spec

PREFIX = "views/one"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "data", create=True)


def view_of(source: MemorySource, store: Store, **options: Any) -> MaterialisedView:
    index = materialise(source, store, PREFIX, MaterialiseOptions(**options))
    return MaterialisedView(store, PREFIX, index.key)


def payloads(view: MaterialisedView | MemorySource, tensor: str = "images") -> list[bytes | None]:
    cells = view.cells(tensor, range(len(view)))[""]
    return [None if cell.as_buffer() is None else cell.as_buffer().to_pybytes() for cell in cells]


@pytest.mark.parametrize("num_workers", [0, 3])
@pytest.mark.parametrize("order", ["shuffled", "view"])
def test_a_view_reads_like_its_source_with_links_turned_into_bytes(store: Store, order: str, num_workers: int) -> None:
    source = coco_like(90)
    view = view_of(source, store, order=order, num_workers=num_workers)
    assert len(view) == 90
    assert payloads(view) == [source.files[f"mem://photos/{i:04d}.jpg"] for i in range(90)]
    for tensor in ("images", "boxes", "categories"):
        for mine, theirs in zip(view.read(tensor, range(90)), source.read(tensor, range(90)), strict=True):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs)
    assert np.array_equal(view.row_ids, source.row_ids)
    assert view.schema["images"].full_htype == "image"
    assert view.info("categories")["class_names"][0] == "car"
    assert view.urls("images", [3]) == ["mem://photos/0003.jpg"]
    assert view.urls("boxes", [3]) == [None]


def test_rows_are_stored_in_a_random_order_unless_the_views_own_is_asked_for(store: Store) -> None:
    source = coco_like(50)
    shuffled = view_of(source, store).index.view_rows
    assert sorted(shuffled) == list(range(50))
    assert shuffled.tolist() != list(range(50))
    assert view_of(source, store, order="view").index.view_rows.tolist() == list(range(50))


def test_any_rows_are_read_in_the_order_asked_for_repeats_included(store: Store) -> None:
    source = coco_like(40)
    view = view_of(source, store)
    rows = [7, 3, 39, 3, 0, -1]
    for mine, row in zip(view.read("boxes", rows), rows, strict=True):
        assert np.array_equal(mine, source.read("boxes", [row % 40])[0])
    with pytest.raises(RangeError, match="row 40 is outside the 40 rows"):
        view.cells("boxes", [40])


def test_a_table_of_a_view_has_every_row_in_view_order(store: Store) -> None:
    view = view_of(coco_like(30), store)
    table = view.table(["_view_row", "categories", "images"])
    assert table.column("_view_row").to_pylist() == list(range(30))
    assert table.column("images").null_count == 30


def test_only_chosen_tensors_are_copied(store: Store) -> None:
    view = view_of(coco_like(10), store, tensors=["categories"])
    assert view.schema.names == ("categories",)


def test_a_view_without_rows_can_be_materialised(store: Store) -> None:
    source = MemorySource([spec("boxes", "bbox")], {"boxes": []})
    view = view_of(source, store)
    assert len(view) == 0
    assert view.read("boxes", []) == []
    assert view.table(["boxes"]).num_rows == 0


def test_chunk_files_are_plain_arrow_files_that_anyone_can_read(store: Store) -> None:
    view = view_of(coco_like(20), store)
    entry = view.index.chunks[0]
    table = pa.ipc.open_file(store.buffer(f"{PREFIX}/{entry.key}")).read_all()
    assert table.num_rows == entry.rows == 20
    assert {"_row_id", "_view_row", "images", "images.shape", "images.xxh3", "images.url"} <= set(table.schema.names)


def test_record_batches_are_small_and_chunks_many_where_the_data_allow_it(store: Store) -> None:
    data = [np.random.default_rng(i).integers(0, 255, (160, 160, 3), np.uint8) for i in range(40)]
    images = spec("images", "image", sample_compression="bmp")
    view = view_of(MemorySource([images], {"images": data}), store, chunk_bytes=1 << 20)
    assert len(view.index.chunks) >= 3
    assert all(batch.rows <= 64 for chunk in view.index.chunks for batch in chunk.batches)
    assert view.verify() == []


def test_a_view_travels_to_another_process_as_a_few_pointers(store: Store) -> None:
    view = view_of(coco_like(10), store)
    sent = pickle.dumps(view)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).read("boxes", [4])[0], view.read("boxes", [4])[0])


def one_image(data: bytes | np.ndarray[Any, Any], htype: str = "image", compression: str = "jpeg") -> MemorySource:
    linked = spec("images", htype, link=True, sample_compression=compression)
    return MemorySource([linked], {"images": ["mem://it"]}, files={"mem://it": bytes(data)})


def test_a_file_of_another_format_is_encoded_as_the_tensor_says(store: Store) -> None:
    source = one_image(jpeg_bytes(1), compression="png")
    view = view_of(source, store)
    (data,) = payloads(view)
    assert data is not None
    assert data.startswith(b"\x89PNG")
    assert np.array_equal(decode_image(data), decode_image(jpeg_bytes(1)))


def test_verbatim_keeps_any_file_as_it_is(store: Store) -> None:
    data = progressive_jpeg(1)
    assert payloads(view_of(one_image(data, compression="png"), store, image="verbatim")) == [data]


@pytest.mark.skipif(not can_transcode(), reason="jpeglib is not installed")
def test_progressive_jpegs_become_baseline_ones_with_the_same_pixels(store: Store) -> None:
    data = progressive_jpeg(2)
    view = view_of(one_image(data), store)
    (kept,) = payloads(view)
    assert kept is not None
    assert kept != data
    assert np.array_equal(decode_image(kept), decode_image(data))
    assert "progressive" not in json.loads(view.cells("images", [0])[".info"][0].as_py())
    assert view.index.facts["images"]["done"] == {"baseline": 1}


def test_a_jpeg_policy_shrinks_images_and_moves_their_boxes(store: Store) -> None:
    images = spec("images", "image", sample_compression="png")
    pixels = photo(3, 100, 200)
    source = MemorySource(
        [images, spec("boxes", "bbox")], {"images": [pixels], "boxes": [np.array([[20, 10, 40, 80]], np.float32)]}
    )
    view = view_of(source, store, image=jpeg(short_side=50, quality=95))
    (small,) = view.read("images", [0])
    assert small.shape == (50, 100, 3)
    assert view.read("boxes", [0])[0].tolist() == [[10, 5, 20, 40]]
    assert view.schema["images"].sample_compression == "jpeg"
    assert np.abs(small.astype(int).mean() - pixels.astype(int).mean()) < 3


def test_a_jpeg_policy_leaves_small_images_at_their_size(store: Store) -> None:
    view = view_of(one_image(jpeg_bytes(1, 48, 64)), store, image=jpeg(short_side=256))
    assert view.read("images", [0])[0].shape == (48, 64, 3)


def test_a_raw_policy_stores_pixels_of_one_size(store: Store) -> None:
    view = view_of(coco_like(12), store, image=raw(24, 32))
    shapes = {image.shape for image in view.read("images", range(12))}
    assert shapes == {(24, 32, 3), (24, 32, 1)}


def test_resizing_beside_masks_is_refused(store: Store) -> None:
    mask = np.zeros((8, 8), np.uint32)
    images = spec("images", "image", sample_compression="png")
    masks = spec("masks", "segment_mask", sample_compression="lz4")
    source = MemorySource([images, masks], {"images": [photo(1)], "masks": [mask]})
    with pytest.raises(InvalidInputError, match="masks"):
        view_of(source, store, image=jpeg())


@pytest.mark.parametrize("options", [{"order": "sorted"}, {"on_error": "ignore"}, {"image": "small"}])
def test_unknown_choices_are_refused_by_name(options: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(options.values()))):
        MaterialiseOptions(**options)


def broken_source() -> MemorySource:
    source = coco_like(30)
    del source.files["mem://photos/0004.jpg"]
    source.files["mem://photos/0009.jpg"] = source.files["mem://photos/0009.jpg"][:200]
    return source


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_row_that_cannot_be_read_stops_the_run_and_is_named(store: Store, num_workers: int) -> None:
    with pytest.raises(LakebedError) as caught:
        view_of(broken_source(), store, order="view", num_workers=num_workers)
    assert isinstance(caught.value, StorageError)
    assert caught.value.kind == "link-missing"
    assert caught.value.place == "row 4 (row id 1004), tensor 'images', mem://photos/0004.jpg"
    assert not list(store.list(f"{PREFIX}/index"))


def test_a_file_that_is_gone_does_not_have_the_others_fetched_again(store: Store) -> None:
    whole, broken = coco_like(30), broken_source()
    for source, prefix in ((whole, "views/whole"), (broken, "views/broken")):
        materialise(source, store, prefix, MaterialiseOptions(on_error="skip"))
    assert broken.fetches == whole.fetches


def test_skipped_rows_are_left_out_and_listed(store: Store) -> None:
    view = view_of(broken_source(), store, on_error="skip")
    assert len(view) == 28
    assert sorted(set(range(1000, 1030)) - set(view.row_ids.tolist())) == [1004, 1009]
    found = {failure["row"]: (failure["kind"], failure["done"]) for failure in view.index.failures}
    assert found == {4: ("link-missing", "skipped"), 9: ("truncated-image", "skipped")}
    assert view.read("boxes", [4])[0].tolist() == coco_like(30).read("boxes", [5])[0].tolist()


def test_nulled_rows_keep_their_place_with_an_empty_image(store: Store) -> None:
    view = view_of(broken_source(), store, on_error="null")
    assert len(view) == 30
    assert [row for row in range(30) if view.read("images", [row])[0].size == 0] == [4, 9]
    assert view.read("boxes", [4])[0].tolist() == coco_like(30).read("boxes", [4])[0].tolist()


class Stopping(MemorySource):
    """A source that fails for good after some reads, as a killed process would."""

    left = 10**9

    def cells(self, tensor: str, rows: Any, failed: Any = None) -> dict[str, pa.Array]:
        type(self).left -= len(rows)
        if type(self).left < 0:
            raise KeyboardInterrupt
        return super().cells(tensor, rows, failed)


def many_images(kind: type[MemorySource] = MemorySource) -> MemorySource:
    data = [np.random.default_rng(i).integers(0, 255, (120, 120, 3), np.uint8) for i in range(120)]
    return kind([spec("images", "image", sample_compression="bmp")], {"images": data})


def test_a_stopped_run_goes_on_from_its_finished_chunks(store: Store) -> None:
    options = MaterialiseOptions(chunk_bytes=1 << 20)
    Stopping.left = 90
    with pytest.raises(KeyboardInterrupt):
        materialise(many_images(Stopping), store, PREFIX, options)
    finished = [stat.key for stat in store.list(f"{PREFIX}/notes/")]
    assert finished
    Stopping.left = 10**9
    source = many_images(Stopping)
    index = materialise(source, store, PREFIX, options)
    read = 10**9 - Stopping.left
    assert read < 120
    view = MaterialisedView(store, PREFIX, index.key)
    assert payloads(view) == payloads(many_images())
    assert not list(store.list(f"{PREFIX}/notes/"))


def test_small_chunk_files_share_a_note_and_are_cut_the_same_after_a_stop(store: Store, tmp_path: Path) -> None:
    options = MaterialiseOptions(chunk_bytes=256 << 10)
    Stopping.left = 90
    with pytest.raises(KeyboardInterrupt):
        materialise(many_images(Stopping), store, PREFIX, options)
    notes = [json.loads(store.get(stat.key)) for stat in store.list(f"{PREFIX}/notes/")]
    assert notes
    assert all(len(note["chunks"]) > 1 for note in notes)
    assert all(1 <= batch[2] <= 6 for note in notes for chunk in note["chunks"] for batch in chunk[3])
    Stopping.left = 10**9
    resumed = materialise(many_images(Stopping), store, PREFIX, options)
    read = 10**9 - Stopping.left
    assert read == 120 + 8 - sum(len(note["rows"]) for note in notes)  # 8 to judge their size by
    whole = materialise(many_images(), open_store(tmp_path / "other", create=True), PREFIX, options)
    assert resumed.key == whole.key
    assert len(whole.chunks) > 10


def test_a_finished_chunk_that_went_missing_is_written_again(store: Store) -> None:
    options = MaterialiseOptions(chunk_bytes=1 << 20)
    Stopping.left = 90
    with pytest.raises(KeyboardInterrupt):
        materialise(many_images(Stopping), store, PREFIX, options)
    chunk = next(stat.key for stat in store.list(PREFIX) if stat.key.endswith(".arrow"))
    store.delete(chunk)
    view = MaterialisedView(store, PREFIX, materialise(many_images(), store, PREFIX, options).key)
    assert view.verify() == []


def test_two_runs_at_once_make_the_same_view(store: Store) -> None:
    options = MaterialiseOptions(chunk_bytes=1 << 20, num_workers=1)
    with ThreadPoolExecutor(2) as pool:
        indexes = list(pool.map(lambda _: materialise(many_images(), store, PREFIX, options), range(2)))
    assert indexes[0].key == indexes[1].key
    assert MaterialisedView(store, PREFIX, indexes[0].key).verify() == []


def test_the_same_source_gives_the_same_bytes_and_another_seed_another_order(store: Store) -> None:
    first, again = (materialise(coco_like(40), store, PREFIX) for _ in range(2))
    other = materialise(coco_like(40), store, PREFIX, MaterialiseOptions(seed=1))
    assert first.key == again.key
    assert first.key != other.key


@pytest.mark.parametrize("num_workers", [0, 2])
def test_pages_are_fetched_side_by_side_while_others_are_checked(store: Store, num_workers: int) -> None:
    class Slow(MemorySource):
        """Gives images only to two callers at once, after the probe of the first rows."""

        both = threading.Barrier(2)
        probed = False

        def cells(self, tensor: str, rows: Any, failed: Any = None) -> dict[str, pa.Array]:
            if tensor == "images" and self.probed:
                self.both.wait(20)
            self.probed = self.probed or tensor == "images"
            return super().cells(tensor, rows, failed)

    slow = Slow.__new__(Slow)
    slow.__dict__.update(coco_like(64 * 4).__dict__)
    assert len(view_of(slow, store, num_workers=num_workers)) == 64 * 4
