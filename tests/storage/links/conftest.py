"""Servers and an empty configuration for the tests of links."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rgw import rgw
from s3_fixtures import moto, moto_bucket, rgw_bucket
from web_server import WebServer, web_server

__all__ = ["moto", "moto_bucket", "rgw", "rgw_bucket"]


@pytest.fixture(autouse=True)
def no_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keyring, no configuration, no AWS files, and no waiting between attempts."""
    monkeypatch.setenv("LAKEBED_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws" / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws" / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr("lakebed.storage.stores.retry.FIRST_PAUSE", 0.001)


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server of this test alone."""
    with web_server() as running:
        yield running
