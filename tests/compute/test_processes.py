"""Transforms in spawned processes: what is sent there and back, and what happens when one dies."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lakebed.loader import TransformError, WorkerError

import lakebed
from compute_functions import content, deadly, negative, output, picky, picture, repeated
from face_data import fresh_path
from lakebed.transforms import packing

pytestmark = pytest.mark.slow

# Starting a process is most of the time here: there is a second worker only where two must get along.


def test_rows_and_class_names_are_those_of_serial_work(tmp_path: Path) -> None:
    alone, together = output(fresh_path()), output(fresh_path())
    chain = lakebed.compose([repeated(), lakebed.compute(_given_on)()])
    chain.eval(range(60), alone, progressbar=False)
    chain.eval(range(60), together, num_workers=2, scheduler="processes", progressbar=False)
    assert content(together) == content(alone)
    assert list(together.labels.info.class_names) == list(alone.labels.info.class_names)


def _given_on(row: Any, samples_out: Any) -> None:
    samples_out.append(row)


def test_rows_of_a_dataset_are_read_in_the_workers_and_replaced_here(tmp_path: Path) -> None:
    ds = output(str(tmp_path / "ds"))
    picture().eval(range(24), ds, progressbar=False)
    before = content(ds)
    negative().eval(ds, num_workers=2, scheduler="processed", progressbar=False)
    assert content(ds) == [(number, 255 - pixel, names) for number, pixel, names in before]
    ds.commit("inverted")
    assert content(lakebed.load(str(tmp_path / "ds"))) == content(ds)


def test_an_error_in_a_worker_names_the_input_and_brings_its_traceback(tmp_path: Path) -> None:
    ds = output(fresh_path())
    with pytest.raises(TransformError, match="ValueError: 77 is not for me") as caught:
        picky(bad=(77, 90)).eval(range(100), ds, 1, "processes", progressbar=False)
    assert caught.value.place == "input 77"
    assert "in picky" in "".join(caught.value.__notes__)
    assert len(ds) == 0
    with pytest.warns(UserWarning, match="2 of 100 samples were left out"):
        picky(bad=(77, 90)).eval(range(100), ds, 1, "processes", ignore_errors=True, progressbar=False)
    assert len(ds) == 98


def test_a_worker_that_dies_is_an_error_and_nothing_lands(tmp_path: Path) -> None:
    ds = output(fresh_path())
    with pytest.raises(WorkerError, match="a worker process died"):
        deadly(last=90).eval(range(200), ds, 2, "processes", progressbar=False)
    assert len(ds) == 0


def test_functions_inside_functions_are_sent_by_their_code() -> None:
    if packing.cloudpickle_or_none() is None:
        pytest.skip("neither cloudpickle nor Ray is installed")
    ds, offset = output(fresh_path()), 100

    @lakebed.compute
    def moved(number: int, samples_out: Any) -> None:
        samples_out.append({"images": np.zeros((2, 2, 3), np.uint8), "labels": None, "numbers": number + offset})

    moved().eval(range(5), ds, 1, "processes", progressbar=False)
    assert ds.numbers.numpy().ravel().tolist() == [100, 101, 102, 103, 104]


def test_without_cloudpickle_they_are_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "cloudpickle_or_none", lambda: None)

    @lakebed.compute
    def inside(number: int, samples_out: Any) -> None:
        samples_out.numbers.append(number)

    with pytest.raises(lakebed.InvalidInputError, match="cannot be imported by another process") as caught:
        inside().eval(range(5), output(fresh_path()), 1, "processes", progressbar=False)
    assert "pip install cloudpickle" in caught.value.hint
    ds = output(fresh_path())
    picture(side=3).eval(range(5), ds, 1, "processes", progressbar=False)
    assert len(ds) == 5


def test_what_cannot_be_sent_is_named() -> None:
    lock = threading.Lock()
    with pytest.raises(lakebed.InvalidInputError, match="transform cannot be sent"):
        picture(side=lock).eval(range(5), output(fresh_path()), 1, "processes", progressbar=False)
    with pytest.raises(lakebed.InvalidInputError, match="input cannot be sent") as caught:
        picture().eval([lock, 1], output(fresh_path()), 1, "processes", progressbar=False)
    assert caught.value.kind == "not-picklable"
    with pytest.raises(lakebed.InvalidInputError, match="sample cannot be sent") as caught:
        lakebed.compute(_gives_a_generator)().eval(range(5), output(fresh_path()), 1, "processes", progressbar=False)
    assert caught.value.place == "input 3"


def _gives_a_generator(number: int, samples_out: Any) -> None:
    samples_out.append({"images": None, "labels": None, "numbers": (n for n in [1]) if number == 3 else number})


def test_rows_that_have_not_landed_cannot_be_sent(tmp_path: Path) -> None:
    ds = output(str(tmp_path / "ds"))
    with ds:
        picture().eval(range(5), ds, progressbar=False)
        with pytest.raises(lakebed.StateError):
            negative().eval(ds, num_workers=2, scheduler="processes", progressbar=False)


SCRIPT = """
import lakebed

@lakebed.compute
def picture(number, samples_out):
    samples_out.append({"numbers": number * factor})

factor = 3
if __name__ == "__main__":
    ds = lakebed.empty("ds")
    ds.create_tensor("numbers")
    picture().eval(list(range(50)), ds, num_workers=1, scheduler="processes", progressbar=False)
    print(ds.numbers.numpy().ravel().tolist() == [3 * n for n in range(50)])
"""


@pytest.mark.parametrize("by_value", [True, False], ids=["as installed", "by name"])
def test_functions_of_a_script_work(tmp_path: Path, by_value: bool) -> None:
    text = SCRIPT if by_value else "import sys\nsys.modules['cloudpickle'] = sys.modules['ray'] = None\n" + SCRIPT
    (tmp_path / "script.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "True\n", done.stderr


def test_outcomes_come_home_with_their_errors() -> None:
    from lakebed.transforms.work import failed

    error = pickle.loads(pickle.dumps(failed(lakebed.SampleError("bad", kind="odd", place="here", hint="mend"), 4)))
    assert (error.failure.place, error.failure.kind, error.failure.hint) == ("input 4, here", "odd", "mend")
    assert "bad" in error.trace
