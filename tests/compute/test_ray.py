"""Transforms as tasks of a Ray cluster of two nodes, one of which is lost in the middle."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lakebed.loader import TransformError

import lakebed
from compute_functions import content, marking, negative, output, picky, picture
from face_data import fresh_path
from ray_fixtures import MISSING, cluster, losing_a_node, needs_ray

__all__ = ["cluster"]

# Ray's own code leaves sockets and processes for the collector.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.skipif(not MISSING, reason="Ray is installed")
def test_without_ray_the_error_says_what_to_install() -> None:
    with pytest.raises(lakebed.StateError, match="not installed") as caught:
        picture().eval(range(3), output(fresh_path()), scheduler="ray", progressbar=False)
    assert "lakebed[ray]" in caught.value.hint


@needs_ray
@pytest.mark.slow
def test_without_a_connection_the_error_says_how_to_make_one() -> None:
    with pytest.raises(lakebed.StateError, match="not connected to a Ray cluster") as caught:
        picture().eval(range(3), output(fresh_path()), scheduler="ray", progressbar=False)
    assert "ray.init" in caught.value.hint


@needs_ray
@pytest.mark.slow
def test_errors_of_tasks_name_the_input_and_nothing_lands(cluster: Any) -> None:
    ds, offset = output(fresh_path()), 1000

    @lakebed.compute
    def moved(number: int, samples_out: Any) -> None:
        picture.transform_function(number + offset, samples_out)

    moved().eval(range(20), ds, scheduler="ray", progressbar=False)
    assert [number for number, _, _ in content(ds)] == list(range(1000, 1020))
    with pytest.raises(TransformError, match="ValueError: 7 is not for me") as caught:
        picky(bad=(7,)).eval(range(20), ds, scheduler="ray", progressbar=False)
    assert caught.value.place == "input 7"
    assert len(ds) == 20


@needs_ray
@pytest.mark.slow
def test_a_module_that_the_nodes_lack_is_named(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("only_on_the_driver")
    exec("def step(number, samples_out): samples_out.numbers.append(number)", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(lakebed.InvalidInputError, match="No module named 'only_on_the_driver'") as caught:
        lakebed.compute(module.step)().eval(range(9), output(fresh_path()), scheduler="ray", progressbar=False)
    assert "working_dir" in caught.value.hint


@needs_ray
@pytest.mark.slow
def test_rows_of_a_dataset_are_read_by_the_tasks(cluster: Any, tmp_path: Path) -> None:
    ds = output(str(tmp_path / "ds"))
    picture().eval(range(40), ds, progressbar=False)
    before = content(ds)
    negative().eval(ds, scheduler="ray", num_workers=2, progressbar=False)
    assert content(ds) == [(number, 255 - pixel, names) for number, pixel, names in before]


@needs_ray
@pytest.mark.slow
def test_a_node_that_is_lost_in_the_middle_loses_no_row_and_doubles_none(cluster: Any, tmp_path: Path) -> None:
    ds, count = output(fresh_path()), 200
    with losing_a_node(cluster, tmp_path, enough=count // 4):
        marking(str(tmp_path)).eval(range(count), ds, scheduler="ray", progressbar=False)
    assert [number for number, _, _ in content(ds)] == list(range(count))
