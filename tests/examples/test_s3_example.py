"""The playbook's calls with its photos in a bucket of a real S3 server, as a script without a main guard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from face_data import picture
from rgw import rgw
from s3_fixtures import rgw_bucket
from sources import ROOT

pytest.importorskip("torchvision", reason="the extra `examples` is not installed")
pytest.importorskip("albumentations", reason="the extra `examples` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.s3]

__all__ = ["rgw", "rgw_bucket"]

# The first photo is gray, one has no annotation, and nobody has seen a motorcycle.
LABELS = [["car", "truck"], ["bus"], [], ["bicycle", "traffic light", "stop sign", "car"], ["dog"], ["car"], ["bus"]]
IDS = {
    name: 3 * place for place, name in enumerate(["car", "truck", "bus", "bicycle", "traffic light", "stop sign"], 1)
}
IDS |= {"motorcycle": 50, "dog": 90}


def upload(creds: dict[str, str], folder: Path, prefix: str) -> None:
    from lakebed.storage.stores import open_store

    photos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    store = open_store(f"s3://test/{prefix}", creds)
    for number, labels in enumerate(LABELS):
        array = picture(number, 90, 120, 1 if number == 0 else 3)
        Image.fromarray(array[..., 0] if number == 0 else array).save(folder / "photo.jpg")
        store.put(f"train2017/{number}.jpg", (folder / "photo.jpg").read_bytes())
        photos.append({"id": number, "file_name": f"{number}.jpg", "height": 90, "width": 120})
        for place, name in enumerate(labels):
            facts = {"id": len(annotations) + 1, "image_id": number, "category_id": IDS[name], "iscrowd": 0}
            annotations.append({**facts, "area": 1600.0, "bbox": [5.0 + 9 * place, 8.0, 40.0, 40.0]})
    content = {
        "images": photos,
        "annotations": annotations,
        "categories": [{"id": n, "name": c} for c, n in IDS.items()],
    }
    store.put("annotations/instances_train2017.json", json.dumps(content).encode())


def test_the_playbook_runs_with_its_photos_in_a_bucket(rgw_bucket: dict[str, str], tmp_path: Path) -> None:
    upload(rgw_bucket, tmp_path, "playbook")
    environment = {name.upper(): value for name, value in rgw_bucket.items() if name.startswith("aws_")}
    environment |= {f"LAKEBED_CREDS_MY_S3_CREDS_{name.upper()}": value for name, value in rgw_bucket.items()}
    environment |= {"AWS_ENDPOINT_URL": rgw_bucket["endpoint_url"], "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, ROOT / "examples/deeplake_on_s3.py", "test", "playbook"],
        cwd=tmp_path,
        env={**os.environ, **environment, "LAKEBED_HUB": str(tmp_path / "hub"), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "7 rows, classes ['car', 'truck', 'bus', 'bicycle', 'traffic light', 'stop sign', 'dog']" in done.stdout
    assert "unknown class name 'motorcycle'" in done.stdout
    assert "1 steps on 4 of 6 photos, optimized: True" in done.stdout
    secret = rgw_bucket["aws_secret_access_key"].encode()
    assert not [path for path in (tmp_path / "hub").rglob("*") if path.is_file() and secret in path.read_bytes()]
