"""Trying again: how often, how long, and what is given up at once."""

from __future__ import annotations

from contextlib import suppress

import pytest
from lakebed.storage.stores import retry


class Clock:
    """Time that passes only where something sleeps."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(retry, "time", clock)
    return clock


def attempts(clock: Clock, each: float, fails: int, within: float = float("inf")) -> int:
    """How often a call is made that takes so long and fails so many times."""
    made = 0

    def call() -> str:
        nonlocal made
        made += 1
        clock.sleep(each)
        if made <= fails:
            raise TimeoutError
        return "done"

    with suppress(TimeoutError):
        assert retry.retrying(call, lambda error: True, within=within) == "done"
        assert made == fails + 1
    return made


def test_a_fault_that_passes_is_tried_six_times(clock: Clock) -> None:
    assert attempts(clock, 0.0, 2) == 3
    assert attempts(clock, 0.0, 9) == retry.ATTEMPTS
    assert 0 < clock.now < 2 * retry.LONGEST_PAUSE * retry.ATTEMPTS


def test_no_attempt_begins_after_the_given_time(clock: Clock) -> None:
    assert attempts(clock, 30.0, 9, within=45.0) == 2
    assert attempts(clock, 0.0, 9, within=45.0) == retry.ATTEMPTS


def test_a_fault_that_does_not_pass_is_raised_at_once(clock: Clock) -> None:
    def call() -> None:
        clock.sleep(1.0)
        raise ValueError

    with pytest.raises(ValueError):
        retry.retrying(call, lambda error: isinstance(error, TimeoutError))
    assert clock.now == 1.0
