"""Fixtures of the loader's tests."""

from __future__ import annotations

from s3_fixtures import moto, moto_bucket

__all__ = ["moto", "moto_bucket"]
