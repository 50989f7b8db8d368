"""Datasets that earlier releases wrote are read, whole, by this one; nothing in them changes by that."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from lakebed.storage.errors import FormatError
from lakebed.storage.stores.local import LocalStore
from lakebed.storage.verify import verify

from sources import ROOT
from storage_model import opened

FIXTURES = sorted((ROOT / "tests" / "fixtures").glob("format-*"))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The program that writes fixtures, for what it says a dataset shows."""
    spec = importlib.util.spec_from_file_location("make_format_fixture", ROOT / "scripts" / "make_format_fixture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_fixture_of_the_first_format_and_of_each_feature() -> None:
    assert [path.name for path in FIXTURES][:2] == ["format-1", "format-1-big-cells"]


def test_a_reader_that_does_not_know_a_feature_refuses_the_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakebed.storage.repository.FEATURES", ())
    opened(LocalStore(FIXTURES[0] / "dataset"))
    with pytest.raises(FormatError, match="big-cells"):
        opened(LocalStore(FIXTURES[1] / "dataset"))


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda path: path.name)
def test_every_version_row_and_view_reads_as_it_was_written(folder: Path, script: ModuleType) -> None:
    ws = opened(LocalStore(folder / "dataset"))
    assert json.loads(json.dumps(script.described(ws))) == json.loads((folder / "expected.json").read_text())


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda path: path.name)
def test_it_is_whole_and_reading_it_writes_nothing(folder: Path) -> None:
    store = LocalStore(folder / "dataset")
    before = [(stat.key, stat.modified) for stat in store.list()]
    report = verify(opened(store).repository, "deep")
    assert report.ok, str(report)
    assert [(stat.key, stat.modified) for stat in store.list()] == before


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda path: path.name)
def test_this_release_can_go_on_writing_it(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "dataset", tmp_path / "dataset")
    ws = opened(LocalStore(tmp_path / "dataset"))
    rows = len(ws)
    ws.update([0], {"labels": [["owl", "new"]]})
    ws.extend({"text": ["later"]}, 1)
    ws.commit("by a later release")
    assert len(opened(LocalStore(tmp_path / "dataset"))) == rows + 1
    assert verify(ws.repository, "deep").ok


def test_the_script_still_writes_a_dataset_that_holds_the_same(tmp_path: Path, script: ModuleType) -> None:
    script.build(tmp_path)
    kept = json.loads((FIXTURES[-1] / "expected.json").read_text())
    made = json.loads((tmp_path / "expected.json").read_text())
    assert made["versions"] == kept["versions"]
    assert made["views"] == kept["views"]
    assert [message for _, message, _ in made["log"]] == [message for _, message, _ in kept["log"]]
