from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from face_data import coco_folder, numbers, picture, street
from lakebed import cli
from lakebed import load as lakebed_load


def lakebed(*args: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lakebed.cli", *map(str, args)], capture_output=True, text=True, timeout=120, check=False
    )


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *args: object) -> tuple[int, str, str]:
    """Run the command in this process: exit status, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["lakebed", *map(str, args)])
    try:
        cli.main()
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def path(tmp_path: Path) -> str:
    street(10, path=str(tmp_path / "ds"))
    return str(tmp_path / "ds")


CARS = "select boxes, categories, shape(boxes)[0] as n where contains(categories, 'car')"


def test_a_query_prints_a_table_csv_or_json(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run(capsys, monkeypatch, "query", path, CARS, "--limit", 2)
    assert status == 0
    assert out.splitlines()[0].split() == ["row", "boxes", "categories", "n"]
    assert "2 shown" in out
    _, out, _ = run(capsys, monkeypatch, "query", path, CARS, "--format", "csv")
    assert out.splitlines()[0] == "row,boxes,categories,n"
    assert out.splitlines()[1] == '0,"[[2.0, 3.0, 8.0, 6.0]]","[""car""]",1'
    _, out, _ = run(capsys, monkeypatch, "query", path, "select *", "--format", "json", "--limit", 1)
    assert json.loads(out) == [
        {"row": 0, "images": "24 x 32 x 3", "boxes": [[2.0, 3.0, 8.0, 6.0]], "categories": ["car"]}
    ]
    _, out, _ = run(capsys, monkeypatch, "query", path, "select count(*) as n", "--format", "csv")
    assert out == "n\n10\n"


def test_a_query_can_save_its_rows_as_a_view(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, err = run(capsys, monkeypatch, "query", path, CARS, "--save", "cars", "--message", "Cars")
    assert (status, err.strip()) == (0, f"saved as {path}/views/cars")
    _, out, _ = run(capsys, monkeypatch, "views", path)
    assert "cars" in out
    assert "virtual" in out


def test_errors_are_a_message_and_a_status_without_a_traceback(path: str) -> None:
    done = lakebed("query", path, "select * were x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "^" in done.stderr
    assert "Traceback" not in done.stderr
    done = lakebed("log", "/nowhere")
    assert done.returncode == 1
    assert "no dataset" in done.stderr
    assert lakebed("query", path).returncode == 2


def test_info_log_branches_and_tags(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for args in (("branch", path, "side"), ("tag", path, "v1")):
        assert run(capsys, monkeypatch, *args)[0] == 0
    _, out, _ = run(capsys, monkeypatch, "info", path)
    assert "class_label" in out
    assert "v1" in out
    assert "made" in run(capsys, monkeypatch, "log", f"{path}@v1")[1]
    assert sorted(run(capsys, monkeypatch, "branch", path)[1].split()) == ["*", "main", "side"]
    assert run(capsys, monkeypatch, "branch", path, "side", "--delete")[0] == 0
    assert run(capsys, monkeypatch, "branch", path)[1].split() == ["*", "main"]
    assert run(capsys, monkeypatch, "tag", path)[1].split() == ["v1"]


def test_diff_and_merge(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ds = numbers(3, path=str(tmp_path / "n"))
    ds.checkout("side", create=True)
    ds.pop(1)
    ds.commit("less")
    assert "rows deleted    1" in run(capsys, monkeypatch, "diff", ds.path, "main", "side")[1]
    found = json.loads(run(capsys, monkeypatch, "diff", ds.path, "main", "side", "--json")[1])
    assert found["rows"]["deleted"] == [1]
    assert run(capsys, monkeypatch, "merge", ds.path, "side")[0] == 0
    assert "2 rows" in run(capsys, monkeypatch, "query", ds.path, "select *")[1]


def test_plot_and_ingest_coco(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = coco_folder(tmp_path / "coco")
    made = tmp_path / "ds"
    status, out, _ = run(
        capsys, monkeypatch, "ingest-coco", folder / "images", folder / "annotations.json", made, "--link"
    )
    assert status == 0
    assert "rows=12" in out
    grid = tmp_path / "grid.png"
    assert run(capsys, monkeypatch, "plot", made, grid, "--query", "select * where contains(categories, 'car')")[0] == 0
    assert grid.stat().st_size > 1000


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in cli.cli.commands:
        status, out, _ = run(capsys, monkeypatch, name, "--help")
        assert status == 0
        assert "Usage" in out
    assert run(capsys, monkeypatch, "--version")[1].startswith("lakebed")


def test_managed_creds_are_kept_for_the_user_and_shown_to_nobody(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "LAKEBED_CONFIG": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    command = [sys.executable, "-m", "lakebed.cli", "creds", "my_key"]
    done = subprocess.run(
        command, input="AKIA\nhush\n", capture_output=True, text=True, timeout=120, env=environment, check=True
    )
    assert "hush" not in done.stdout + done.stderr
    (kept,) = (tmp_path / "creds").iterdir()
    assert json.loads(kept.read_text()) == {"aws_access_key_id": "AKIA", "aws_secret_access_key": "hush"}
    assert kept.stat().st_mode & 0o077 == 0
    subprocess.run([*command, "--delete"], timeout=120, env=environment, check=True)
    assert list((tmp_path / "creds").iterdir()) == []
    wrong = subprocess.run(
        [*command, "aws_acces"], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert (wrong.returncode, "aws_acces" in wrong.stderr) == (1, True)


def test_verify_tells_by_its_status(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run(capsys, monkeypatch, "verify", path, "--level", "deep")
    assert (status, "nothing wrong" in out) == (0, True)
    for bundle in (Path(path) / "meta").iterdir():
        bundle.unlink()
    status, out, err = run(capsys, monkeypatch, "verify", path)
    assert status == 1
    assert "missing" in out + err


def test_the_list_of_commands_cuts_no_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run(capsys, monkeypatch, "--help")
    assert status == 0
    assert "..." not in out.split("Commands:")[1]
    assert {"checkout", "ingest-yolo", "ingest-classification"} < set(out.split())


def test_checkout_names_the_version_and_makes_a_branch(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lakebed_load(path).commit_id
    assert run(capsys, monkeypatch, "checkout", path, first)[1].splitlines()[1] == f"{path}@{first}"
    assert lakebed_load(path).branches == ["main"]
    status, out, _ = run(capsys, monkeypatch, "checkout", path, "dev", "--create")
    assert (status, out.splitlines()[1]) == (0, f"{path}@dev")
    assert sorted(lakebed_load(path).branches) == ["dev", "main"]
    status, _, err = run(capsys, monkeypatch, "checkout", path, "nowhere")
    assert status == 1
    assert "branches and tags are: dev, main" in err


def test_folders_of_classes_and_of_yolo_files_are_ingested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    (folder / "cat").mkdir(parents=True)
    Image.fromarray(picture(0)).save(folder / "cat" / "0.jpg")
    status, out, _ = run(capsys, monkeypatch, "ingest-classification", folder, tmp_path / "a")
    assert (status, "rows=1" in out) == (0, True)
    assert lakebed_load(tmp_path / "a").labels[0].text() == ["cat"]
    status, _, err = run(capsys, monkeypatch, "ingest-yolo", folder, tmp_path / "b")
    assert (status, "1 of 1 annotation files" in err) == (1, True)
    (folder / "cat" / "0.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "names.txt").write_text("cat\n")
    options = ["--classes", folder / "names.txt", "--link"]
    assert run(capsys, monkeypatch, "ingest-yolo", folder, tmp_path / "b", *options)[0] == 0
    assert lakebed_load(tmp_path / "b").images.htype == "link[image]"


def test_hints_speak_of_options_not_of_arguments(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = coco_folder(tmp_path / "coco", 2)
    _, _, err = run(capsys, monkeypatch, "ingest-coco", folder / "images", folder / "annotations.json", path)
    assert "--overwrite" in err
    assert "--exclusive" in run(capsys, monkeypatch, "gc", path, "--grace-hours", 0)[2]
    assert "lakebed ingest-coco" in run(capsys, monkeypatch, "info", tmp_path / "nowhere")[2]
