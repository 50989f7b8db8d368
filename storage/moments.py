"""Moments of this process, and how long ago they are, also if the machine slept meanwhile or its clock was set."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time by two clocks: one may be set, the other stands still while a machine sleeps."""

    wall: float
    steady: float

    @classmethod
    def now(cls) -> Moment:
        return cls(time.time(), time.monotonic())

    @property
    def age(self) -> float:
        """Seconds since then, by the clock that says more: too much makes nobody careless."""
        return max(time.time() - self.wall, time.monotonic() - self.steady)
