"""Commits to a real S3 server: eight processes at once, and answers that are lost, late or repeated on their way."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("boto3")

from lakebed.storage.errors import CommitUnknownError, StorageError
from lakebed.storage.stores import Store, open_store
from lakebed.storage.workspace import Workspace

import s3_committer
from fault_proxy import Fault, FaultProxy, Request, fault_proxy
from rgw import rgw
from s3_fixtures import rgw_bucket
from storage_model import by_profile, created, make_tensor, opened

__all__ = ["rgw", "rgw_bucket"]

pytestmark = pytest.mark.s3


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lakebed.storage.stores.retry.FIRST_PAUSE", 0.001)


@pytest.fixture
def url(rgw_bucket: dict[str, str]) -> str:
    """A dataset with one text tensor and one commit."""
    place = f"s3://test/{os.urandom(8).hex()}"
    ws = created(open_store(place, rgw_bucket))
    make_tensor(ws, "text", "text_a")
    ws.commit("tensors")
    return place


def texts(ws: Workspace) -> list[str]:
    return [str(text) for text in ws.read("text_a", range(len(ws)))]


def assert_one_line(ws: Workspace) -> None:
    """Every commit has the one before as its only parent, and row ids are unique."""
    log = ws.log()
    assert [info.parents for info in log[:-1]] == [(older.id,) for older in log[1:]]
    assert len(set(ws.snapshot().row_ids.tolist())) == len(ws)


def run_eight(url: str, creds: dict[str, str], turns: int) -> list[str]:
    """Eight processes that commit `turns` times each; returns the ids they were given."""
    with ThreadPoolExecutor(8) as pool:
        command = [sys.executable, s3_committer.__file__, url]
        done = list(
            pool.map(
                lambda number: subprocess.run(
                    [*command, f"p{number}", str(turns)],
                    input=json.dumps(creds), capture_output=True, text=True, check=True,
                ),
                range(8),
            )
        )  # fmt: skip
    return [commit for process in done for commit in process.stdout.split()]


@pytest.mark.slow
def test_eight_processes_commit_to_one_branch_in_a_bucket(url: str, rgw_bucket: dict[str, str]) -> None:
    turns = by_profile(2, 6, 50)
    acknowledged = run_eight(url, rgw_bucket, turns)
    ws = opened(open_store(url, rgw_bucket))
    assert sorted(texts(ws)) == sorted(f"p{number}-{turn}" for number in range(8) for turn in range(turns))
    assert sorted(acknowledged) == sorted(info.id for info in ws.log()[:-1])
    assert_one_line(ws)


@pytest.fixture
def proxy(rgw_bucket: dict[str, str]) -> Iterator[FaultProxy]:
    with fault_proxy(rgw_bucket["endpoint_url"]) as running:
        yield running


def is_entry(request: Request) -> bool:
    return request.method == "PUT" and request.is_commit


HARMLESS = [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.REPEAT, Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.CONFLICT]


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: fault.name)
def test_a_commit_whose_answer_goes_astray_is_there_once(
    fault: Fault, url: str, rgw_bucket: dict[str, str], proxy: FaultProxy
) -> None:
    ws = opened(open_store(url, {**rgw_bucket, "endpoint_url": proxy.url}))
    ws.extend({"text_a": ["before"]}, 1)
    ws.commit("before")
    proxy.plan(fault, when=is_entry)
    ws.extend({"text_a": ["during"]}, 1)
    during = ws.commit("during")
    ws.extend({"text_a": ["after"]}, 1)
    ws.commit("after")
    found = opened(open_store(url, rgw_bucket))
    assert texts(found) == ["before", "during", "after"]
    assert [info.message for info in found.log()] == ["after", "during", "before", "tensors"]
    assert during in {info.id for info in found.log()}
    assert_one_line(found)


def test_two_writers_in_a_storm_of_faults_lose_and_double_nothing(
    url: str, rgw_bucket: dict[str, str], proxy: FaultProxy
) -> None:
    rng = random.Random(3)
    direct = open_store(url, rgw_bucket)
    places = [open_store(url, {**rgw_bucket, "endpoint_url": proxy.url}), direct]
    writers = [opened(place) for place in places]
    said = []
    for turn in range(by_profile(8, 20, 150)):
        proxy.plan(rng.choice([Fault.PASS, *HARMLESS]), when=is_entry)
        for number, ws in enumerate(writers):
            row = f"w{number}-{turn}"
            ws.extend({"text_a": [row]}, 1)
            _commit_until_known(ws, row)
            said.append(row)
    found = opened(direct)
    assert sorted(texts(found)) == sorted(said)
    assert_one_line(found)


def _commit_until_known(ws: Workspace, message: str) -> None:
    """What the error of an unknown outcome tells a user to do: ask again; the row is never doubled."""
    try:
        ws.commit(message)
    except CommitUnknownError:
        ws.refresh()
        if ws.has_changes():
            ws.commit(message)


def test_a_server_that_is_gone_keeps_what_waits_for_later(url: str, rgw_bucket: dict[str, str]) -> None:
    with fault_proxy(rgw_bucket["endpoint_url"]) as proxy:
        store: Store = open_store(url, {**rgw_bucket, "endpoint_url": proxy.url})
        ws = opened(store)
        ws.extend({"text_a": ["kept"]}, 1)
        proxy.plan(*[Fault.ERROR_BEFORE] * 40)
        with pytest.raises(StorageError):
            ws.commit("kept")
        proxy.plan()
        ws.commit("kept")
    assert texts(opened(open_store(url, rgw_bucket))) == ["kept"]
