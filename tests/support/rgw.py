"""A real S3 server for the test run: Ceph's RADOS Gateway, started once, stopped at the end."""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

PROGRAMS = ("ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool", "ceph")
CREDS = {"aws_access_key_id": "TESTKEY", "aws_secret_access_key": "TESTSECRET1234567890"}
_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "start-rgw.sh"


@pytest.fixture(scope="session")
def rgw() -> dict[str, str]:
    """Credentials and endpoint of the server, as `open_store` takes them; skips where Ceph is not installed."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"Ceph's {missing[0]} is not installed (scripts/install-rgw.sh)")
    return {**CREDS, "endpoint_url": _endpoint_of_this_run()}


@cache
def _endpoint_of_this_run() -> str:
    # Not the work of a fixture: several conftest files import `rgw`, and pytest takes each for a fixture of its own.
    stack = ExitStack()
    atexit.register(stack.close)
    folder = tempfile.mkdtemp(prefix="rgw-")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return stack.enter_context(running(folder))


@contextmanager
def running(folder: str) -> Iterator[str]:
    """The endpoint URL of a server that runs in `folder`. It ends with this process, however that ends."""
    command = [str(_SCRIPT), folder, str(free_ports(3)), "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield _endpoint(server.stdout.readline(), folder)
        finally:
            server.communicate()  # closes its input, which is its sign to stop


def _endpoint(line: str, folder: str) -> str:
    if not line.startswith("ready "):
        output = Path(folder, "log", "output.log")
        pytest.fail(f"the S3 server did not start:\n{output.read_text()[-3000:] if output.exists() else line}")
    return line.removeprefix("ready ").strip()


def free_ports(count: int) -> int:
    """The first of `count` consecutive ports that are free now."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
        if port < 60_000 and all(_is_free(port + i) for i in range(count)):
            return port


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def make_bucket(creds: dict[str, str], name: str) -> None:
    """Create bucket `name`, with boto3 and no code of ours."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=creds["endpoint_url"],
        aws_access_key_id=creds["aws_access_key_id"],
        aws_secret_access_key=creds["aws_secret_access_key"],
        region_name="us-east-1",
    )
    try:
        client.create_bucket(Bucket=name)
    except client.exceptions.BucketAlreadyExists:
        return
    except client.exceptions.BucketAlreadyOwnedByYou:
        return
    finally:
        client.close()
