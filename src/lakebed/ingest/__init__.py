"""Datasets made from the formats that annotations come in."""

from __future__ import annotations
