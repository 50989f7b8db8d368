from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebed
from face_data import CLASSES, boxes_of, fresh_path, label_codes, numbers, picture, row_of, street
from lakebed import InvalidInputError, NotFoundError, RangeError, SampleError, StateError


def values(ds: Any, name: str = "x") -> list[int]:
    return [int(value) for value in ds[name].numpy(aslist=True)]


def test_append_and_extend_give_the_same_rows() -> None:
    one, many, listed = street(0), street(0), street(0)
    for number in range(6):
        one.append(row_of(number))
    rows = [row_of(number) for number in range(6)]
    many.extend({name: [row[name] for row in rows] for name in rows[0]})
    listed.extend(rows)
    assert label_codes(one) == label_codes(many) == label_codes(listed)
    assert one.boxes.shapes() == many.boxes.shapes()


def test_a_missing_key_names_it_and_adds_nothing() -> None:
    ds = street(2)
    with pytest.raises(InvalidInputError, match="nothing for 'boxes'") as error:
        ds.append({"images": picture(0), "categories": None})
    assert error.value.kind == "missing-tensor"
    assert len(ds) == 2


def test_an_unknown_key_suggests_the_tensor_that_was_meant() -> None:
    ds = street(2)
    with pytest.raises(NotFoundError, match="did you mean 'boxes'"):
        ds.append({**row_of(0), "boxs": None})
    with pytest.raises(NotFoundError):
        ds.extend({"boxs": [1]})
    with pytest.raises(NotFoundError):
        ds[0].update({"boxs": 1})
    assert len(ds) == 2


@pytest.mark.parametrize("option", ["skip_ok", "append_empty"])
def test_keys_left_out_on_demand_are_empty_cells(option: str) -> None:
    ds = street(0)
    ds.append({"boxes": boxes_of(1)}, **{option: True})
    ds.extend({"categories": [["car"], ["bus"]]}, **{option: True})
    assert len(ds) == 3
    assert ds.images[0].numpy().size == 0
    assert label_codes(ds) == [[], [0], [1]]


def test_a_sample_that_does_not_fit_adds_nothing_to_any_tensor() -> None:
    ds = street(2)
    with pytest.raises(SampleError, match=r"\(3, 5\)"):
        ds.append({**row_of(0), "boxes": np.zeros((3, 5), np.float32)})
    with pytest.raises(SampleError):
        ds.extend([row_of(0), {**row_of(1), "boxes": "no boxes"}])
    assert len(ds) == len(ds.images) == len(ds.boxes) == 2


def test_columns_of_different_lengths_are_refused() -> None:
    ds = street(1)
    with pytest.raises(InvalidInputError, match="'boxes' 2") as error:
        ds.extend({"images": [picture(0)], "boxes": (None, None), "categories": (None,)})
    assert error.value.kind == "length-mismatch"


def test_ignore_errors_leaves_out_the_rows_that_do_not_fit_and_lists_them() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("boxes", htype="bbox")
    good, bad = np.zeros((1, 4), np.float32), np.zeros((1, 5), np.float32)
    with pytest.warns(UserWarning, match="2 of 5 rows were left out:\n  row 1:.*\n  row 4:"):
        ds.extend({"boxes": [good, bad, good, good, bad]}, ignore_errors=True)
    assert len(ds) == 3


def test_a_progress_bar_shows_and_keeps_all_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    ds = numbers(1)
    ds.extend({"x": list(range(1200))}, progressbar=True)
    assert "1200/1200" in capsys.readouterr().err
    with pytest.raises(SampleError):
        ds.extend({"x": [*range(1200), "nonsense"]}, progressbar=True)
    assert len(ds) == 1201


def test_labels_register_new_names_in_the_order_they_are_seen() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("categories", htype="class_label")
    ds.append({"categories": ["dog", "cat"]})
    ds.append({"categories": None})
    ds.append({"categories": ["cat", "ant"]})
    assert ds.categories.info.class_names == ["dog", "cat", "ant"]
    assert label_codes(ds) == [[0, 1], [], [1, 2]]


@given(st.data())
def test_pop_removes_what_a_list_would_lose(data: st.DataObject) -> None:
    model = list(range(8))
    ds = numbers(8)
    for _ in range(3):
        index = data.draw(st.integers(-len(model), len(model) - 1))
        ds.pop(index)
        model.pop(index)
    gone = data.draw(st.sets(st.integers(0, len(model) - 1)))
    ds.pop(list(gone))
    assert values(ds) == [value for place, value in enumerate(model) if place not in gone]


