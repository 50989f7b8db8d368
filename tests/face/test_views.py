from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lakebed
from face_data import coco_folder, fresh_path, label_codes, numbers, picture, street
from lakebed import AlreadyExistsError, InvalidInputError, NotFoundError, StateError

CARS = """
(select * where contains(categories, 'car') limit 1000)
  union
(SELECT * where contains(categories, 'stop sign') LIMIT 2)
"""


def rows_with(ds: lakebed.Dataset, code: int) -> list[int]:
    return [row for row, codes in enumerate(label_codes(ds)) if code in codes]


def test_a_query_over_several_lines_gives_the_rows_in_dataset_order() -> None:
    ds = street(40)
    view = ds.query(CARS)
    assert view.sample_indices == sorted({*rows_with(ds, 0), *rows_with(ds, 3)[:2]})
    assert view.query_text == CARS
    assert len(ds.query("select * where contains(categories, 'bus') limit 3")) == 3


def test_a_query_on_a_view_sees_its_rows_only() -> None:
    ds = street(40)
    cars = ds.query("select * where contains(categories, 'car')")
    both = cars.query("select * where contains(categories, 'bus')")
    assert both.sample_indices == [row for row in cars.sample_indices if row in rows_with(ds, 1)]
    assert ds[10:20].query("select * limit 2").sample_indices == [10, 11]
    assert "and of these rows" in both.query_text


def test_computed_columns_stand_beside_the_tensors() -> None:
    ds = street(10)
    view = ds.query("select *, shape(boxes)[0] as n where shape(boxes)[0] > 1 order by shape(boxes)[0] desc")
    assert view.computed_columns == ["n"]
    assert view["n"].numpy().tolist() == [len(ds.boxes[row].numpy()) for row in view.sample_indices]
    assert int(view["n"][0].numpy()) == 3
    view.save_view(id="counted")
    assert ds.load_view("counted")["n"].list() == view["n"].list()


def test_named_columns_are_the_tensors_that_the_view_shows() -> None:
    view = street(5).query("select boxes, categories where contains(categories, 'car')")
    assert list(view.tensors) == ["boxes", "categories"]


def test_counts_are_a_table_of_values() -> None:
    table = street(10).query("select count(*) as n")
    assert table.columns == ["n"]
    assert table[0] == {"n": 10}
    assert table["n"].list() == [10]
    with pytest.raises(StateError):
        table.save_view()


def test_groups_are_views_of_their_rows() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("k", dtype="int64")
    ds.create_tensor("v", dtype="int64")
    ds.extend({"k": [1, 2, 1, 2, 1], "v": [10, 20, 30, 40, 50]})
    groups = ds.query("select k, v, count(*) as n group by k")
    assert len(groups) == 2
    assert groups["n"].list() == groups.sizes() == [3, 2]
    assert [int(v) for v in groups[0].v.numpy()] == [10, 30, 50]
    assert [[int(v) for v in group] for group in groups["v"]] == [[10, 30, 50], [20, 40]]


def test_a_saved_view_keeps_its_rows_whatever_happens_later() -> None:
    ds = street(30)
    view = ds.query(CARS)
    rows = view.sample_indices
    expected = [ds.categories[row].numpy().tolist() for row in rows]
    path = view.save_view(message="cars")
    assert path.rpartition("/")[2] == view.id
    assert view.id is not None
    assert len(view.id) == 24
    assert int(view.id, 16) >= 0
    ds.pop(rows[0])
    ds.categories[0] = ["bicycle"]
    ds.commit("changed")
    ds.rename_tensor("images", "photos")
    ds.commit("renamed")
    loaded = lakebed.load(ds.path).load_view(view.id)
    assert loaded.sample_indices == rows
    assert label_codes(loaded) == expected
    assert (loaded.message, loaded.query_text, loaded.id) == ("cars", CARS, view.id)
    assert np.array_equal(loaded.images[0].numpy(), picture(rows[0]))


