"""Big cells look as small ones do: in queries, tables, views, copies, loaders, and on S3."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebed
from face_data import fresh_path, picture
from faulty_store import WatchedStore

pytest.importorskip("boto3")
from s3_fixtures import moto, moto_bucket

__all__ = ["moto", "moto_bucket"]

HTYPES = {
    "labels": "class_label",
    "text": "text",
    "facts": "json",
    "words": "tag",
    "grid": "generic",
    "vector": "embedding",
    "boxes": "bbox",
    "clips": "sequence[image]",
    "images": "image",
}


def row(number: int) -> dict[str, Any]:
    """Cells that follow from the number; every second array, text, ... is longer than 64 bytes."""
    big = number % 2
    return {
        "labels": [number % 3],
        "text": f"{number} " + "word " * (40 if big else number % 5),
        "facts": {"n": number, "s": "y" * (90 * big), "list": [number] * (3 + 30 * big)},
        "words": [f"tag {number % 4}", *["z" * 30] * (4 * big)],
        "grid": np.arange(24 * (1 + 9 * big), dtype=np.float32).reshape(2, -1) + number,
        "vector": np.full(8 + 90 * big, number, np.float32),
        "boxes": np.full((1 + 20 * big, 4), number, np.float32),
        "clips": [picture(number, 4, 4), picture(number + 1, 8, 4)][: number % 3],
        "images": picture(number, 9, 9),
    }


def dataset(limit: int, rows: int = 12) -> lakebed.Dataset:
    """Rows, some edited, one popped; cells over `limit` bytes lie in chunk files."""
    with mock.patch("lakebed.storage.draft.IN_ROW", limit):
        ds = lakebed.empty(fresh_path())
        with ds:
            for name, htype in HTYPES.items():
                ds.create_tensor(name, htype=htype, sample_compression="png" if "image" in htype else None)
            ds.labels.info.class_names = ["a", "b", "c"]
            for number in range(rows):
                ds.append(row(number))
        ds.commit("rows")
        ds.text[4] = "edited " * 30
        ds.text[5] = "short"
        ds.grid[2] = np.ones((3, 90), np.float32)
        ds.pop(7)
        ds.commit("edits")
    return ds


@pytest.fixture(scope="module")
def small() -> lakebed.Dataset:
    """All cells in their rows."""
    return dataset(1 << 40)


@pytest.fixture(scope="module")
def big() -> lakebed.Dataset:
    """The same with big cells in chunk files."""
    ds = dataset(64)
    assert len(list(ds._ws.repository.store.list("chunks/"))) > 8
    return ds


QUERIES = (
    "select * where length(text) > 100",
    "select * where contains(text, 'word word')",
    "select * where text like '%edited%' or text = 'short'",
    "select * order by text desc",
    "select * where labels == 'b' order by text limit 3",
    "select * order by grid[1, 2] desc limit 4",
    "select * where grid[0, 0] > 3 and labels != 'a'",
    "select * where shape(grid)[1] > 90",
    "select * order by l2_norm(vector) desc",
    "select * where any(boxes[:, 0] > 6)",
    "select * where contains(words, 'tag 1')",
    "select * where facts['n'] > 4 order by facts['s'], facts['n'] desc",
    "select text, facts['n'] as n where labels == 'c'",
    "select vector, grid[0, :2] as corner order by vector[0] desc limit 5",
    "select count(*) as n, max(length(text)) as longest group by labels",
    "select * where length(text) > length(data(text, 3))",
    "(select * where length(text) > 100) union (select * where labels == 'b')",
)


def answer(ds: lakebed.Dataset, query: str, dialect: str = "tql") -> Any:
    found = ds.query(query, dialect=dialect)
    if isinstance(found, lakebed.View):
        computed = [[np.asarray(cell).tolist() for cell in found[name].list()] for name in found.computed_columns]
        return found.sample_indices, computed
    return found.to_arrow().to_pylist()


@pytest.mark.parametrize("query", QUERIES)
def test_queries_over_big_cells_give_the_same_answers(small: lakebed.Dataset, big: lakebed.Dataset, query: str) -> None:
    assert answer(big, query) == answer(small, query)
    assert answer(big[2:9], query) == answer(small[2:9], query)


SQL = (
    "select _row from dataset where length(text) > 100",
    "select text, grid[3] as g from dataset order by text",
    "from dataset select max(vector[2]) as m, count(*) as n",
    "select count(*) as n from dataset where facts is null",
    "select a._row from dataset a join dataset b using (text) order by a._row; -- the end",
    "with t as (select * from dataset) select t.text from t union all select t.text from t order by all",
    "select columns('te.t') from dataset",
)


@pytest.mark.parametrize("query", SQL)
def test_sql_over_big_cells_gives_the_same_answers(small: lakebed.Dataset, big: lakebed.Dataset, query: str) -> None:
    assert answer(big, query, "sql") == answer(small, query, "sql")


@pytest.fixture
def reads(big: lakebed.Dataset) -> Iterator[list[str]]:
    """Tensors whose chunk files are read, as they are."""
    snapshot = big._ws.snapshot()
    owner = {
        part["key"]: name
        for name in HTYPES
        for parts in (snapshot.column(f"{name}.ref").to_pylist() if f"{name}.ref" in snapshot.fields else ())
        for part in parts or ()
    }
    found: list[str] = []
    watched = WatchedStore(
        snapshot.context.store, lambda _, call, key: found.append(owner[key]) if key in owner else None
    )
    with mock.patch.object(snapshot.context, "store", watched):
        yield found


@pytest.mark.parametrize(
    ("query", "dialect", "read"),
    [
        ("select * where labels == 'b'", "tql", set()),
        ("select * where labels == 'b' and length(text) > 3", "tql", {"text"}),
        ("select * order by grid[0, 0]", "tql", {"grid"}),
        ("select vector[0] as first where labels == 'a'", "tql", {"vector"}),
        ("select _row from dataset where text like 'x%'", "sql", {"text"}),
        ("select count(*) from dataset", "sql", set()),
        ("select vector[1] from dataset where labels[1] = 2", "sql", {"vector"}),
    ],
)
def test_a_query_brings_in_the_big_cells_of_the_columns_that_it_reads(
    big: lakebed.Dataset, reads: list[str], query: str, dialect: str, read: set[str]
) -> None:
    found = big[:].query(query, dialect=dialect)
    if not isinstance(found, lakebed.View):
        found.to_arrow()
    assert set(reads) == read


def test_a_query_reads_the_big_cells_of_the_rows_that_are_left(big: lakebed.Dataset, reads: list[str]) -> None:
    big[:].query("select * where labels == 'b' order by text")
    few = len(reads)
    reads.clear()
    big[:].query("select * order by text")
    assert 0 < few <= len(reads)


def test_shapes_of_text_json_and_arrays_are_told_without_reading_them(big: lakebed.Dataset, reads: list[str]) -> None:
    assert big.text.shapes() == [(1,)] * 11
    assert big.facts[3].shape == (1,)
    assert big.grid.shapes()[2] == (3, 90)
    assert big.images.shapes() == [(9, 9, 3)] * 11
    assert reads == []
    assert big.vector.shapes()[1] == (98,)
    assert set(reads) == {"vector"}


def test_tensors_tables_and_summaries_show_the_samples(small: lakebed.Dataset, big: lakebed.Dataset) -> None:
    for name in HTYPES:
        for one, other in zip(big[name].numpy(aslist=True), small[name].numpy(aslist=True), strict=True):
            assert np.array_equal(one, other) if not isinstance(one, list) else len(one) == len(other)
        assert big[name].shapes() == small[name].shapes()
        assert str(big[name].shape_interval) == str(small[name].shape_interval)
        assert str(big[name][3].data()) == str(small[name][3].data())
    names = [name for name in HTYPES if name != "images"]
    assert big.to_arrow(names).to_pylist() == small.to_arrow(names).to_pylist()
    assert big[3:8].to_arrow(names).to_pylist() == small[3:8].to_arrow(names).to_pylist()
    assert big.to_pandas(["text"]).text.tolist() == small.to_pandas(["text"]).text.tolist()


@given(rows=st.lists(st.integers(-11, 10), max_size=6))
def test_any_choice_of_rows_reads_as_it_does_without_chunk_files(
    small: lakebed.Dataset, big: lakebed.Dataset, rows: list[int]
) -> None:
    for name in ("text", "words", "grid"):
        assert str(big[name][rows].numpy(aslist=True)) == str(small[name][rows].numpy(aslist=True))


def test_saved_materialised_and_copied_rows_hold_the_samples(small: lakebed.Dataset, big: lakebed.Dataset) -> None:
    view = big.query("select * where labels == 'b'")
    expected = small.query("select * where labels == 'b'")
    view.save_view(id="b")
    stored, made = big.load_view("b"), big.load_view("b", optimize=True, progressbar=False)
    copied = lakebed.deepcopy(big.path, fresh_path(), progressbar=False)
    for name in set(HTYPES) - {"clips"}:
        wanted = str(expected[name].numpy(aslist=True))
        assert str(stored[name].numpy(aslist=True)) == wanted
        assert str(made[name].numpy(aslist=True)) == wanted
        assert str(copied[name].numpy(aslist=True)) == str(small[name].numpy(aslist=True))
    longer = "select * where length(text) > 50"
    assert list(made.query(longer).sample_indices) == list(expected.query(longer).sample_indices)


def test_loaders_deliver_big_cells(small: lakebed.Dataset, big: lakebed.Dataset) -> None:
    pytest.importorskip("torch")
    names = ["vector", "grid", "text", "images"]
    for one, other in zip(
        big.pytorch(tensors=names, batch_size=3), small.pytorch(tensors=names, batch_size=3), strict=True
    ):
        assert str(one) == str(other)


def test_a_diff_shows_big_cells_before_and_after(small: lakebed.Dataset, big: lakebed.Dataset) -> None:
    shown = []
    for ds in (small, big):
        last, first = (found["commit"] for found in ds.commits)
        found = ds.diff(first, last, as_dict=True)
        assert found is not None
        shown.append(str({key: value for key, value in found.items() if key not in {"from", "to"}}))
    assert shown[0] == shown[1]
    assert "edited edited" in shown[1]


def test_big_cells_are_read_from_s3(moto_bucket: dict[str, str]) -> None:
    ds = lakebed.empty(f"s3://test/{uuid.uuid4().hex}", creds=moto_bucket)
    with ds:
        ds.create_tensor("text", htype="text")
        ds.create_tensor("grid")
        for number in range(4):
            ds.append({"text": f"{number}" * 70_000, "grid": np.full(20_000, number)})
    ds.commit("rows")
    again = lakebed.load(ds.path, creds=moto_bucket)
    assert [text[0] for text in again.text.numpy(aslist=True)] == ["0" * 70_000, *(f"{n}" * 70_000 for n in (1, 2, 3))]
    assert again.query("select * where grid[5] > 1 order by text desc").sample_indices == [3, 2]
    assert lakebed.verify(ds.path, level="deep", creds=moto_bucket).ok