def test_pop_without_an_index_removes_the_last_row() -> None:
    ds = numbers(2)
    ds.pop()
    ds.pop()
    with pytest.raises(RangeError, match="empty"):
        ds.pop()


@pytest.mark.parametrize(("index", "error"), [(6, RangeError), (-7, RangeError), ([1, 1], InvalidInputError)])
def test_pop_of_what_is_not_there_or_named_twice_removes_nothing(index: Any, error: type[Exception]) -> None:
    ds = numbers(6)
    with pytest.raises(error):
        ds.pop(index)
    assert len(ds) == 6


def test_assignment_writes_one_row_and_may_change_its_length() -> None:
    ds = street(10)
    mask = np.arange(3) != 1
    ds.categories[2] = ds.categories[2].numpy()[mask]
    ds.boxes[2] = ds.boxes[2].numpy()[mask, :]
    assert ds.categories[2].data()["text"] == ["bicycle", "car"]
    assert ds.boxes[2].shape == (2, 4)
    assert ds.boxes[1].shape == (2, 4)
    ds.categories[-1] = ["bus", "tram"]
    assert ds.categories.info.class_names == [*CLASSES, "tram"]


def test_slices_masks_and_lists_assign_one_sample_to_each_row() -> None:
    ds = numbers(6)
    ds.x[1:3] = [10, 20]
    ds.x[[5, 4]] = [50, 40]
    ds.x[np.array(values(ds)) == 0] = [7]
    assert values(ds) == [7, 10, 20, 3, 40, 50]
    ds.x[:2] = 1
    assert values(ds)[:3] == [1, 1, 20]
    with pytest.raises(InvalidInputError, match="2 samples cannot be assigned to 3 rows"):
        ds.x[0:3] = [1, 2]


def test_a_part_of_a_sample_is_assigned_in_place() -> None:
    ds = street(3)
    ds.images[1, 2:5, :, 0] = 9
    expected = picture(1)
    expected[2:5, :, 0] = 9
    assert np.array_equal(ds.images[1].numpy(), expected)
    ds.boxes[2][0, 1] = 33
    assert ds.boxes[2].numpy()[0, 1] == 33


def test_update_writes_several_cells_or_none() -> None:
    ds = street(3)
    ds[1].update({"categories": ["car"], "boxes": np.zeros((1, 4), np.float32)})
    assert label_codes(ds)[1] == [0]
    with pytest.raises(SampleError):
        ds[1].update({"categories": ["bus"], "boxes": np.zeros((1, 7), np.float32)})
    assert label_codes(ds)[1] == [0]
    ds.update(-1, {"categories": None})
    assert label_codes(ds)[2] == []


def test_a_transaction_lands_as_a_whole_or_not_at_all() -> None:
    ds = numbers(3)

    def fail_in_the_middle() -> None:
        with ds:
            ds.append({"x": 9})
            ds.pop(0)
            ds.create_tensor("y", dtype="int64")
            ds.info.note = "gone"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle()
    assert values(ds) == [0, 1, 2]
    assert list(ds.tensors) == ["x"]
    assert not ds.has_head_changes
    with ds:
        ds.append({"x": 9})
    assert values(lakebed.load(ds.path)) == [0, 1, 2, 9]


def test_an_inner_transaction_is_undone_alone() -> None:
    ds = numbers(0)

    def fail_inside() -> None:
        with ds:
            ds.append({"x": 2})
            raise ZeroDivisionError

    with ds:
        ds.append({"x": 1})
        with pytest.raises(ZeroDivisionError):
            fail_inside()
        ds.append({"x": 3})
    assert values(ds) == [1, 3]


def test_tensors_appended_one_by_one_make_whole_rows() -> None:
    ds = street(2)
    with ds:
        ds.images.append(picture(2))
        ds.boxes.extend([boxes_of(2), boxes_of(3)])
        assert len(ds) == 2
        ds.categories.extend([["car"], ["bus"]])
        ds.images.append(picture(3))
    assert len(ds) == 4
    assert label_codes(ds)[2:] == [[0], [1]]


