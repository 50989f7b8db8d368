"""S3 servers to test against: moto inside the process (fast, lenient), and Ceph's gateway (real)."""

from __future__ import annotations

import atexit
from functools import cache

import pytest

from rgw import CREDS, make_bucket


@pytest.fixture(scope="session")
def moto() -> dict[str, str]:
    """Credentials and endpoint of a moto server in a thread, as `open_store` takes them."""
    return {**CREDS, "endpoint_url": _moto_of_this_run()}


@cache
def _moto_of_this_run() -> str:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    atexit.register(server.stop)
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@pytest.fixture(scope="session")
def moto_bucket(moto: dict[str, str]) -> dict[str, str]:
    """As `moto`, with a bucket called "test"."""
    make_bucket(moto, "test")
    return moto


@pytest.fixture(scope="session")
def rgw_bucket(rgw: dict[str, str]) -> dict[str, str]:
    """As `rgw`, with a bucket called "test"."""
    make_bucket(rgw, "test")
    return rgw
