from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest

import lakebed
from face_data import CLASSES, boxes_of, coco_folder, label_codes, labels_of, picture
from lakebed import LakebedError, NotFoundError

pytest.importorskip("boto3")
from s3_fixtures import moto, moto_bucket

__all__ = ["moto", "moto_bucket"]


@pytest.fixture
def bucket_path() -> str:
    return f"s3://test/{uuid.uuid4().hex}"


def upload(folder: Path, url: str, creds: dict[str, str]) -> None:
    from lakebed.storage.stores import open_store

    store = open_store(url, creds)
    for path in folder.iterdir():
        store.put(path.name, path.read_bytes())


def test_a_dataset_in_a_bucket_works_as_one_in_a_folder(moto_bucket: dict[str, str], bucket_path: str) -> None:
    ds = lakebed.empty(bucket_path, creds=moto_bucket)
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="png")
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("categories", htype="class_label", class_names=CLASSES)
        for number in range(6):
            ds.append({"images": picture(number), "boxes": boxes_of(number), "categories": labels_of(number) or None})
    first = ds.commit("six")
    view = ds.query("select * where contains(categories, 'car')")
    view.save_view(id="cars")
    ds.pop(0)
    ds.commit("five")
    again = lakebed.load(bucket_path, creds=moto_bucket)
    assert len(again) == 5
    assert len(lakebed.load(f"{bucket_path}@{first}", creds=moto_bucket)) == 6
    copied = again.load_view("cars", optimize=True, progressbar=False)
    assert copied.sample_indices == view.sample_indices
    assert np.array_equal(copied.images[0].numpy(), picture(view.sample_indices[0]))
    assert lakebed.exists(bucket_path, creds=moto_bucket)
    lakebed.delete(bucket_path, creds=moto_bucket)
    assert not lakebed.exists(bucket_path, creds=moto_bucket)


def test_the_playbook_links_to_a_bucket_by_a_creds_key(
    moto_bucket: dict[str, str], bucket_path: str, tmp_path: Path
) -> None:
    folder = coco_folder(tmp_path / "coco")
    upload(folder / "images", f"{bucket_path}/images", moto_bucket)
    ds = lakebed.empty(tmp_path / "ds")
    ds.add_creds_key("my_s3_creds", managed=True)
    ds.populate_creds("my_s3_creds", moto_bucket)
    ds = lakebed.ingest_coco(
        f"{bucket_path}/images",
        folder / "annotations.json",
        ds,
        image_params={"htype": "link[image]", "sample_compression": "jpg"},
        image_creds_key="my_s3_creds",
        src_creds=moto_bucket,
        progressbar=False,
    )
    assert ds.images[3].shape == (33, 40, 3)
    assert ds.images[3].path().startswith(bucket_path)
    ds[2:5].save_view(id="v")

    stranger = lakebed.load(tmp_path / "ds")
    with pytest.raises(LakebedError, match="my_s3_creds"):
        stranger.images[0].numpy()
    stranger.populate_creds("my_s3_creds", lambda: moto_bucket)
    assert np.array_equal(stranger.images[3].numpy(), ds.images[3].numpy())
    copied = stranger.load_view("v", optimize=True, num_workers=2, progressbar=False)

    without_creds = lakebed.load(tmp_path / "ds").load_view("v")
    assert np.array_equal(without_creds.images[1].numpy(), copied.images[1].numpy())
    assert label_codes(without_creds) == label_codes(ds)[2:5]


def test_images_and_annotations_in_a_bucket_are_stored_byte_for_byte(
    moto_bucket: dict[str, str], bucket_path: str, tmp_path: Path
) -> None:
    folder = coco_folder(tmp_path / "coco")
    upload(folder / "images", f"{bucket_path}/images", moto_bucket)
    (folder / "images").rename(tmp_path / "images")
    upload(folder, bucket_path, moto_bucket)
    ds = lakebed.ingest_coco(
        f"{bucket_path}/images",
        f"{bucket_path}/annotations.json",
        tmp_path / "ds",
        src_creds=moto_bucket,
        progressbar=False,
    )
    assert len(ds) == 12
    assert ds.images[2].tobytes() == sorted((tmp_path / "images").iterdir())[2].read_bytes()


def test_an_image_missing_in_the_bucket_is_named_before_anything_is_written(
    moto_bucket: dict[str, str], bucket_path: str, tmp_path: Path
) -> None:
    folder = coco_folder(tmp_path / "coco")
    with pytest.raises(NotFoundError, match="12 of 12 images"):
        lakebed.ingest_coco(
            f"{bucket_path}/images",
            folder / "annotations.json",
            tmp_path / "ds",
            src_creds=moto_bucket,
            progressbar=False,
        )
    assert not (tmp_path / "ds").exists()