def test_rows_that_stay_ragged_are_refused_and_rolled_back() -> None:
    ds = numbers(1)
    ds.create_tensor("y", dtype="int64")

    def leave_ragged() -> None:
        with ds:
            ds.y.append(5)
            ds.append({"x": 1, "y": 1})
            ds.x.append(4)

    with pytest.raises(StateError, match="1 of 'x'") as error:
        leave_ragged()
    assert error.value.kind == "ragged-rows"
    assert len(ds) == 1
    ds.x.append(4)
    with pytest.raises(StateError):
        ds.commit("ragged")
    ds.y.extend([5, 6])
    ds.commit("whole")
    assert (values(ds), values(ds, "y")) == ([0, 4], [5, 6])


def test_a_tensor_created_later_is_filled_from_the_first_row() -> None:
    ds = numbers(3)
    ds.create_tensor("y", dtype="int64")
    ds.y.extend([10, 11])
    ds.y.append(12)
    assert values(ds, "y") == [10, 11, 12]
    ds.append({"x": 3, "y": 13})
    assert values(ds, "y") == [10, 11, 12, 13]


def test_a_view_cannot_be_written_and_says_what_can() -> None:
    view = street(4)[1:3]

    def assign() -> None:
        view.categories[0] = ["car"]

    for write in (assign, lambda: view[0].update({"categories": None}), lambda: view.boxes.append(None)):
        with pytest.raises(StateError, match=r"ds\[i\]\.update"):
            write()


def test_writing_without_tensors_says_to_create_one() -> None:
    with pytest.raises(InvalidInputError, match="create_tensor"):
        lakebed.empty(fresh_path()).append({})


def test_images_of_any_mode_read_as_height_width_channels() -> None:
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("images", htype="image", sample_compression="png")
    gray = picture(0, channels=1)
    ds.extend({"images": [gray[..., 0], gray, picture(1)]})
    assert [sample.shape for sample in ds.images.numpy(aslist=True)] == [(24, 32, 1), (24, 32, 1), (24, 32, 3)]


def test_nothing_warns_in_ordinary_use() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = street(3)
        ds.pop(0)
        ds.commit("less")


def test_samples_of_another_dataset_are_taken_as_they_are() -> None:
    source, ds = street(6), street(0)
    ds.append({name: source[name][3] for name in source.tensors})
    ds.extend({name: source[name][4:6] for name in source.tensors})
    ds.extend([{name: row[name] for name in source.tensors} for row in source[0:2]])
    assert label_codes(ds) == [label_codes(source)[row] for row in (3, 4, 5, 0, 1)]
    assert ds.images[0].tobytes() == source.images[3].tobytes()
    ds.images[0] = source.images[5]
    ds.images[1:3] = source.images[0:2]
    ds.boxes[0, 0] = source.boxes[1, 1]
    assert ds.images[0].tobytes() == source.images[5].tobytes()
    assert ds.images[2].tobytes() == source.images[1].tobytes()
    assert ds.boxes[0].numpy()[0].tolist() == source.boxes[1].numpy()[1].tolist()
    ds[4].update({"categories": source.categories[2]})
    assert label_codes(ds)[4] == label_codes(source)[2]


