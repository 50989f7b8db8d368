"""The stores under test, and the servers behind them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed.storage.stores import Store, open_store

from rgw import rgw
from s3_fixtures import moto, moto_bucket, rgw_bucket

__all__ = ["moto", "moto_bucket", "rgw", "rgw_bucket"]

STORES = ["memory", "local", "moto", pytest.param("rgw", marks=pytest.mark.s3)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of remote objects stay inside the test."""
    monkeypatch.setenv("LAKEBED_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    name = os.urandom(8).hex()
    if request.param == "memory":
        yield open_store(f"mem://{name}")
    elif request.param == "local":
        yield open_store(tmp_path / "ds", create=True)
    else:
        yield open_store(f"s3://test/{name}", request.getfixturevalue(f"{request.param}_bucket"))
