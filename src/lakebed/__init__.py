"""Lakebed: versioned datasets of images and labels, queried in TQL and streamed into training."""

from __future__ import annotations

__version__ = "0.1.0"
