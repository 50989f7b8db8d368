"""The examples run as a user runs them: as scripts, in a folder of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sources import ROOT

pytest.importorskip("torchvision", reason="the extra `examples` is not installed")
pytest.importorskip("albumentations", reason="the extra `examples` is not installed")
pytestmark = pytest.mark.slow

SAMPLE = ROOT / "examples/coco-sample"
SUBSET = ROOT.parent / "shared/data/coco-subset"


def run(script: str, *arguments: str | Path, cwd: Path) -> str:
    """What an example prints."""
    done = start(script, *arguments, cwd=cwd)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def start(script: str, *arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LAKEBED_HUB": str(cwd / "hub"), "OMP_NUM_THREADS": "2", "PYTHONWARNINGS": "default"}
    return subprocess.run(
        [sys.executable, ROOT / "examples" / script, *map(str, arguments)],
        cwd=cwd, env={**environment, **variables}, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip


@pytest.fixture
def awkward_coco(tmp_path: Path) -> Path:
    """A COCO folder with what real data holds: a gray image first, one without annotations, a crowd, ids with gaps."""
    rng = np.random.default_rng(0)
    (tmp_path / "coco/images").mkdir(parents=True)
    photos: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for n, shape in enumerate([(90, 120), (120, 90, 3), (200, 60, 3), (100, 100), (64, 64, 3)]):
        Image.fromarray(rng.integers(0, 255, shape, np.uint8)).save(tmp_path / f"coco/images/{n:012}.jpg")
        photos.append({"id": 10 * n, "file_name": f"{n:012}.jpg", "height": shape[0], "width": shape[1]})
        for k, category in enumerate([3, 90, 3][: (3, 2, 0, 1, 3)[n]]):
            annotations.append(_annotation(len(annotations) + 1, 10 * n, category, crowd=n == 4 and k == 2))
    names = {1: "person", 3: "car", 6: "bus", 8: "truck", 2: "bicycle", 4: "motorcycle", 10: "traffic light"}
    names |= {13: "stop sign", 90: "toothbrush"}
    categories = [{"id": i, "name": name, "supercategory": "thing"} for i, name in sorted(names.items())]
    content = {"images": photos, "annotations": annotations, "categories": categories}
    (tmp_path / "coco/instances_made.json").write_text(json.dumps(content))
    return tmp_path / "coco"


def _annotation(number: int, image: int, category: int, *, crowd: bool) -> dict[str, object]:
    outline: object = {"counts": [0, 64 * 64], "size": [64, 64]} if crowd else [[5.0, 5.0, 45.0, 5.0, 45.0, 50.0]]
    box = [5.0, 5.0, 40.0, 45.0]
    facts = {"id": number, "image_id": image, "category_id": category, "bbox": box, "area": 900.0}
    return {**facts, "iscrowd": int(crowd), "segmentation": outline}


def test_the_playbook_runs_from_photos_to_trained_steps_on_the_sample(tmp_path: Path) -> None:
    printed = run("playbook.py", "--steps", "4", "--epochs", "2", "--out", tmp_path / "out", cwd=tmp_path)
    assert "80 class names registered" in printed
    assert "append: 56 rows" in printed
    assert "extend: 56 rows" in printed
    assert "ingest_coco: 56 rows" in printed
    assert re.search(r"^12 of 56 rows in [\d.]+ ms", printed, re.MULTILINE)
    assert re.search(r"motorcycle +0 rows", printed)
    assert "3 commits, 55 rows now, 56 at the first" in printed
    assert "11 rows are in the view still, 10 match the query now" in printed
    assert len(re.findall(r"^\[ +\d+\] loss: [\d.]+, images/s: ", printed, re.MULTILINE)) == 4
    with Image.open(tmp_path / "out/grid.png") as picture:
        assert min(picture.size) > 200


def test_the_playbook_takes_a_folder_with_gray_empty_and_crowded_images(tmp_path: Path, awkward_coco: Path) -> None:
    printed = run("playbook.py", "--coco", awkward_coco, "--steps", "1", "--num-workers", "0", cwd=tmp_path)
    assert "4 of 5 rows" in printed
    assert "Finished Training" in printed
    assert (tmp_path / "out/playbook/grid.png").stat().st_size > 1000


@pytest.mark.skipif(not SUBSET.is_dir(), reason="the larger COCO subset is not beside the checkout")
def test_the_playbook_runs_on_a_larger_folder(tmp_path: Path) -> None:
    printed = run("playbook.py", "--coco", SUBSET, "--steps", "1", cwd=tmp_path)
    assert "38 of 176 rows" in printed
    assert "Deleted index 61 because the image is low quality." in printed
    assert "38 rows are in the view still, 37 match the query now" in printed


def test_weights_that_cannot_be_downloaded_are_told_before_the_work(tmp_path: Path) -> None:
    nobody_listens = "http://127.0.0.1:9"
    done = start("playbook.py", "--pretrained", cwd=tmp_path, https_proxy=nobody_listens, TORCH_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "Leave --pretrained out" in done.stderr
    assert str(tmp_path / "hub/checkpoints") in done.stderr
    assert "== 1-3" not in done.stdout


def test_a_deep_lake_script_runs_with_another_import(tmp_path: Path) -> None:
    printed = run("deeplake_script.py", cwd=tmp_path)
    assert "Deleted bad label at index 8" in printed
    assert "classes {'car': 2, 'stop sign': 11}" in printed
    assert re.search(r"^8 images of 55 rows seen in one epoch", printed, re.MULTILINE)
