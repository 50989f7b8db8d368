"""Transforms: rows in the order of the input whatever works on them, all or nothing, errors that name the input."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.loader import TransformError

import lakebed
from compute_functions import content, from_file, negative, output, picky, picture, repeated, upside_down
from face_data import fresh_path, row_of, street
from face_data import picture as image_of


@given(
    st.lists(st.integers(0, 300), max_size=80),
    st.integers(1, 5),
)
def test_rows_and_class_names_are_those_of_serial_work_for_any_number_of_threads(data: list[int], count: int) -> None:
    alone, together = output(fresh_path()), output(fresh_path())
    repeated().eval(data, alone, progressbar=False)
    repeated().eval(data, together, num_workers=count, progressbar=False)
    assert content(together) == content(alone)
    assert list(together.labels.info.class_names) == list(alone.labels.info.class_names)
    assert [number for number, _, _ in content(alone)] == [n for n in data for _ in range(n % 4)]


def test_arguments_reach_the_function_and_the_image_is_encoded_for_its_tensor() -> None:
    ds = output(fresh_path())
    picture(side=9).eval([5], ds, progressbar=False)
    assert ds.images[0].shape == (9, 9, 3)
    assert ds.images[0].tobytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("times", [1, 2])
def test_a_function_reads_samples_the_same_way_at_every_place_of_a_chain(times: int) -> None:
    source, ds = output(fresh_path()), output(fresh_path())
    rows = [{"images": image_of(number), "labels": names} for number, names in enumerate(["a", ["a", "b"], "b"])]
    source.extend(rows, skip_ok=True)
    lakebed.compose([upside_down()] * times).eval(source, ds, skip_ok=True, progressbar=False)
    assert (ds.images.numpy() == source.images.numpy()[:, :: (-1) ** times]).all()
    assert [codes.tolist() for codes in ds.labels.numpy(aslist=True)] == [[0], [0, 1], [1]]


@pytest.mark.parametrize("scheduler", ["threaded", "processes"])
def test_a_chain_decodes_files_that_its_first_function_gave(scheduler: str, tmp_path: Path) -> None:
    street(1).plot(path=tmp_path / "a.png", tile=32)
    ds = output(fresh_path())
    chain = lakebed.compose([from_file(), upside_down()])
    chain.eval([tmp_path / "a.png"], ds, num_workers=1, scheduler=scheduler, skip_ok=True, progressbar=False)
    assert (ds.images[0].numpy() == lakebed.read(tmp_path / "a.png").numpy()[::-1]).all()
    assert ds.labels[0].numpy().tolist() == [1]


def test_a_decorated_function_can_be_evaluated_as_it_is() -> None:
    ds = output(fresh_path())
    picture.eval(range(3), ds, progressbar=False)
    assert [number for number, _, _ in content(ds)] == [0, 1, 2]


def test_a_chain_gives_the_rows_of_one_function_to_the_next() -> None:
    ds = output(fresh_path())

    @lakebed.compute
    def doubled(row: Any, samples_out: Any, by: int) -> None:
        samples_out.append({**row, "numbers": row.numbers * by})
        samples_out.append({**row, "numbers": -row["numbers"]})

    lakebed.compose([picture(side=2), doubled(10)]).eval([1, 2], ds, num_workers=2, progressbar=False)
    assert [number for number, _, _ in content(ds)] == [10, -1, 20, -2]


@pytest.mark.parametrize("workers", [0, 3])
def test_rows_of_a_dataset_or_view_come_with_their_tensors(workers: int) -> None:
    source, ds = output(fresh_path()), output(fresh_path())
    picture().eval(range(40), source, progressbar=False)
    negative().eval(source[10:30:2], ds, num_workers=workers, progressbar=False)
    negative().eval(source, ds, num_workers=workers, progressbar=False)
    expected = [(number, 255 - pixel, names) for number, pixel, names in content(source)]
    assert content(ds) == expected[10:30:2] + expected


def test_a_row_given_on_as_it_is_keeps_its_files_byte_for_byte() -> None:
    source = street(6)
    ds = lakebed.like(fresh_path(), source)

    @lakebed.compute
    def same(row: Any, samples_out: Any) -> None:
        samples_out.append(row)

    same().eval(source, ds, num_workers=2, progressbar=False)
    assert [ds.images[n].tobytes() for n in range(6)] == [source.images[n].tobytes() for n in range(6)]
    assert all(np.array_equal(ds.boxes[n].numpy(), source.boxes[n].numpy()) for n in range(6))


def test_without_ds_out_each_row_is_replaced_and_tensors_that_are_left_out_stay() -> None:
    ds = output(fresh_path())
    picture().eval(range(100), ds, progressbar=False)
    before = content(ds)

    @lakebed.compute
    def odd_ones(row: Any, samples_out: Any) -> None:
        if row.numbers.numpy() % 2:
            samples_out.append({"numbers": row.numbers.numpy() + 1000})
        else:
            samples_out.append({"images": 255 - row.images.numpy(), "labels": "even"})

    odd_ones().eval(ds, num_workers=3, progressbar=False)
    expected = [(n + 1000, p, names) if n % 2 else (n, 255 - p, ("even",)) for n, p, names in before]
    assert content(ds) == expected


def test_replacing_more_than_memory_should_hold_lands_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakebed.transforms.landing.SEAL_BYTES", 1000)
    ds = output(fresh_path())
    picture().eval(range(100), ds, progressbar=False)
    before = content(ds)
    negative().eval(ds, num_workers=2, progressbar=False)
    assert content(ds) == [(number, 255 - pixel, names) for number, pixel, names in before]


def test_replacing_rows_gives_exactly_one_for_each(tmp_path: Path) -> None:
    ds = output(str(tmp_path / "ds"))
    picture().eval(range(5), ds, progressbar=False)

    @lakebed.compute
    def three_has_none(row: Any, samples_out: Any) -> None:
        if row.index != 3:
            samples_out.numbers.append(-1)

    with pytest.raises(lakebed.InvalidInputError, match="0 rows for one row") as caught:
        three_has_none().eval(ds, progressbar=False)
    assert "input 3" in caught.value.place
    assert [number for number, _, _ in content(ds)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("scheduler", "workers"), [("serial", 0), ("threaded", 3)])
def test_an_error_names_the_input_carries_its_cause_and_nothing_lands(scheduler: str, workers: int) -> None:
    ds = output(fresh_path())
    picture().eval([7], ds, progressbar=False)
    with pytest.raises(TransformError, match="ValueError: 77 is not for me") as caught:
        picky(bad=(77, 90)).eval(range(100), ds, workers, scheduler, progressbar=False)
    assert caught.value.place == "input 77"
    assert isinstance(caught.value.__cause__, ValueError)
    assert len(ds) == 1
    assert not [t for t in threading.enumerate() if "lakebed-compute" in t.name]


def test_a_sample_that_does_not_fit_names_the_input_and_the_tensor() -> None:
    ds = output(fresh_path())

    @lakebed.compute
    def fits_not(number: int, samples_out: Any) -> None:
        picture.transform_function(number, samples_out)
        if number == 11:
            samples_out.append({"images": np.zeros((2, 2, 3), np.uint8), "labels": "x", "numbers": "eleven"})
        if number == 13:
            samples_out.append({"images": b"no image", "labels": "x", "numbers": 1})

    for first, tensor in ((0, "numbers"), (12, "images")):
        with pytest.raises(lakebed.SampleError) as caught:
            fits_not().eval(range(first, 40), ds, num_workers=2, progressbar=False)
        assert caught.value.place.startswith(f"input {(11 if first == 0 else 13) - first}, ")
        assert tensor in caught.value.place
        assert len(ds) == 0
    with pytest.warns(UserWarning, match="2 of 40 samples were left out") as warned:
        fits_not().eval(range(40), ds, num_workers=2, ignore_errors=True, progressbar=False)
    assert [number for number, _, _ in content(ds)] == [n for n in range(40) if n not in (11, 13)]
    assert "input 11" in str(warned[0].message) and "input 13" in str(warned[0].message)


def test_inputs_that_fail_are_left_out_and_listed_on_demand() -> None:
    ds = output(fresh_path())
    with pytest.warns(UserWarning, match=r"3 of 50 samples were left out:\n  input 0: .*0 is not for me"):
        picky(bad=(0, 17, 49)).eval(range(50), ds, num_workers=4, ignore_errors=True, progressbar=False)
    assert [number for number, _, _ in content(ds)] == [n for n in range(50) if n not in (0, 17, 49)]


def test_tensors_may_be_left_out_only_where_that_was_allowed() -> None:
    ds = output(fresh_path())

    @lakebed.compute
    def numbers_only(number: int, samples_out: Any) -> None:
        samples_out.numbers.append(number)

    with pytest.raises(lakebed.InvalidInputError, match=r"nothing for .*'images'") as caught:
        numbers_only().eval([1, 2], ds, progressbar=False)
    assert "input 0" in caught.value.place
    numbers_only().eval([1, 2], ds, skip_ok=True, progressbar=False)
    assert ds.numbers.numpy().ravel().tolist() == [1, 2]
    assert ds.images[0].shape == (0, 0, 3)


def test_inside_a_transaction_it_is_a_part_of_it() -> None:
    ds = output(fresh_path())
    with ds:
        picture().eval([1, 2], ds, num_workers=2, progressbar=False)
        with pytest.raises(TransformError):
            picky(bad=(3,)).eval([3], ds, progressbar=False)
        ds.append({"images": None, "labels": None, "numbers": 9})
    assert ds.numbers.numpy().ravel().tolist() == [1, 2, 9]


def test_a_read_only_dataset_may_be_looked_at_but_not_changed(tmp_path: Path) -> None:
    ds = output(str(tmp_path / "ds"))
    picture().eval(range(5), ds, progressbar=False)
    ds.commit("five")
    ds.read_only = True
    seen: list[int] = []

    @lakebed.compute
    def look(row: Any, samples_out: Any) -> None:
        seen.append(int(row.numbers.numpy()))

    with pytest.raises(lakebed.StateError, match="reading only"):
        look().eval(ds, progressbar=False)
    look().eval(ds, read_only_ok=True, progressbar=False)
    assert seen == [0, 1, 2, 3, 4]
    with pytest.raises(lakebed.StateError, match="gives rows"):
        negative().eval(ds, read_only_ok=True, progressbar=False)


def test_no_more_is_under_way_than_the_workers_need(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    class Lazy:
        def __len__(self) -> int:
            return 1000

        def __getitem__(self, index: int) -> int:
            taken.append(index)
            return index

    ds = output(fresh_path())
    ahead = []
    write = ds._ws.extend

    def spy(columns: Any, count: int) -> None:
        ahead.append(len(taken) - len(ds))
        write(columns, count)

    monkeypatch.setattr(ds._ws, "extend", spy)
    picture().eval(Lazy(), ds, num_workers=2, progressbar=False)
    assert len(ds) == 1000 and taken == list(range(1000))
    assert max(ahead) <= 32 * (2 * 2 + 1)


@pytest.mark.parametrize(
    ("data", "kind"), [("a path", "bad-input"), (iter([1]), "bad-input"), (5, "bad-input"), ([1], "no-tensors")]
)
def test_data_that_cannot_be_cut_into_slices_and_targets_without_tensors_are_errors(data: Any, kind: str) -> None:
    target = lakebed.empty(fresh_path()) if kind == "no-tensors" else output(fresh_path())
    with pytest.raises(lakebed.InvalidInputError) as caught:
        picture().eval(data, target, progressbar=False)
    assert caught.value.kind == kind


@pytest.mark.parametrize("target", [None, "path"])
def test_a_list_needs_a_dataset_to_write_to(target: Any) -> None:
    with pytest.raises(lakebed.InvalidInputError) as caught:
        picture().eval([1, 2], target, progressbar=False)
    assert caught.value.kind == "no-target"


def test_a_view_is_not_replaced() -> None:
    ds = street(3)
    with pytest.raises(lakebed.InvalidInputError, match="data_in is a View"):
        negative().eval(ds[:2], progressbar=False)


@pytest.mark.parametrize(
    "options", [{"scheduler": "magic"}, {"num_workers": -1}, {"checkpoint_interval": -5}, {"num_workers": "two"}]
)
def test_options_outside_their_range_are_errors(options: dict[str, Any]) -> None:
    with pytest.raises(lakebed.InvalidInputError):
        picture().eval([1], output(fresh_path()), progressbar=False, **options)


@pytest.mark.parametrize("functions", [[], [print], [lambda a, b: None]])
def test_only_transforms_are_composed(functions: list[Any]) -> None:
    with pytest.raises(lakebed.InvalidInputError):
        lakebed.compose(functions)


def test_only_functions_are_decorated() -> None:
    with pytest.raises(lakebed.InvalidInputError):
        lakebed.compute("picture")  # type: ignore[arg-type]  # what is tested


def test_an_empty_input_changes_nothing() -> None:
    ds = output(fresh_path())
    ds.commit("empty")
    picture().eval([], ds, num_workers=2, progressbar=False)
    assert len(ds) == 0 and not ds.has_head_changes


def test_progress_is_shown_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    lakebed.compute(picture.transform_function, name="painting").eval(range(64), output(fresh_path()))
    shown = capsys.readouterr()
    assert "painting" in shown.err and "64/64" in shown.err and not shown.out


def test_rows_may_be_given_many_at_once_and_tensor_by_tensor() -> None:
    ds = lakebed.empty(fresh_path())
    for name in ("a", "group/b", "rows"):
        ds.create_tensor(name, dtype="int64")

    @lakebed.compute
    def many(number: int, samples_out: Any) -> None:
        samples_out.extend({"a": [number, number + 1], "group/b": [0, 1], "rows": [5, 5]})
        samples_out.extend([{"a": 7, "group/b": 8, "rows": 9}])
        samples_out.a.extend([1, 2])
        samples_out.group.b.extend([3, 4])
        samples_out["rows"].append(5)
        samples_out.rows.append(6)

    many().eval([10], ds, progressbar=False)
    assert [[int(row[name].numpy()) for name in ("a", "group/b", "rows")] for row in ds] == [
        [10, 0, 5], [11, 1, 5], [7, 8, 9], [1, 3, 5], [2, 4, 6],
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [5, "text", [1, 2]])
def test_what_is_no_row_is_an_error_that_names_the_input(bad: Any) -> None:
    @lakebed.compute
    def wrong(number: int, samples_out: Any) -> None:
        samples_out.append(bad)

    with pytest.raises(lakebed.InvalidInputError, match=r"samples_out\.append") as caught:
        wrong().eval([1], output(fresh_path()), progressbar=False)
    assert "input 0" in caught.value.place


def test_samples_of_unequal_numbers_are_an_error() -> None:
    @lakebed.compute
    def uneven(number: int, samples_out: Any) -> None:
        samples_out.extend({"images": [None, None], "labels": [None], "numbers": [1, 2]})

    with pytest.raises(lakebed.InvalidInputError, match="'images' 2, 'labels' 1"):
        uneven().eval([1], output(fresh_path()), progressbar=False)


def test_a_dataset_can_be_appended_to_itself() -> None:
    ds = output(fresh_path())
    picture().eval(range(4), ds, progressbar=False)
    negative().eval(ds, ds, num_workers=2, progressbar=False)
    assert [pixel for _, pixel, _ in content(ds)] == [0, 1, 2, 3, 255, 254, 253, 252]


def test_rows_of_coco_like_data_are_kept(tmp_path: Path) -> None:
    ds = lakebed.like(str(tmp_path / "made"), street(1))

    @lakebed.compute
    def made(number: int, samples_out: Any) -> None:
        samples_out.append(row_of(number))

    made().eval(list(range(30)), ds, num_workers=2, progressbar=False)
    ds.commit("made")
    expected = street(30)
    again = lakebed.load(str(tmp_path / "made"))
    assert [again.categories[n].data()["text"] for n in range(30)] == [
        expected.categories[n].data()["text"] for n in range(30)
    ]


def test_labels_given_on_as_they_are_keep_their_names_where_classes_are_numbered_otherwise() -> None:
    source, ds = street(12), lakebed.empty(fresh_path())
    ds.create_tensor("categories", htype="class_label", class_names=["stop sign", "bus"])
    ds.create_tensor("codes", htype="generic")

    @lakebed.compute
    def labels(row: Any, samples_out: Any) -> None:
        samples_out.append({"categories": row.categories, "codes": row.categories})

    labels().eval(source, ds, progressbar=False)
    assert [row.categories.data()["text"] for row in ds] == [row.categories.data()["text"] for row in source]
    assert [row.codes.numpy().tolist() for row in ds] == [row.categories.numpy().tolist() for row in source]
