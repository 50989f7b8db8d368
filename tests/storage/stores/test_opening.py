"""The paths that users write lead to the stores they mean."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from lakebed.storage.errors import InvalidInputError, StorageError
from lakebed.storage.stores import open_store
from lakebed.storage.stores.memory import MemoryStore


def test_a_local_path_may_be_text_a_path_or_a_url(tmp_path: Path) -> None:
    folder = tmp_path / "data set ä#1"
    for path in (str(folder), folder, folder.as_uri(), f"{folder}{os.sep}"):
        assert open_store(path, create=True).url == str(folder)
    assert open_store(folder) == open_store(folder.as_uri())
    assert folder.is_dir()


def test_a_relative_path_is_meant_from_here_and_stays_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("ds", create=True)
    monkeypatch.chdir("/")
    store.put("a", b"x")
    assert (tmp_path / "ds" / "a").read_bytes() == b"x"


def test_the_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert open_store("~/ds").url == str(tmp_path / "ds")


def test_opening_alone_makes_nothing(tmp_path: Path) -> None:
    open_store(tmp_path / "ds")
    assert not (tmp_path / "ds").exists()


def test_one_name_in_memory_is_one_store() -> None:
    open_store("mem://one/name").put("a", b"x")
    assert open_store("mem://one/name").get("a") == b"x"
    assert open_store("mem://other").stat("a") is None
    assert MemoryStore().url != MemoryStore().url


def test_a_store_in_memory_does_not_pretend_to_be_there_in_another_process() -> None:
    store = open_store("mem://here")
    code = f"""
import pickle, sys
from lakebed.storage.errors import StorageError
store = pickle.loads({pickle.dumps(store)!r})
for call in (lambda: store.get("a"), lambda: list(store.list()), lambda: store.put("a", b"x"), lambda: store.stat("a")):
    try:
        call()
    except StorageError as error:
        print(error.kind)
sys.stdout.flush()
sys.stdout.buffer.write(pickle.dumps(store))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    kinds, back = done.stdout[: len(b"not-shared\n" * 4)], done.stdout[len(b"not-shared\n" * 4) :]
    assert kinds == b"not-shared\n" * 4
    store.put("a", b"x")
    assert pickle.loads(back).get("a") == b"x"  # at home again


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_hub_path_lies_below_the_hub(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = "s3://bucket/hub/" if kind == "s3" else str(tmp_path / "hub")
    monkeypatch.setenv("LAKEBED_HUB", hub)
    assert open_store("hub://org/name").url == f"{hub.rstrip('/')}/org/name"
    monkeypatch.delenv("LAKEBED_HUB")
    assert open_store("hub://org/name").url.endswith(os.path.join("lakebed", "hub", "org", "name"))


@pytest.mark.parametrize("name", ["hub://org", "hub://org/../x", "hub://", "hub://a/b/c", "hub:///b", "hub://../b"])
def test_a_hub_path_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="hub://org/name"):
        open_store(name)


def test_a_hub_within_a_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBED_HUB", "hub://a/b")
    with pytest.raises(InvalidInputError, match="LAKEBED_HUB"):
        open_store("hub://org/name")


@pytest.mark.parametrize(
    "path", ["", "mem://", "gs://bucket/x", "s3:///x", "s3://", "file://otherhost/x", "http://h/x", "a\0b"]
)
def test_a_path_that_means_nothing_is_refused(path: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        open_store(path)
    assert caught.value.kind == "bad-path"


@pytest.mark.parametrize("creds", [{"password": "hush"}, "some-key", 7])
def test_credentials_that_s3_does_not_know_are_refused(creds: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        open_store("s3://bucket/x", creds)  # type: ignore[arg-type]  # what a user may pass
    assert caught.value.kind == "bad-creds"
    assert "hush" not in str(caught.value)


def test_importing_the_stores_does_not_import_boto3() -> None:
    code = "import sys, lakebed.storage.stores.s3; print({'boto3', 'botocore'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_s3_without_boto3_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StorageError, match="lakebed\\[s3\\]") as caught:
        open_store("s3://bucket/x").get("a")
    assert caught.value.kind == "missing-package"
