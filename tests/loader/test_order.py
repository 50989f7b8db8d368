"""The order of an epoch is a permutation fixed by seed and epoch alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from lakebed.loader.order import EpochOrder, ShuffleSpec, permutation

blocks = st.lists(st.integers(1, 40), min_size=1, max_size=12)
specs = st.builds(ShuffleSpec, shuffle=st.booleans(), seed=st.integers(-(2**63), 2**63 - 1), window=st.integers(0, 14))


@given(blocks, specs, st.integers(0, 1000))
def test_an_epoch_holds_each_row_exactly_once(lengths: list[int], spec: ShuffleSpec, epoch: int) -> None:
    order = EpochOrder(lengths, spec, epoch)
    assert sorted(order.rows(0, len(order))) == list(range(sum(lengths)))


@given(blocks, specs, st.data())
def test_any_stretch_is_found_without_reading_what_comes_before(
    lengths: list[int], spec: ShuffleSpec, data: st.DataObject
) -> None:
    whole = EpochOrder(lengths, spec, 3).rows(0, sum(lengths))
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    assert np.array_equal(EpochOrder(lengths, spec, 3).rows(start, stop), whole[start:stop])


@given(blocks, specs)
def test_groups_cut_the_epoch_into_stretches_that_read_blocks_of_their_own(
    lengths: list[int], spec: ShuffleSpec
) -> None:
    order = EpochOrder(lengths, spec, 0)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    end, seen = 0, []
    for start, stop, held in order.groups():
        assert start == end
        assert set(owner[order.rows(start, stop)]) == set(held)
        assert all(order.next_group(position) == stop for position in range(start, stop))
        seen += held
        end = stop
    assert end == len(order)
    assert sorted(seen) == list(range(len(lengths)))


@given(blocks, st.integers(1, 3))
def test_a_window_keeps_few_blocks_in_use_at_once(lengths: list[int], window: int) -> None:
    order = EpochOrder(lengths, ShuffleSpec(True, 5, window), 0)
    assert all(len(held) <= window for _, _, held in order.groups())


def test_epochs_and_seeds_give_different_orders() -> None:
    orders = {
        tuple(EpochOrder([500], ShuffleSpec(True, seed), epoch).rows(0, 500)) for seed in (0, 1) for epoch in (0, 1)
    }
    assert len(orders) == 4


def test_the_permutation_of_a_seed_is_a_promise_of_the_format() -> None:
    assert permutation(8, seed=7, epoch=2, stream=1).tolist() == [3, 5, 7, 6, 2, 4, 1, 0]


def test_a_group_of_a_full_shuffle_stays_small_enough_to_sort_quickly() -> None:
    lengths = [1 << 20] * 12
    order = EpochOrder(lengths, ShuffleSpec(True), 0)
    assert max(len(held) for _, _, held in order.groups()) == 4
