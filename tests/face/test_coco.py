from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lakebed
from face_data import coco_folder, fresh_path, image_id, street
from lakebed import AlreadyExistsError, InvalidInputError, LakebedError, NotFoundError

REAL = Path(__file__).resolve().parents[2] / "examples" / "coco-sample"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return coco_folder(tmp_path / "coco")


def ingest(folder: Path, **options: Any) -> lakebed.Dataset:
    return lakebed.ingest_coco(
        folder / "images",
        options.pop("annotation_files", folder / "annotations.json"),
        options.pop("dest", None) or fresh_path(),
        progressbar=False,
        **options,
    )


def read_json(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "annotations.json").read_text())
    return found


def write_json(folder: Path, data: dict[str, Any]) -> None:
    (folder / "annotations.json").write_text(json.dumps(data))


def test_every_image_is_a_row_in_the_order_of_its_id(folder: Path) -> None:
    ds = ingest(folder)
    assert ds.image_ids.numpy().tolist() == [image_id(n) for n in range(12)]
    assert list(ds.tensors) == ["images", "image_ids", "boxes", "categories", "iscrowd", "area"]
    assert [c["message"] for c in ds.commits] == ["Ingested 12 images from annotations.json"]
    assert not ds.has_head_changes


def test_class_names_are_all_registered_in_the_order_of_their_ids(folder: Path) -> None:
    ds = ingest(folder)
    assert ds.categories.info.class_names == ["car", "stop sign", "toothbrush"]
    assert ds.categories[3].data()["text"] == ["car", "stop sign", "car"]
    assert len(ds.query("select * where contains(categories, 'toothbrush')")) == 0


def test_boxes_are_pixels_from_the_left_top_corner(folder: Path) -> None:
    ds = ingest(folder)
    assert ds.boxes.info.coords == {"type": "pixel", "mode": "LTWH"}
    assert ds.boxes[2].numpy().tolist() == [[1.5, 2.0, 10.0, 8.0], [2.5, 2.0, 10.0, 8.0]]


def test_images_without_annotations_are_kept_with_empty_cells(folder: Path) -> None:
    ds = ingest(folder)
    assert ds.boxes[4].numpy().shape == (0, 4)
    assert ds.categories[4].numpy().shape == ds.iscrowd[4].numpy().shape == (0,)


def test_gray_images_read_with_one_channel_also_when_the_first_one_is(folder: Path) -> None:
    for options in ({}, {"image_params": {"htype": "link[image]"}}):
        ds = ingest(folder, **options)
        assert ds.images[0].shape == (30, 40, 1)
        assert ds.images[1].numpy().shape == (31, 40, 3)


def test_crowds_are_kept_and_marked_or_dropped(folder: Path) -> None:
    kept, dropped = ingest(folder), ingest(folder, crowd="drop")
    assert kept.iscrowd[3].numpy().tolist() == [0, 1, 0]
    assert dropped.iscrowd[3].numpy().tolist() == [0, 0]
    assert len(dropped.categories[3].numpy()) == len(dropped.boxes[3].numpy()) == 2
    assert kept.query("select * where contains(iscrowd, 1)").sample_indices == [3]


def test_files_are_stored_byte_for_byte_or_as_links(folder: Path) -> None:
    stored = ingest(folder)
    linked = ingest(folder, image_params={"name": "photos", "htype": "link[image]"}, image_creds_key="key")
    path = folder / "images" / f"{image_id(5):012d}.jpg"
    assert stored.images[5].tobytes() == linked.photos[5].tobytes() == path.read_bytes()
    assert linked.photos[5].path() == str(path)
    assert linked.photos[5].creds_key() == "key"
    assert linked.photos.htype == "link[image]"


def test_masks_come_from_the_segmentation_when_asked_for(folder: Path) -> None:
    ds = ingest(folder, key_to_tensor_mapping={"segmentation": "masks"})
    masks = ds.masks[3].numpy()
    assert (masks.shape, masks.dtype) == ((33, 40, 3), np.dtype(bool))
    assert 70 < masks[..., 0].sum() < 100
    assert masks[..., 1].sum() == 20


def test_keys_are_renamed_and_left_out(folder: Path) -> None:
    ds = ingest(folder, key_to_tensor_mapping={"bbox": "gt/boxes"}, ignore_keys=["area", "iscrowd"])
    assert list(ds.tensors) == ["images", "image_ids", "gt/boxes", "categories"]
    with pytest.raises(InvalidInputError, match="'bocks'"):
        ingest(folder, key_to_tensor_mapping={"bocks": "b"})


