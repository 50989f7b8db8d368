"""What is looked at: scans stop at their limit, pixels come last, derived arrays live as long as their source."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lakebed.storage.schema import TensorSpec
from lakebed.tql.intervals import HIGHEST, LOWEST
from lakebed.tql.row_tests import LabelTest
from lakebed.tql.schema import ColumnInfo, Kind

from lakebed import engine
from lakebed.engine import element_tables, label_scan
from lakebed.engine.element_tables import ListChunk
from lakebed.engine.label_scan import label_rows
from memory_source import MemorySource

COLUMN = ColumnInfo("labels", Kind.LABEL, "labels", "uint32", 1)


class Pictures(MemorySource):
    """Images whose every pixel is ten times their row; counts which are decoded."""

    def __init__(self, rows: int) -> None:
        table = pa.table(
            {
                "images.shape": pa.array([[2, 2, 3]] * rows, pa.list_(pa.int32())),
                "num": pa.array(range(rows), pa.int64()),
            }
        )
        specs = [
            TensorSpec("images", "images", "image", sample_compression="png"),
            TensorSpec("num", "num", dtype="int64", ndim=0),
        ]
        super().__init__(specs, table)
        self.decoded: list[int] = []

    def read(self, tensor: str, rows: Sequence[int] | np.ndarray[Any, Any]) -> list[Any]:
        self.decoded += [int(row) for row in rows]
        return [np.full((2, 2, 3), int(row) * 10, np.uint8) for row in rows]


def test_pixels_are_decoded_only_for_the_rows_that_cheap_conditions_left() -> None:
    source = Pictures(20)
    result = engine.run(source, "select * where mean(images) > 50 and num < 8")
    assert result.rows is not None and list(result.rows) == [6, 7]
    assert sorted(source.decoded) == list(range(8))


def test_pixels_under_or_are_decoded_only_where_the_rest_failed() -> None:
    source = Pictures(12)
    result = engine.run(source, "select * where num < 8 or max(images) >= 100")
    assert result.rows is not None and list(result.rows) == [*range(8), 10, 11]
    assert sorted(source.decoded) == [8, 9, 10, 11]


def test_a_limit_stops_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakebed.engine.row_program.PIXEL_BLOCK", 4)
    source = Pictures(20)
    result = engine.run(source, "select * where min(images) > 20 limit 2")
    assert result.rows is not None and list(result.rows) == [3, 4]
    assert sorted(source.decoded) == list(range(8))


def test_statistics_of_pixels_can_be_columns_and_sort() -> None:
    source = Pictures(6)
    result = engine.run(source, "select std(images) as s, mean(images) as m where num > 2 order by m desc limit 2")
    assert result.rows is not None and list(result.rows) == [5, 4]
    assert result.computed is not None and result.computed.column("m").to_pylist() == [50.0, 40.0]
    assert set(source.decoded) == {3, 4, 5}


# --- labels ----------------------------------------------------------------------------------------------------------


def chunks(cells: list[list[int]], size: int) -> list[ListChunk]:
    made = []
    for first in range(0, len(cells), size):
        part = cells[first : first + size]
        ends = np.cumsum([0, *(len(cell) for cell in part)])
        made.append(ListChunk(first, ends, np.array([x for cell in part for x in cell], np.uint32)))
    return made


@pytest.mark.parametrize("quantifier", ["ANY", "ALL", "ALL_STRICT"])
@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("wanted", [((3, 3),), ((LOWEST, 1), (4, HIGHEST)), ((0, 0), (2, 2), (4, 4), (6, 9)), ()])
@pytest.mark.parametrize("block", [1, 1000])
def test_label_scans_agree_with_a_loop(
    quantifier: Any, negated: bool, wanted: Any, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_scan, "FIRST_BLOCK", block)
    rng = np.random.default_rng(5)
    cells = [rng.integers(0, 8, rng.integers(0, 4)).tolist() for _ in range(200)]
    test = LabelTest(COLUMN, quantifier, wanted, negated)

    def passes(cell: list[int]) -> bool:
        inside = [any(low <= x <= high for low, high in wanted) for x in cell]
        found = any(inside) if quantifier == "ANY" else all(inside) and (quantifier == "ALL" or bool(cell))
        return found != negated

    expected = [row for row, cell in enumerate(cells) if passes(cell)]
    assert label_rows(chunks(cells, 70), test, None).tolist() == expected
    assert label_rows(chunks(cells, 70), test, 7).tolist() == expected[:7]


def test_a_scan_with_a_limit_looks_at_few_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = label_scan.label_mask

    def spy(offsets: Any, values: Any, test: LabelTest) -> Any:
        seen.append(len(offsets) - 1)
        return original(offsets, values, test)

    monkeypatch.setattr(label_scan, "label_mask", spy)
    monkeypatch.setattr(label_scan, "FIRST_BLOCK", 10)
    assert len(label_rows(chunks([[1]] * 10_000, 5000), LabelTest(COLUMN, "ANY", ((1, 1),)), 15)) == 15
    assert seen == [10, 20]


def test_missing_cells_between_others_are_empty() -> None:
    table = pa.table({"labels": pa.array([[1], None, [2, 1], None, []], pa.list_(pa.uint32()))})
    source = MemorySource(
        [TensorSpec("labels", "labels", "class_label", dtype="uint32", ndim=1)],
        table,
        {"labels": {"class_names": ["a", "b", "c"]}},
    )
    found = engine.run(source, "select * where contains(labels, 'b')").rows
    none = engine.run(source, "select * where all(labels = 'b')").rows
    assert found is not None and found.tolist() == [0, 2]
    assert none is not None and none.tolist() == [0, 1, 3, 4]


def test_what_was_derived_goes_with_its_source() -> None:
    source = Pictures(3)
    engine.run(source, "select * where num > 1")
    key = id(source)
    assert key in element_tables._DERIVED
    del source
    gc.collect()
    assert key not in element_tables._DERIVED
