"""Patches of the planner in tests: plans that were kept from before must not be used, nor kept for afterwards."""

from __future__ import annotations

import pytest


def plan_anew(patch: pytest.MonkeyPatch) -> None:
    """Every query is planned, while `patch` holds."""
    patch.setattr("lakebed.engine.prepared.Plans.find", lambda *_: None)
    patch.setattr("lakebed.engine.prepared.Plans.keep", lambda *_: None)
