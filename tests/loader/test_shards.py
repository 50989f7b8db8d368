"""Every row exactly once, equal steps on all ranks, whatever the sizes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from lakebed.loader.shards import ShardPlan, Tail
from lakebed.storage.errors import InvalidInputError

sizes = st.integers(0, 200)
batches = st.integers(1, 9)
worlds = st.integers(1, 4)


def positions(plan: ShardPlan) -> list[int]:
    return [p for step in range(plan.steps) for rank in range(plan.world) for p in range(*plan.share(step, rank))]


@given(sizes, batches, worlds)
@example(rows=5, batch=1, world=4)
@example(rows=9, batch=2, world=4)
def test_balanced_tail_gives_each_row_once_in_order_and_shares_differ_by_one(rows: int, batch: int, world: int) -> None:
    assume(rows == 0 or rows >= world)
    plan = ShardPlan(rows, batch, world)
    assert positions(plan) == list(range(rows))
    for step in range(plan.steps):
        shares = [high - low for low, high in (plan.share(step, rank) for rank in range(world))]
        assert max(shares) - min(shares) <= 1
        assert min(shares) >= 1
        assert max(shares) <= batch + (batch == 1)


@given(sizes, batches, worlds)
def test_drop_tail_gives_full_batches_only(rows: int, batch: int, world: int) -> None:
    plan = ShardPlan(rows, batch, world, "drop")
    assert positions(plan) == list(range(rows - rows % (batch * world)))


@given(st.integers(1, 200), batches, worlds)
def test_pad_tail_repeats_the_first_rows_until_the_last_batch_is_full(rows: int, batch: int, world: int) -> None:
    plan = ShardPlan(rows, batch, world, "pad")
    seen = positions(plan)
    assert len(seen) == plan.steps * batch * world
    assert set(Counter(p % rows for p in seen)) == set(range(rows))
    assert seen == list(range(len(seen)))


@given(st.integers(1, 120), batches, worlds, st.sampled_from(["balanced", "drop", "pad"]), st.integers(0, 3))
def test_workers_of_a_rank_cover_its_steps_without_overlap(
    rows: int, batch: int, world: int, tail: Tail, workers: int
) -> None:
    assume(rows >= world)
    plan = ShardPlan(rows, batch, world, tail)
    whole = list(plan.mine(0))
    parts = [part for worker in range(max(1, workers)) for part in plan.mine(0, worker, workers)]
    assert sorted(parts) == whole


@given(st.integers(1, 120), batches, worlds, st.sampled_from(["balanced", "drop", "pad"]), st.data())
def test_a_plan_begun_after_some_steps_is_the_rest_of_the_whole_plan(
    rows: int, batch: int, world: int, tail: Tail, data: st.DataObject
) -> None:
    assume(rows >= world)
    plan = ShardPlan(rows, batch, world, tail)
    done = data.draw(st.integers(0, plan.steps))
    start = plan.bounds(done - 1)[1] if done else 0
    rest = ShardPlan(rows, batch, world, tail, start)
    assert [rest.bounds(k) for k in range(rest.steps)] == [plan.bounds(k) for k in range(done, plan.steps)]


def test_fewer_rows_than_ranks_is_refused_with_a_way_out() -> None:
    with pytest.raises(InvalidInputError, match="3 rows cannot be shared by 4 ranks") as caught:
        ShardPlan(3, 2, 4)
    assert "tail='pad'" in caught.value.hint


@pytest.mark.parametrize(("batch", "world"), [(0, 1), (1, 0)])
def test_sizes_below_one_are_refused(batch: int, world: int) -> None:
    with pytest.raises(InvalidInputError, match="at least 1"):
        ShardPlan(3, batch, world)


def test_an_unknown_tail_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="found 'cut'"):
        ShardPlan(3, 1, 1, "cut")  # type: ignore[arg-type]
