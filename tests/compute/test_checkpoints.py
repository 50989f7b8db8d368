"""Evals that commit as they go: where the next one begins after a failure, a kill, a reset."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.loader import TransformError

import lakebed
from compute_functions import content, output, picky, picture
from face_data import fresh_path
from lakebed.transforms.checkpoints import KEY, data_digest


def numbers(ds: lakebed.Dataset) -> list[int]:
    return [int(n) for n in ds.numbers.numpy().ravel()]


def messages(ds: lakebed.Dataset) -> list[str]:
    return [commit["message"] for commit in ds.commits][::-1]


def fails_at(calls: list[int], bad: int) -> Any:
    """A transform that notes its calls and raises at one number, as long as that stands in the list `calls[0]`."""

    @lakebed.compute
    def step(number: int, samples_out: Any) -> None:
        calls.append(number)
        if number == bad and -1 not in calls:
            raise ValueError("not now")
        picture.transform_function(number, samples_out)

    return step


@pytest.mark.parametrize("workers", [0, 3])
def test_after_a_failure_the_same_eval_goes_on_at_the_last_checkpoint(workers: int) -> None:
    ds, calls = output(fresh_path()), list[int]()
    step = fails_at(calls, 57)
    with pytest.raises(TransformError):
        step().eval(range(100), ds, workers, checkpoint_interval=20, progressbar=False)
    assert numbers(ds) == list(range(40)) and ds.pending_commit_id is not None
    assert messages(ds) == [f"Checkpoint of step: {n} of 100 samples" for n in (20, 40)]
    calls[:] = [-1]
    step().eval(range(100), ds, workers, checkpoint_interval=20, progressbar=False)
    assert sorted(calls) == [-1, *range(40, 100)]
    assert numbers(ds) == list(range(100))
    assert messages(ds) == [f"Checkpoint of step: {n} of 100 samples" for n in (20, 40, 60, 80)]
    assert ds.has_head_changes
    ds.commit("done")


@given(st.integers(1, 60), st.integers(1, 25), st.integers(0, 59))
def test_wherever_it_stops_every_input_is_written_once(count: int, interval: int, bad: int) -> None:
    ds, calls = output(fresh_path()), list[int]()
    step = fails_at(calls, bad)
    try:
        step().eval(range(count), ds, checkpoint_interval=interval, progressbar=False)
    except TransformError:
        assert numbers(ds) == list(range(bad // interval * interval))
        calls.append(-1)
        step().eval(range(count), ds, checkpoint_interval=interval + 3, progressbar=False)
    assert numbers(ds) == list(range(count))
    assert KEY not in ds._stored_info("")


def test_a_finished_eval_is_forgotten_so_that_the_next_one_adds_rows_again() -> None:
    ds = output(fresh_path())
    for _ in range(2):
        picture().eval(range(6), ds, checkpoint_interval=2, progressbar=False)
    assert numbers(ds) == [*range(6), *range(6)]
    assert not list(ds.info)


SCRIPT = """
import os, sys, lakebed
from compute_functions import picture

@lakebed.compute
def step(number, samples_out):
    if number == 57 and sys.argv[1] == "die":
        os._exit(9)
    picture.transform_function(number, samples_out)

