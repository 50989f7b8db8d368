from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lakebed
from face_data import fresh_path, picture
from lakebed import InvalidInputError, LakebedError, NotFoundError
from lakebed.plot import pictures_of


def save(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(number)).save(path)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for number, name in enumerate(["dog/1.png", "cat/2.png", "cat/3.PNG", "bird/small/4.png"]):
        save(tmp_path / "src" / name, number)
    save(tmp_path / "src" / "loose.png", 9)
    (tmp_path / "src" / "cat" / "notes.txt").write_text("no image")
    return tmp_path / "src"


def test_folders_are_classes(classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ds = lakebed.ingest_classification(classes, fresh_path(), progressbar=False, shuffle=False)
    assert ds.labels.info.class_names == ["bird/small", "cat", "dog"]
    assert [names[0] for names in ds.labels.data()["text"]] == ["bird/small", "cat", "cat", "dog"]
    assert ds.images[3].tobytes() == (classes / "dog" / "1.png").read_bytes()
    assert ds.images.sample_compression == "png"
    assert "class_label" in capsys.readouterr().out
    assert len(ds.commits) == 1


def test_classified_images_can_be_links_and_shuffled(classes: Path) -> None:
    ds = lakebed.ingest_classification(
        classes,
        fresh_path(),
        image_params={"htype": "link[image]"},
        label_params={"name": "kind"},
        progressbar=False,
        summary=False,
        seed=2,
    )
    for row in ds:
        assert Path(row.images.path()).parent.relative_to(classes).as_posix() == row.kind.text()[0]


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 1)
    with pytest.raises(InvalidInputError, match="folder per class"):
        lakebed.ingest_classification(tmp_path, tmp_path / "ds")
    with pytest.raises(NotFoundError):
        lakebed.ingest_classification(tmp_path / "nothing", tmp_path / "ds")
    assert not (tmp_path / "ds").exists()


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    for number in range(3):
        save(tmp_path / "yolo" / f"{number}.png", number)
    (tmp_path / "yolo" / "0.txt").write_text("0 0.5 0.5 0.25 0.5\n\n1 0.25 0.25 0.1 0.1\n")
    (tmp_path / "yolo" / "1.txt").write_text("")
    (tmp_path / "names.txt").write_text("car\nbus\n")
    return tmp_path / "yolo"


def test_yolo_boxes_are_fractions_around_their_centre(yolo: Path) -> None:
    (yolo / "2.txt").write_text("1 0.5 0.5 1 1")
    ds = lakebed.ingest_yolo(yolo, fresh_path(), yolo.parent / "names.txt", progressbar=False)
    assert ds.labels.data()["text"] == [["car", "bus"], [], ["bus"]]
    assert ds.boxes.info.coords == {"type": "fractional", "mode": "CCWH"}
    assert np.allclose(ds.boxes[0].numpy(), [[0.5, 0.5, 0.25, 0.5], [0.25, 0.25, 0.1, 0.1]])
    (drawn,) = pictures_of(ds._source(), np.array([2]))
    assert drawn.boxes.tolist() == [[0, 0, 32, 24]]


def test_yolo_polygons_take_boxes_along_as_their_corners(yolo: Path) -> None:
    (yolo / "2.txt").write_text("1 0 0 1 0 1 1\n0 0.5 0.5 1 1")
    ds = lakebed.ingest_yolo(yolo, fresh_path(), progressbar=False)
    assert ds.polygons[2].numpy()[0].tolist() == [[0, 0], [1, 0], [1, 1]]
    assert ds.polygons[2].numpy()[1].tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_missing_yolo_files_are_an_error_or_no_objects(yolo: Path) -> None:
    with pytest.raises(NotFoundError, match=r"1 of 3 annotation files are not in the folder: 2\.txt"):
        lakebed.ingest_yolo(yolo, fresh_path(), progressbar=False)
    ds = lakebed.ingest_yolo(yolo, fresh_path(), allow_no_annotation=True, progressbar=False)
    assert ds.boxes[2].shape == (0, 4)


def test_yolo_annotations_may_lie_elsewhere(yolo: Path) -> None:
    labels = yolo.parent / "labels"
    labels.mkdir()
    for number in range(3):
        (labels / f"{number}.txt").write_text(f"{number} 0.5 0.5 0.1 0.1")
    ds = lakebed.ingest_yolo(yolo, fresh_path(), annotations_directory=labels, progressbar=False)
    assert [codes.tolist() for codes in ds.labels.numpy(aslist=True)] == [[0], [1], [2]]


@pytest.mark.parametrize("text", ["car 0 0 1 1", "0 1 2 3", "0 1 2 3 4 5", "-1 0 0 1 1", "0 a b c d"])
def test_nonsense_in_a_yolo_file_names_file_and_line(yolo: Path, text: str) -> None:
    (yolo / "2.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{text}\n")
    with pytest.raises(InvalidInputError, match=r"2\.txt, line 2"):
        lakebed.ingest_yolo(yolo, fresh_path(), progressbar=False)


def test_yolo_classes_need_names_if_there_are_any(yolo: Path) -> None:
    (yolo / "2.txt").write_text("7 0.5 0.5 0.1 0.1")
    with pytest.raises(InvalidInputError, match="class number 7 has no name"):
        lakebed.ingest_yolo(yolo, fresh_path(), yolo.parent / "names.txt", progressbar=False)
    with pytest.raises(LakebedError):
        lakebed.ingest_yolo(yolo, fresh_path(), yolo.parent / "nowhere.txt", progressbar=False)
