"""Deep Lake's fluent calls make the same loader."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lakebed.loader import FluentLoader, make_loader
from lakebed.storage.errors import StateError

from loader_source import MemorySource, coco_like, spec

ROWS = 30


def rows_of(loader: Any) -> list[int]:
    return [int(row) for batch in loader for row in np.asarray(batch["index"]).reshape(-1)]


def test_the_chain_makes_the_loader_that_its_arguments_say() -> None:
    chain = FluentLoader(coco_like(ROWS)).shuffle().batch(4, drop_last=True).transform(lambda s: {"index": s["index"]})
    loader = chain.pytorch(tensors=["categories"], seed=5)
    plain = make_loader(coco_like(ROWS), batch_size=4, drop_last=True, shuffle=True, seed=5, tensors=["categories"])
    assert rows_of(loader) == rows_of(plain)
    assert len(chain) == len(loader) == 7


def test_an_offset_starts_in_the_middle_of_the_first_epoch_only() -> None:
    chain = FluentLoader(coco_like(ROWS)).batch(4).offset(10)
    for loader in (chain.pytorch(tensors=["boxes"]), chain.numpy(tensors=["boxes"])):
        assert rows_of(loader) == list(range(10, ROWS))
        assert rows_of(loader) == list(range(ROWS))


def test_queries_and_samples_are_left_to_those_who_know_how() -> None:
    def resample(weights: Any, replace: bool, size: int | None) -> MemorySource:
        assert (weights, replace, size) == ("max_weight(1: 2)", False, 5)
        return coco_like(5)

    chain = FluentLoader(coco_like(ROWS), requery=lambda text: coco_like(len(text)), resample=resample)
    assert len(chain.query("abc")) == 3
    assert len(chain.sample_by("max_weight(1: 2)", replace=False, size=5)) == 5
    with pytest.raises(StateError, match="cannot be queried"):
        FluentLoader(coco_like(2)).query("select *")
    with pytest.raises(StateError, match="cannot be sampled"):
        FluentLoader(coco_like(2)).sample_by([1, 2])


def test_each_setting_is_made_once_and_leaves_the_first_object_as_it_was() -> None:
    first = FluentLoader(coco_like(ROWS))
    first.batch(3).close()
    assert len(first) == ROWS
    with pytest.raises(StateError, match=r"batch\(\) was called before"):
        first.batch(3).batch(4)


def test_stats_say_what_would_load_faster() -> None:
    linked = make_loader(coco_like(3))
    list(linked)
    assert "optimize=True" in linked.stats()["hint"]
    assert linked.stats()["megabytes_per_s"] > 0
    labels = MemorySource([spec("labels", "class_label")], {"labels": [1, 2, 3]})
    assert make_loader(labels).stats()["hint"] == ""


def test_arguments_of_old_scripts_are_taken() -> None:
    loader = make_loader(coco_like(3), buffer_size=2048, use_local_cache=True, cache_size=32, progressbar=True)
    assert rows_of(loader) == [0, 1, 2]