ds = lakebed.load("ds")
step().eval(list(range(100)), ds, num_workers=2, checkpoint_interval=20, progressbar=False)
"""


def test_a_process_that_was_killed_is_continued_by_another_one(tmp_path: Path) -> None:
    ds = output(str(tmp_path / "ds"))
    ds.commit("empty")
    script = "import sys\nsys.path.insert(0, {!r})\n".format(str(Path(__file__).parents[1] / "support")) + SCRIPT
    (tmp_path / "script.py").write_text(script)
    codes = [
        subprocess.run([sys.executable, "script.py", word], cwd=tmp_path, timeout=120, check=False).returncode
        for word in ("die", "live")
    ]
    assert codes == [9, 0]
    ds.refresh()
    assert numbers(ds) == list(range(100))
    assert messages(ds)[1:] == [f"Checkpoint of step: {n} of 100 samples" for n in (20, 40, 60, 80)]


def test_after_a_reset_the_record_is_that_of_the_last_commit() -> None:
    ds, calls = output(fresh_path()), list[int]()
    step = fails_at(calls, 57)
    with pytest.raises(TransformError):
        step().eval(range(100), ds, checkpoint_interval=20, progressbar=False)
    calls.append(-1)
    step().eval(range(100), ds, checkpoint_interval=20, progressbar=False)
    ds.reset()
    assert numbers(ds) == list(range(80))
    step().eval(range(100), ds, checkpoint_interval=20, progressbar=False)
    assert numbers(ds) == list(range(100))


def interrupted() -> lakebed.Dataset:
    ds = output(fresh_path())
    with pytest.raises(TransformError):
        picky(bad=(57,)).eval(range(100), ds, checkpoint_interval=20, progressbar=False)
    return ds


@pytest.mark.parametrize("change", ["function", "arguments", "data", "shorter"])
def test_another_eval_does_not_go_on_where_this_one_stopped(change: str) -> None:
    ds = interrupted()
    transform = {"function": picture(), "arguments": picky(bad=(58,))}.get(change, picky(bad=(57,)))
    data = {"data": range(1, 101), "shorter": range(30)}.get(change, range(100))
    with pytest.raises(lakebed.StateError, match="stopped after 40 inputs") as caught:
        transform.eval(data, ds, checkpoint_interval=20, progressbar=False)
    assert caught.value.kind == "other-checkpoint" and "resume=False" in caught.value.hint
    assert len(ds) == 40
    picture().eval(range(30), ds, checkpoint_interval=20, resume=False, progressbar=False)
    assert numbers(ds) == [*range(40), *range(30)]


def test_inputs_after_the_checkpoint_may_be_mended_and_added() -> None:
    ds = interrupted()
    data = [*range(57), 1057, *range(58, 130)]
    picky(bad=(57,)).eval(data, ds, checkpoint_interval=20, progressbar=False)
    assert numbers(ds) == data


def test_rows_replaced_in_place_are_not_transformed_twice() -> None:
    ds, calls = output(fresh_path()), list[int]()
    picture().eval(range(50), ds, progressbar=False)

    @lakebed.compute
    def add_hundred(row: Any, samples_out: Any) -> None:
        calls.append(row.index)
        if row.index == 25 and -1 not in calls:
            raise ValueError("not now")
        samples_out.numbers.append(row.numbers.numpy() + 100)

    with pytest.raises(TransformError):
        add_hundred().eval(ds, checkpoint_interval=10, progressbar=False)
    assert numbers(ds) == [*range(100, 120), *range(20, 50)]
    calls.append(-1)
    add_hundred().eval(ds, checkpoint_interval=10, progressbar=False)
    assert numbers(ds) == list(range(100, 150))


def test_a_dataset_as_input_is_known_by_its_rows() -> None:
    source, ds = output(fresh_path()), output(fresh_path())
    picture().eval(range(50), source, progressbar=False)
    calls: list[int] = []

    @lakebed.compute
    def copied(row: Any, samples_out: Any) -> None:
        if row.numbers.numpy() == 25 and not calls:
            raise ValueError("not now")
        samples_out.append(row)

    with pytest.raises(TransformError):
        copied().eval(source, ds, checkpoint_interval=10, progressbar=False)
    calls.append(1)
    with pytest.raises(lakebed.StateError, match="stopped after 20"):
        copied().eval(source[::-1], ds, checkpoint_interval=10, progressbar=False)
    copied().eval(source, ds, checkpoint_interval=10, progressbar=False)
    assert content(ds) == content(source)


def test_checkpoints_inside_a_transaction_are_refused() -> None:
    ds = output(fresh_path())
    with ds, pytest.raises(lakebed.StateError, match="half a transaction"):
        picture().eval(range(5), ds, checkpoint_interval=2, progressbar=False)


def test_inputs_that_fail_are_left_out_of_checkpoints_too() -> None:
    ds = output(fresh_path())
    with pytest.warns(UserWarning, match="2 of 30 samples"):
        picky(bad=(9, 10)).eval(range(30), ds, 2, checkpoint_interval=10, ignore_errors=True, progressbar=False)
    assert numbers(ds) == [n for n in range(30) if n not in (9, 10)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], True),
        ([{"x", "y", "z"}], [{"z", "y", "x"}], True),
        ([np.zeros(3)], [np.zeros(3)], True),
        ([np.zeros(3)], [np.ones(3)], False),
        ([np.zeros(3)], [np.zeros(3, np.float32)], False),
        ([Path("a")], [Path("b")], False),
        (["a", "b"], ["ab", ""], False),
        ([(1, (2, 3))], [((1, 2), 3)], False),
        ([object()], [object()], True),
        ([1], ["1"], False),
    ],
)
def test_data_are_compared_by_content(one: list[Any], other: list[Any], same: bool) -> None:
    assert (data_digest(one, len(one)) == data_digest(other, len(other))) is same
