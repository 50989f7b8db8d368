"""Any sequence of calls on a store gives what a plain dictionary would give."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from lakebed.storage.errors import InvalidInputError, ObjectExistsError, ObjectMissingError, StorageError
from lakebed.storage.stores import Store, open_store
from lakebed.storage.stores.keys import check_key, check_prefix

KEYS = st.sampled_from(
    ["FORMAT", "log/1", "log/10", "log/2", "rows/a", "rows/a.b", "rows/a-b", "views/1/x", "views/1/y"]
)
PREFIXES = st.sampled_from(["", "l", "log/", "log/1", "rows/a", "views/", "views/1/", "none"])
DATA = st.binary(max_size=40)


class StoreModel(RuleBasedStateMachine):
    """A store beside a dictionary; subclasses say which store."""

    def __init__(self) -> None:
        super().__init__()
        self.store = self.open()
        self.model: dict[str, bytes] = {}

    def open(self) -> Store:
        raise NotImplementedError

    @rule(key=KEYS, data=DATA)
    def put(self, key: str, data: bytes) -> None:
        if self.model.get(key, data) == data:
            self.store.put(key, data)
            self.model[key] = data
        else:
            with pytest.raises(StorageError) as caught:
                self.store.put(key, data)
            assert caught.value.kind == "object-differs"

    @rule(key=KEYS, data=DATA)
    def create(self, key: str, data: bytes) -> None:
        if key not in self.model:
            self.store.create(key, data)
            self.model[key] = data
        elif self.model[key] != data:
            with pytest.raises(ObjectExistsError):
                self.store.create(key, data)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.store.delete(key)
        self.model.pop(key, None)

    @rule(key=KEYS)
    def read(self, key: str) -> None:
        if key in self.model:
            assert self.store.get(key) == self.model[key]
            assert self.store.buffer(key).to_pybytes() == self.model[key]
        else:
            with pytest.raises(ObjectMissingError):
                self.store.get(key)
            with pytest.raises(ObjectMissingError):
                self.store.buffer(key)

    @rule(key=KEYS, start=st.integers(0, 50), length=st.integers(0, 50))
    def read_range(self, key: str, start: int, length: int) -> None:
        if key in self.model:
            assert self.store.get_range(key, start, length) == self.model[key][start : start + length]

    @rule(prefix=PREFIXES, start_after=st.one_of(st.just(""), KEYS, PREFIXES))
    def list_some(self, prefix: str, start_after: str) -> None:
        expected = sorted(key for key in self.model if key.startswith(prefix) and key > start_after)
        assert [found.key for found in self.store.list(prefix, start_after)] == expected

    @rule()
    def reopen(self) -> None:
        self.store = self.open()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert {found.key: found.size for found in self.store.list()} == {k: len(v) for k, v in self.model.items()}

    @rule(key=KEYS)
    def look(self, key: str) -> None:
        found = self.store.stat(key)
        assert (found.size if found else None) == (len(self.model[key]) if key in self.model else None)


class MemoryModel(StoreModel):
    def __init__(self) -> None:
        self.name = os.urandom(8).hex()
        super().__init__()

    def open(self) -> Store:
        return open_store(f"mem://{self.name}")


class LocalModel(StoreModel):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        super().__init__()

    def open(self) -> Store:
        return open_store(Path(self.folder.name, "ds"), create=True)

    def teardown(self) -> None:
        self.folder.cleanup()


TestMemoryStore = MemoryModel.TestCase
TestLocalStore = LocalModel.TestCase


def test_the_s3_store_agrees_with_a_dictionary(moto_bucket: dict[str, str]) -> None:
    class S3Model(StoreModel):
        def __init__(self) -> None:
            self.place = f"s3://test/{os.urandom(8).hex()}"
            super().__init__()

        def open(self) -> Store:
            return open_store(self.place, moto_bucket)

    case: Any = S3Model.TestCase
    case.settings = settings(max_examples=4, stateful_step_count=15, deadline=None)  # each step is an HTTP request
    case("runTest").debug()


PARTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)


@given(st.lists(PARTS, min_size=1, max_size=3).map("/".join))
def test_a_key_that_passes_the_check_stays_inside_the_store_on_every_system(key: str) -> None:
    try:
        assert check_key(key) == key
    except InvalidInputError:
        return
    parts = key.split("/")
    assert all(part not in {"", ".", ".."} and part[-1] not in " ." for part in parts)
    assert not set(key) & set('\\:*?"<>|')
    assert all(check_prefix(key[:size]) == key[:size] for size in range(len(key)) if key[:size].strip("./"))


def can_be_a_key(key: str) -> bool:
    try:
        check_key(key)
    except InvalidInputError:
        return False
    return not key.startswith("tmp/")  # whose objects are not listed


WORDS = st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9][a-z0-9._=-]{0,8}[a-z0-9]){0,2}", fullmatch=True)


@given(key=WORDS.filter(can_be_a_key), data=DATA)
def test_every_key_of_plain_words_can_be_written_and_found(key: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        store.put(key, data)
        assert [(found.key, found.size) for found in store.list()] == [(key, len(data))]
        assert store.get(key) == data