def test_several_files_become_groups_over_the_same_images(folder: Path) -> None:
    data = read_json(folder)
    captions = [{"id": n, "image_id": image_id(n), "caption": f"picture {n}"} for n in range(3)]
    (folder / "captions.json").write_text(
        json.dumps({"images": data["images"], "annotations": captions, "categories": []})
    )
    ds = ingest(
        folder,
        annotation_files=[folder / "annotations.json", folder / "captions.json"],
        file_to_group_mapping={"annotations.json": "things"},
    )
    assert list(ds.groups) == ["things", "captions"]
    assert ds["captions/captions"][1].list() == ["picture 1"]
    assert ds["captions/captions"][5].list() == []
    assert ds["things/boxes"][2].shape == (2, 4)


def test_keypoints_come_with_their_names(folder: Path) -> None:
    data = read_json(folder)
    data["categories"][1] |= {"keypoints": ["nose", "tail"], "skeleton": [[1, 2]]}
    data["annotations"] = [{**a, "keypoints": [1, 2, 2, 3, 4, 1]} for a in data["annotations"]]
    write_json(folder, data)
    ds = ingest(folder)
    assert ds.keypoints[2].numpy().tolist() == [[1, 1], [2, 2], [2, 2], [3, 3], [4, 4], [1, 1]]
    assert ds.keypoints.info.keypoints == ["nose", "tail"]
    assert ds.keypoints.info.connections == [[0, 1]]


def test_shuffled_rows_are_the_same_for_the_same_seed(folder: Path) -> None:
    first, second = ingest(folder, shuffle=True, seed=4), ingest(folder, shuffle=True, seed=4)
    ids = first.image_ids.numpy().tolist()
    assert ids == second.image_ids.numpy().tolist()
    assert ids != sorted(ids)
    assert sorted(ids) == [image_id(n) for n in range(12)]
    assert first.boxes[ids.index(image_id(3))].shape == (3, 4)


def test_missing_images_are_one_error_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    gone = folder / "images" / f"{image_id(5):012d}.jpg"
    gone.unlink()
    with pytest.raises(NotFoundError, match=f"1 of 12 images are not in the folder: {gone.name}"):
        ingest(folder, dest=tmp_path / "ds")
    assert not (tmp_path / "ds").exists()
    with pytest.warns(UserWarning, match="left out"):
        assert len(ingest(folder, ignore_errors=True)) == 11


def test_an_image_that_cannot_be_read_is_named_and_nothing_stays(folder: Path, tmp_path: Path) -> None:
    bad = folder / "images" / f"{image_id(5):012d}.jpg"
    bad.write_bytes(b"no image")
    for options in ({}, {"image_params": {"htype": "link[image]"}}):
        with pytest.raises(LakebedError, match=bad.name):
            ingest(folder, dest=tmp_path / "ds", **options)
        assert not (tmp_path / "ds").exists()
        with pytest.warns(UserWarning, match=bad.name):
            assert len(ingest(folder, ignore_errors=True, **options)) == 11


def test_an_existing_dataset_is_added_to_or_refused(folder: Path, tmp_path: Path) -> None:
    ds = street(2, path=str(tmp_path / "ds"))
    with pytest.raises(AlreadyExistsError):
        ingest(folder, dest=tmp_path / "ds")
    with pytest.raises(AlreadyExistsError, match="'images'"):
        ingest(folder, dest=ds)
    assert len(lakebed.load(ds.path)) == 2
    added = ingest(folder, dest=lakebed.empty(fresh_path()))
    assert len(added) == 12
    assert len(ingest(folder, dest=tmp_path / "ds", overwrite=True)) == 12


def test_options_that_nobody_knows_are_errors(folder: Path) -> None:
    with pytest.raises(TypeError, match="overwritte"):
        ingest(folder, overwritte=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": 3}', "no json"])
def test_what_is_not_coco_is_refused(folder: Path, text: str) -> None:
    (folder / "annotations.json").write_text(text)
    with pytest.raises(InvalidInputError) as error:
        ingest(folder)
    assert error.value.kind == "bad-annotations"


def test_nonsense_in_an_annotation_names_it(folder: Path) -> None:
    data = read_json(folder)
    data["annotations"][4]["category_id"] = 7777
    write_json(folder, data)
    with pytest.raises(InvalidInputError, match=f"annotation {data['annotations'][4]['id']} of image"):
        ingest(folder)
    data["annotations"][4]["category_id"] = 3
    data["annotations"][2]["bbox"] = [1, 2]
    write_json(folder, data)
    with pytest.raises(InvalidInputError, match=f"annotation {data['annotations'][2]['id']} of image"):
        ingest(folder)


def test_nothing_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ingest(folder)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_progress_bar_counts_the_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lakebed.ingest_coco(folder / "images", folder / "annotations.json", fresh_path())
    assert "12/12" in capsys.readouterr().err


def test_the_real_sample_has_its_rows_classes_and_links() -> None:
    ds = ingest(REAL, image_params={"htype": "link[image]"})
    assert len(ds) == 56
    assert len(ds.categories.info.class_names) == 80
    assert sum(not codes.size for codes in ds.categories.numpy(aslist=True)) == 2
    assert len(ds.query("select * where contains(categories, 'motorcycle')")) == 0
