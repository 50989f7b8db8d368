"""The page of the shell says what the shell does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docblocks import blocks
from face_data import street
from lakebed.shell import dispatch
from lakebed.shell.commands import COMMANDS
from lakebed.shell.session import Session
from shell_kit import Recorder
from sources import ROOT

PAGE = ROOT / "docs" / "shell.md"


def test_the_page_lists_every_command_with_its_arguments_and_help() -> None:
    rows = re.findall(r"^\| `(\.\w+) ?(.*?)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    listed = [(name, usage.replace("\\|", "|"), help) for name, usage, help in rows]
    expected = [(c.name, c.usage, c.help.replace(".png or .jpg", ".png or .jpg")) for c in COMMANDS.values()]
    assert listed == expected


def text_blocks() -> list[str]:
    return [block.text for block in blocks(PAGE) if block.language == "text"]


def test_the_error_on_the_page_is_what_is_shown() -> None:
    (shown,) = [text for text in text_blocks() if text.startswith("coco main> ")]
    entered, _, expected = shown.partition("\n")
    ds = street(2)
    ds.categories.info["class_names"] = ["car", "traffic light"]
    output = Recorder()
    assert not dispatch.run(Session(output, ds), entered.removeprefix("coco main> "))
    assert output.take_error() == expected.rstrip("\n")


def test_the_script_on_the_page_prints_what_the_page_shows(tmp_path: Path) -> None:
    if not (ROOT / "examples" / "coco-sample").exists():
        pytest.skip("examples/coco-sample is not in this copy of the project")
    made = str(tmp_path / "coco")
    sample = ROOT / "examples" / "coco-sample"
    lakebed("ingest-coco", "--link", str(sample / "images"), str(sample / "annotations.json"), made)
    texts = text_blocks()
    (place,) = [number for number, text in enumerate(texts) if text.startswith("select image_ids")]
    assert lakebed("shell", made, text=texts[place]) == texts[place + 1]


def lakebed(*args: str, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lakebed.cli", *args],
        input=text, capture_output=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
