"""Eight processes create the same keys at the same time, on the stores that processes can share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lakebed.storage.stores import Store, open_store

from racers import race

ROUNDS = 40


@pytest.fixture(params=["local", pytest.param("rgw", marks=[pytest.mark.s3, pytest.mark.slow])])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return open_store(tmp_path / "ds", create=True)
    return open_store(f"s3://test/{os.urandom(8).hex()}", request.getfixturevalue("rgw_bucket"))


def test_of_eight_processes_exactly_one_creates_each_key(shared: Store) -> None:
    winners = race(shared, ROUNDS)
    assert [len(names) for names in winners] == [1] * ROUNDS
    assert [shared.get(f"log/{turn}") for turn in range(ROUNDS)] == [b"written by %d" % names[0] for names in winners]