def test_cells_still_waiting_when_the_process_ends_are_told_of() -> None:
    code = """
import lakebed
ds = lakebed.empty("mem://x")
for name in "ab":
    ds.create_tensor(name, dtype="int64")
ds.a.extend([1, 2])
ds.b.append(1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "not saved" in done.stderr
    assert "1 of 'a'" in done.stderr


def test_in_place_arithmetic_writes_the_result() -> None:
    ds = numbers(4)
    ds.x[1] += 10
    ds.x[2:4] *= 2
    ds.x[0] -= 1
    assert values(ds) == [-1, 11, 4, 6]
    with pytest.raises(SampleError):
        ds.x[0] /= 3
    ds.x[3] //= 4
    assert values(ds) == [-1, 11, 4, 1]


def test_a_tensor_cannot_be_replaced_by_an_attribute() -> None:
    ds = numbers(2)
    with pytest.raises(AttributeError, match=r"ds\['x'\]\[:\] = values"):
        ds.x = [5, 6]
    with pytest.raises(AttributeError):
        ds[0:1].x = [5]
    assert values(ds) == [0, 1]


def test_parts_that_a_sample_does_not_have_are_out_of_range() -> None:
    ds = street(2)
    with pytest.raises(RangeError, match="'boxes'"):
        ds.boxes[0, 7].numpy()


def test_rows_datasets_and_views_are_appended_as_they_are() -> None:
    source, target = street(5), lakebed.like(fresh_path(), street(1))
    target.append(source[3])
    target.extend(source[1:3])
    target.extend([source[0], dict(source[4])])
    assert label_codes(target) == [label_codes(source)[row] for row in (3, 1, 2, 0, 4)]
    assert [row.images.tobytes() for row in target] == [source.images[row].tobytes() for row in (3, 1, 2, 0, 4)]
    target.extend(target)
    assert label_codes(target[5:]) == label_codes(target[:5])


def test_more_rows_of_a_dataset_than_one_step_takes() -> None:
    source, target = numbers(1201), lakebed.like(fresh_path(), numbers(1))
    target.extend(source)
    target.extend({"x": source.x[700:]}, ignore_errors=True)
    assert target.x.numpy().tolist() == [*range(1201), *range(700, 1201)]


def test_labels_of_another_dataset_keep_their_names() -> None:
    """The other dataset may number its classes in another way; its numbers would be other classes here."""
    source = lakebed.empty(fresh_path())
    source.create_tensor("labels", htype="class_label", class_names=["cat", "dog", "owl"])
    source.extend({"labels": [["owl"], ["cat", "dog"], [7], []]})
    there = [["owl"], ["cat", "dog"], [None], []]
    for give in (
        lambda ds: ds.extend(source),
        lambda ds: ds.extend({"labels": source.labels}),
        lambda ds: ds.extend({"labels": list(source.labels)}),
        lambda ds: ds.labels.extend(source.labels),
        lambda ds: ds.extend(list(source)),
        lambda ds: [ds.append({"labels": row.labels}) for row in source],
        lambda ds: [ds.labels.append(row.labels) for row in source],
        lambda ds: (ds.extend({"labels": [[0]] * 4}), ds.labels.__setitem__(slice(None), source.labels)),
        lambda ds: (ds.extend({"labels": [[0]] * 4}), [ds[n].update({"labels": source.labels[n]}) for n in range(4)]),
    ):
        target = lakebed.empty(fresh_path())
        target.create_tensor("labels", htype="class_label", class_names=["dog", "owl"])
        give(target)
        assert target.labels.data()["text"] == there
        assert target.labels.info.class_names == ["dog", "owl", "cat"]
        assert target.labels[2].numpy().tolist() == [7]


def test_labels_into_a_tensor_of_numbers_are_numbers() -> None:
    source = street(3)
    target = lakebed.empty(fresh_path())
    target.create_tensor("codes", dtype="int64")
    target.extend({"codes": source.categories})
    assert [cell.numpy().tolist() for cell in target.codes] == label_codes(source)


def test_a_tensor_that_was_deleted_can_be_printed() -> None:
    ds = numbers(2)
    gone = ds.x
    ds.create_tensor("y")
    ds.delete_tensor("x")
    assert repr(gone) == "Tensor('x', deleted)"


def test_rows_that_another_thread_appends_while_a_tensor_is_read_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ds = lakebed.empty("mem://rows-meanwhile", overwrite=True)
    ds.create_tensor("number", htype="generic", dtype="int64")
    ds.extend({"number": [1, 2]})
    read = type(ds)._read

    def slowly(self: Any, tensor: str, rows: Any) -> Any:
        found = read(self, tensor, rows)
        ds.append({"number": 3})  # as if by another thread
        return found

    monkeypatch.setattr(type(ds), "_read", slowly)
    assert ds.number.numpy().tolist() == [1, 2]
    monkeypatch.undo()
    ds.commit("rows")


def test_tables_and_their_columns_are_extended_by() -> None:
    table = pa.table({"x": [[1], [2, 3]], "note": ["a", None]})
    columns: dict[str, Any] = {name: table[name] for name in table.column_names}
    for rows in (table, columns, table.to_pylist()):
        ds = lakebed.empty(fresh_path())
        ds.create_tensor("x", dtype="int64")
        ds.create_tensor("note", htype="text")
        ds.extend(rows)
        assert ds.to_arrow().to_pylist() == table.to_pylist()


def test_a_data_frame_is_extended_by() -> None:
    pandas = pytest.importorskip("pandas")
    ds = lakebed.empty(fresh_path())
    ds.create_tensor("x", dtype="float64")
    ds.create_tensor("note", htype="text")
    ds.extend(pandas.DataFrame({"note": ["a", "b"], "x": [1.5, 2.5]}))
    assert (ds.x.numpy().tolist(), ds.note.text()) == ([1.5, 2.5], ["a", "b"])
