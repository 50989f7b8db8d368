from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import lakebed
from face_data import label_codes, numbers, picture, street
from lakebed import NotFoundError, StateError

torch = pytest.importorskip("torch")


def as_list(batch: list[Any]) -> list[Any]:
    return batch


def test_a_dataset_and_a_view_give_a_data_loader() -> None:
    ds = street(10)
    for rows in (ds, ds[2:7], ds.query("select * where contains(categories, 'car')")):
        loader = rows.pytorch(batch_size=3, tensors=["images", "categories"], collate_fn=as_list)
        assert isinstance(loader, torch.utils.data.DataLoader)
        samples = [sample for batch in loader for sample in batch]
        assert [sample["categories"].tolist() for sample in samples] == label_codes(rows)
        assert len(loader) == -(-len(rows) // 3)
        assert samples[0]["images"].shape == (24, 32, 3)
        assert "boxes" not in samples[0]


def test_every_row_comes_once_in_each_shuffled_epoch() -> None:
    loader = numbers(40).pytorch(shuffle=True, batch_size=8, seed=1, collate_fn=as_list)
    epochs = [[int(sample["x"]) for batch in loader for sample in batch] for _ in range(2)]
    assert Counter(epochs[0]) == Counter(epochs[1]) == Counter(range(40))
    assert epochs[0] != epochs[1]


def test_workers_transform_what_has_not_been_committed_yet() -> None:
    ds = numbers(6)
    ds.append({"x": 6})
    loader = ds.pytorch(num_workers=2, batch_size=2, collate_fn=as_list, multiprocessing_context="fork")
    assert sorted(int(sample["x"]) for batch in loader for sample in batch) == list(range(7))


def test_a_dict_of_transforms_chooses_the_tensors() -> None:
    loader = street(4).pytorch(transform={"categories": len, "boxes": None}, collate_fn=as_list, batch_size=4)
    (batch,) = loader
    assert [sample["categories"] for sample in batch] == [1, 2, 3, 1]
    assert "images" not in batch[0]
    assert batch[2]["boxes"].shape == (3, 4)


def test_arguments_of_deep_lake_are_accepted_and_typing_errors_are_not() -> None:
    ds = numbers(4)
    loader = ds.pytorch(
        buffer_size=64, use_local_cache=True, progressbar=True, pad_tensors=True, cache_size=1, batch_size=4
    )
    assert len(loader) == 1
    options: dict[str, Any] = {"shufle": True}
    with pytest.raises(TypeError, match="shufle"):
        ds.pytorch(**options)
    with pytest.raises(NotFoundError, match="'y'"):
        ds.pytorch(tensors=["y"])


def test_inside_a_transaction_workers_are_refused() -> None:
    ds = numbers(4)
    with ds:
        ds.append({"x": 4})
        assert sorted(int(batch["x"]) for batch in ds.pytorch(num_workers=0)) == [0, 1, 2, 3, 4]
        with pytest.raises(StateError, match="landed"):
            list(ds.pytorch(num_workers=1, multiprocessing_context="spawn"))


def test_the_fluent_interface_builds_the_same_loader() -> None:
    ds = street(12)
    built = (
        ds.dataloader()
        .query("select * where contains(categories, 'car')")
        .transform(lambda sample, plus: len(sample["categories"]) + plus, plus=100)
        .batch(2)
    )
    found = [value for batch in built.pytorch(collate_fn=as_list) for value in batch]
    assert found == [100 + len(codes) for codes in label_codes(ds) if 0 in codes]
    with pytest.raises(StateError, match="already"):
        built.batch(3)


def indices(loader: Any) -> list[int]:
    return [int(row) for batch in loader for row in np.asarray(batch["index"]).reshape(-1)]


def test_an_offset_starts_in_the_middle_of_the_first_epoch_only() -> None:
    built = numbers(30).dataloader().batch(4).offset(10)
    for loader in (built.pytorch(), built.numpy()):
        assert indices(loader) == list(range(10, 30))
        assert indices(loader) == list(range(30))
    shuffled = built.shuffle()
    order = indices(numbers(30).pytorch(batch_size=4, shuffle=True, seed=5))
    assert sorted(order) == list(range(30))
    loader = shuffled.pytorch(seed=5)
    assert indices(loader) == order[10:]
    assert sorted(indices(loader)) == list(range(30))


def test_a_chain_knows_its_length_and_leaves_the_one_it_grew_from_alone() -> None:
    first = numbers(30).dataloader()
    batches = first.batch(4, drop_last=True)
    assert (len(first), len(first.batch(4)), len(batches), len(batches.pytorch())) == (30, 8, 7, 7)
    first.close()
    assert indices(first.offset(28).sample_by([1.0] * 30).numpy(seed=1)) != []
    with pytest.raises(StateError, match=r"offset\(\) was already called"):
        first.offset(2).offset(3)


@pytest.mark.parametrize("off", [-1, 1.5, "2", True, None])
def test_an_offset_without_a_meaning_is_refused(off: Any) -> None:
    with pytest.raises(lakebed.InvalidInputError, match="offset is a whole number") as caught:
        numbers(3).dataloader().offset(off)
    assert (caught.value.kind, bool(caught.value.hint)) == ("bad-offset", True)


def test_a_chain_draws_the_same_rows_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[int]:
        rows = numbers(30).dataloader().sample_by([1.0] * 30, seed=seed).numpy()
        return [int(x) for batch in rows for x in np.asarray(batch["x"]).reshape(-1)]

    assert drawn(3) == drawn(3) != drawn(4)


def test_numpy_batches_need_no_torch() -> None:
    ds = street(5)
    built = ds.dataloader().offset(1).batch(2).numpy(tensors=["images"])
    batches = list(built)
    assert len(built) == 3
    assert [np.asarray(batch["images"]).shape for batch in batches] == [(2, 24, 32, 3), (2, 24, 32, 3)]
    assert np.array_equal(batches[0]["images"][0], picture(1))


def test_lakebed_has_no_torch_until_a_loader_is_made() -> None:
    import subprocess
    import sys

    code = (
        "import sys, lakebed; ds = lakebed.empty('mem://a'); ds.create_tensor('x', dtype='int64'); "
        "ds.extend({'x': [1, 2]}); ds.query('select * where x > 1'); ds.summary(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert lakebed.__version__
