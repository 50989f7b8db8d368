"""The htypes as constants, for scripts that write ``deeplake.htype.CLASS_LABEL`` instead of ``"class_label"``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .storage.htypes import HTYPES

htype: Any = SimpleNamespace(DEFAULT="generic", **{name.upper().replace(".", "_"): name for name in HTYPES})
"""``htype.IMAGE``, ``htype.BBOX_3D``, ...: the names of `HTYPES` in capitals; ``htype.DEFAULT`` is "generic"."""
