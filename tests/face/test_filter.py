"""`filter` with a function: the same rows in the same order whoever calls it, and errors that name the row."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Barrier, get_ident

import pytest

import lakebed
from face_data import numbers, street
from lakebed import InvalidInputError, StateError, TransformError, WorkerError
from lakebed.row import Row
from lakebed.transforms.packing import cloudpickle_or_none


def is_odd(row: Row) -> bool:
    return bool(row["x"].numpy() % 2)


@pytest.mark.parametrize(("workers", "scheduler"), [(0, "threaded"), (3, "threaded"), (2, "processes"), (2, "serial")])
def test_whoever_calls_the_function_the_rows_are_the_same(workers: int, scheduler: str, tmp_path: Path) -> None:
    ds = numbers(101, str(tmp_path / "ds"))
    view = ds.filter(is_odd, num_workers=workers, scheduler=scheduler, progressbar=False)
    assert view.sample_indices == list(range(1, 101, 2))
    assert view.commit_id == ds.commit_id


def test_threads_share_the_work() -> None:
    ds = numbers(400)
    callers = set()
    barrier = Barrier(2)

    def noted(row: Row) -> bool:
        if row.index in (0, 100):
            barrier.wait(30)  # two rows far apart are asked about at once
        callers.add(get_ident())
        return True

    assert len(ds.filter(noted, num_workers=16, progressbar=False)) == 400
    assert get_ident() not in callers


def test_a_lambda_goes_to_processes(tmp_path: Path) -> None:
    if cloudpickle_or_none() is None:
        pytest.skip("neither cloudpickle nor Ray is installed, so a lambda cannot be sent")
    ds = numbers(20, str(tmp_path / "ds"))
    bound = 7
    view = ds.filter(lambda row: row.x.numpy() < bound, num_workers=2, scheduler="processes", progressbar=False)
    assert view.sample_indices == list(range(7))


@lakebed.compute
def is_below(row: Row, limit: int, step: int = 1) -> bool:
    return bool(row.x.numpy() < limit and row.x.numpy() % step == 0)


@lakebed.compute
def is_even(row: Row) -> bool:
    return bool(row.x.numpy() % 2 == 0)


def test_a_decorated_function_brings_its_arguments_along(tmp_path: Path) -> None:
    ds = numbers(20, str(tmp_path / "ds"))
    for workers, scheduler in ((0, "threaded"), (2, "processes")):
        view = ds.filter(is_below(9, step=4), num_workers=workers, scheduler=scheduler, progressbar=False)
        assert view.sample_indices == [0, 4, 8]
    # Called with a row, the decorated function would give a pipeline, which is true for every row.
    assert ds.filter(is_even, progressbar=False).sample_indices == list(range(0, 20, 2))
    with pytest.raises(InvalidInputError, match="one function"):
        ds.filter(lakebed.compose([is_below(9), is_even]))


def test_a_view_is_filtered_by_its_own_row_numbers() -> None:
    ds = numbers(30)
    view = ds[[20, 11, 5, 11]].filter(lambda row: row.index != 2, progressbar=False)
    assert view.sample_indices == [20, 11, 11]
    assert ds[[]].filter(is_odd, num_workers=2, progressbar=False).sample_indices == []


@pytest.mark.parametrize("scheduler", ["threaded", "processes"])
def test_an_error_names_the_row_whoever_met_it(scheduler: str, tmp_path: Path) -> None:
    ds = numbers(50, str(tmp_path / "ds"))
    with pytest.raises(TransformError, match="ValueError: cannot tell") as caught:
        ds.filter(cannot_tell, num_workers=2, scheduler=scheduler, progressbar=False)
    assert caught.value.place == "row 33"
    assert caught.value.__cause__ is not None or "cannot tell" in caught.value.__notes__[0]


def cannot_tell(row: Row) -> bool:
    if row.index == 33:
        raise ValueError("cannot tell")
    return True


def test_a_tensor_that_is_not_there_is_told_with_the_row() -> None:
    with pytest.raises(TransformError, match="tensor or group 'y'") as caught:
        numbers(3).filter(lambda row: row.y.numpy() > 1, progressbar=False)
    assert caught.value.place == "row 0"


def test_arguments_that_do_not_fit() -> None:
    ds = numbers(3)
    with pytest.raises(InvalidInputError, match="scheduler 'dask'"):
        ds.filter(is_odd, num_workers=2, scheduler="dask")
    with pytest.raises(InvalidInputError, match="num_workers"):
        ds.filter(is_odd, num_workers=-1)
    with pytest.raises(StateError, match="views are saved with their dataset"):
        ds.filter(is_odd, save_result=True, result_path="elsewhere")


def test_the_result_is_saved_when_asked(tmp_path: Path) -> None:
    ds = street(20, str(tmp_path / "ds"))
    view = ds.filter("contains(categories, 'car')", save_result=True)
    assert ds.load_view(view.id).sample_indices == view.sample_indices
    by_function = ds.filter(lambda row: row.index < 3, progressbar=False, save_result=True)
    assert lakebed.load(tmp_path / "ds").load_view(by_function.id).sample_indices == [0, 1, 2]


def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    ds = numbers(8, str(tmp_path / "ds"))
    with pytest.raises(WorkerError, match="died"):
        ds.filter(dies, num_workers=2, scheduler="processes", progressbar=False)


def dies(row: Row) -> bool:
    os._exit(3)
