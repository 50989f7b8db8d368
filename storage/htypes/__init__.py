"""Htypes: one table, one file per family (see `base`)."""

from __future__ import annotations

from .base import EncodeContext, Htype, Payload
from .place import UnpackError
from .sample import Sample
from .specs import check_tensor_name, htype_of, new_spec, parse_htype
from .table import HTYPES

__all__ = [
    "HTYPES",
    "EncodeContext",
    "Htype",
    "Payload",
    "Sample",
    "UnpackError",
    "check_tensor_name",
    "htype_of",
    "new_spec",
    "parse_htype",
]