def test_a_view_is_the_same_in_another_process(tmp_path: Path) -> None:
    ds = street(20, path=str(tmp_path / "ds"))
    view = ds.query("select * sample by 1.0 limit 7")
    view.save_view(id="drawn")
    code = (
        f"import lakebed; v = lakebed.load({str(tmp_path / 'ds')!r}).load_view('drawn'); "
        "print(v.sample_indices, [c.tolist() for c in v.categories.numpy(aslist=True)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == f"{view.sample_indices} {label_codes(view)}"


def test_random_rows_are_the_same_whenever_the_view_is_loaded() -> None:
    ds = street(20)
    view = ds.query("select * order by random() limit 5")
    view.save_view(id="r")
    assert ds.load_view("r").sample_indices == ds.load_view("r").sample_indices == view.sample_indices


def test_uncommitted_changes_refuse_to_save_and_say_what_to_do() -> None:
    ds = street(5)
    ds.pop(0)
    view = ds.query(CARS)
    with pytest.raises(StateError, match=r"ds\.commit") as error:
        view.save_view()
    assert error.value.kind == "uncommitted-changes"
    assert ds.get_views() == []
    ds.commit("less")
    ds.query(CARS).save_view()
    assert len(ds.get_views()) == 1


def test_an_id_is_taken_once_unless_overwritten() -> None:
    ds = street(5)
    ds[0:2].save_view(id="v")
    with pytest.raises(AlreadyExistsError, match="overwrite"):
        ds[1:3].save_view(id="v")
    assert ds.load_view("v").sample_indices == [0, 1]
    ds[1:3].save_view(id="v", overwrite=True)
    assert ds.load_view("v").sample_indices == [1, 2]


def test_views_are_listed_and_deleted() -> None:
    ds = street(5)
    ds[0:2].save_view(id="a", message="first")
    ds[[4, 1, 1]].save_view(id="b")
    assert [entry.id for entry in ds.get_views()] == ["a", "b"]
    entry = ds.get_view("b")
    assert (len(entry), entry.virtual, entry.commit_id, entry.info["rows"]) == (3, True, ds.commit_id, 3)
    assert entry.load().sample_indices == [4, 1, 1]
    ds.delete_view("a")
    with pytest.raises(NotFoundError, match="are: b") as error:
        ds.load_view("a")
    assert error.value.kind == "unknown-view"
    entry.delete()
    assert ds.get_views() == []


@pytest.mark.parametrize("linked", [False, True])
def test_a_materialised_view_reads_the_same_rows(tmp_path: Path, linked: bool) -> None:
    folder = coco_folder(tmp_path)
    ds = lakebed.ingest_coco(
        folder / "images",
        folder / "annotations.json",
        fresh_path(),
        image_params={"htype": "link[image]" if linked else "image", "sample_compression": "jpg"},
        progressbar=False,
    )
    view = ds.query("select * where contains(categories, 'car') order by row_number() desc")
    view.save_view(id="cars")
    plain = [(label_codes(view)[n], view.images[n].numpy()) for n in range(len(view))]
    copied = ds.load_view("cars", optimize=True, num_workers=2, progressbar=False)
    assert copied.is_optimized
    assert copied.images.htype == "image"
    assert copied.sample_indices == view.sample_indices
    assert copied.categories.info.class_names == ds.categories.info.class_names
    for number, (codes, pixels) in enumerate(plain):
        assert copied.categories[number].numpy().tolist() == codes
        assert np.array_equal(copied.images[number].numpy(), pixels)
    assert copied.images[0].tobytes() == (folder / "images" / f"{copied.image_ids[0].numpy():012d}.jpg").read_bytes()
    if linked:
        for path in (folder / "images").iterdir():
            path.unlink()
    again = lakebed.load(ds.path).load_view("cars")
    assert again.is_optimized
    assert np.array_equal(again[1:3].images[0].numpy(), plain[1][1])
    assert again[1:3].sample_indices == view.sample_indices[1:3]
    assert again.query("select * limit 1").sample_indices == view.sample_indices[:1]
    assert not ds.get_view("cars").virtual


def test_rows_that_cannot_be_fetched_are_skipped_on_demand(tmp_path: Path) -> None:
    folder = coco_folder(tmp_path)
    ds = lakebed.ingest_coco(
        folder / "images",
        folder / "annotations.json",
        fresh_path(),
        image_params={"htype": "link[image]"},
        progressbar=False,
    )
    ds[2:6].save_view(id="v")
    Path(ds.images[3].path()).unlink()
    with pytest.raises(lakebed.LakebedError, match=Path(ds.images[3].path()).name):
        ds.load_view("v", optimize=True, progressbar=False)
    view = ds.load_view("v", optimize=True, on_error="skip", progressbar=False)
    assert view.sample_indices == [2, 4, 5]


def test_lineage_is_json_and_names_everything(tmp_path: Path) -> None:
    folder = coco_folder(tmp_path)
    ds = lakebed.ingest_coco(
        folder / "images",
        folder / "annotations.json",
        fresh_path(),
        image_params={"htype": "link[image]"},
        progressbar=False,
    )
    view = ds.query("select * where contains(categories, 'car')")
    view.save_view(id="cars", optimize=True)
    record: dict[str, Any] = json.loads(json.dumps(view.lineage()))
    assert record["commit"]["id"] == ds.commit_id
    assert record["query"] == view.query_text
    assert record["rows"]["indices"] == view.sample_indices
    assert record["sources"]["images"] == [ds.images[row].path() for row in view.sample_indices]
    assert record["view"]["id"] == "cars"
    assert any(name.startswith("views/cars/") for name in record["view"]["files"])


def test_filter_takes_a_function_or_a_condition() -> None:
    ds = street(20)
    by_function = ds.filter(lambda row: 0 in row.categories.numpy().tolist(), progressbar=False)
    assert by_function.sample_indices == rows_with(ds, 0)
    assert ds.filter("contains(categories, 'car')").sample_indices == by_function.sample_indices


def test_random_split_shares_no_row_and_loses_none() -> None:
    ds = numbers(11)
    for lengths in ([0.5, 0.3, 0.2], [6, 4, 1]):
        parts = ds.random_split(lengths, seed=3)
        assert sorted(row for part in parts for row in part.sample_indices) == list(range(11))
    assert (
        ds.random_split([0.5, 0.5], seed=1)[0].sample_indices == ds.random_split([0.5, 0.5], seed=1)[0].sample_indices
    )
    with pytest.raises(InvalidInputError):
        ds.random_split([0.5, 0.2])


def test_sample_by_draws_only_rows_of_some_weight() -> None:
    ds = numbers(4)
    assert set(ds.sample_by([0, 1, 0, 2], size=50, seed=0).sample_indices) == {1, 3}
    assert sorted(ds.sample_by([0, 1, 0, 2], replace=False, seed=0).sample_indices) == [1, 3]
    for weights in ([0, 0, 0, 0], [1, 1], [-1, 1, 1, 1]):
        with pytest.raises(InvalidInputError):
            ds.sample_by(weights)


def test_sample_by_a_text_draws_the_same_rows_for_the_same_seed() -> None:
    ds = street(40)
    weight = "max_weight(contains(categories, 'car'): 5, true: 1)"
    drawn = [ds.sample_by(weight, seed=seed).sample_indices for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 40


def test_lakebed_query_names_its_dataset(tmp_path: Path) -> None:
    ds = street(10, path=str(tmp_path / "ds"))
    first = ds.commit_id
    ds.pop([0, 1, 2, 3])
    ds.commit("less")
    found = lakebed.query(f"select * from \"{ds.path}@{first}\" where contains(categories, 'car')")
    assert found.sample_indices == rows_with(lakebed.load(f"{ds.path}@{first}"), 0)
    with pytest.raises(lakebed.LakebedError):
        lakebed.query('select * from "mem://nowhere-at-all"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select * where contains(categories, 'cra')", "did you mean 'car'"),
        ("select * were x", r"\^"),
        ("select * where contains(categoris, 'car')", "categories"),
    ],
)
def test_a_wrong_query_points_at_the_place_with_a_hint(text: str, said: str) -> None:
    with pytest.raises(lakebed.TQLError, match=said):
        street(2).query(text)


def test_repr_says_where_rows_come_from() -> None:
    ds = street(6)
    view = ds.query("select * limit 3")
    view.save_view(id="three")
    text = repr(ds.load_view("three"))
    assert ds.path in text
    assert "rows=3" in text
    assert "three" in text


def test_a_query_may_ask_another_dataset_and_give_its_rows() -> None:
    here, there = numbers(3), street(10)
    found = here.query(f"select * from \"{there.path}\" where contains(categories, 'car')")
    assert found.path == there.path
    assert found.sample_indices == rows_with(there, 0)
    assert found[0].images.numpy().shape == (24, 32, 3)


def test_names_that_a_query_gives_reach_the_tensor() -> None:
    view = street(4).query("select boxes as b, categories where contains(categories, 'car')")
    assert np.array_equal(view["b"][0].numpy(), view.boxes[0].numpy())
    assert list(view[1:].tensors) == ["boxes", "categories"]
    assert view[1:]["b"].name == "boxes"


def test_seeds_repeat_a_random_query() -> None:
    ds = numbers(50)
    text = "select * order by random() limit 10"
    assert ds.query(text, seed=1).sample_indices == ds.query(text, seed=1).sample_indices


def test_plain_sql_chooses_rows_too() -> None:
    ds = numbers(10)
    found = ds.query("select _row from dataset where x % 3 = 0", dialect="sql")
    assert found.sample_indices == [0, 3, 6, 9]


def test_a_query_is_explained_without_being_run() -> None:
    text = str(street(4).explain_query("select * where contains(categories, 'car') limit 2"))
    assert "plan" in text
    assert "estimated rows" in text


def test_parameters_are_put_in_for_their_names() -> None:
    ds = numbers(10)
    assert ds.query("select * where x > :low", params={"low": 7}).sample_indices == [8, 9]
    assert ds.query("select * where x > ? and x < ?", params=[3, 6]).sample_indices == [4, 5]
