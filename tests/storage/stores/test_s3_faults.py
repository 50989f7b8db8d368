"""S3 over a network that loses, repeats, delays and cuts: what was acknowledged stands, and doubt is told as doubt."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator

import pytest
from lakebed.storage.errors import CommitUnknownError, ObjectExistsError, ObjectMissingError, StorageError
from lakebed.storage.stores import Store, open_store

from fault_proxy import Fault, FaultProxy, Request, fault_proxy

KEY = "log/00000000000000000001"


@pytest.fixture(params=["moto", pytest.param("rgw", marks=pytest.mark.s3)])
def creds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr("lakebed.storage.stores.retry.FIRST_PAUSE", 0.001)
    found: dict[str, str] = request.getfixturevalue(f"{request.param}_bucket")
    return found


@pytest.fixture
def proxy(creds: dict[str, str]) -> Iterator[FaultProxy]:
    with fault_proxy(creds["endpoint_url"]) as running:
        yield running


@pytest.fixture
def direct(creds: dict[str, str]) -> Store:
    """The place under test, without faults."""
    return open_store(f"s3://test/{os.urandom(8).hex()}", creds)


@pytest.fixture
def faulty(creds: dict[str, str], direct: Store, proxy: FaultProxy) -> Store:
    """The same place through the proxy."""
    store = open_store(direct.url, {**creds, "endpoint_url": proxy.url})
    store.put("rows/first", b"")  # connected, and tested for conditional writes
    return store


def is_put(request: Request) -> bool:
    return request.method == "PUT" and request.is_commit


@pytest.mark.parametrize(
    "faults",
    [
        [Fault.LOSE_REQUEST],
        [Fault.LOSE_ANSWER],
        [Fault.REPEAT],
        [Fault.ERROR_BEFORE],
        [Fault.ERROR_AFTER],
        [Fault.CONFLICT],
        [Fault.LOSE_ANSWER, Fault.LOSE_ANSWER],
        [Fault.LOSE_REQUEST, Fault.REPEAT],
        [Fault.LOSE_REQUEST, Fault.ERROR_AFTER, Fault.LOSE_REQUEST],
    ],
    ids=lambda faults: "+".join(fault.name for fault in faults),
)
def test_a_write_whose_answer_went_astray_is_recognised_as_our_own(
    faults: list[Fault], faulty: Store, direct: Store, proxy: FaultProxy
) -> None:
    proxy.plan(*faults)
    faulty.create(KEY, b"ours")
    assert direct.get(KEY) == b"ours"
    assert [fault for _, fault in proxy.seen if fault is not Fault.PASS] == faults


def test_a_lost_answer_costs_one_reading_and_no_second_write(faulty: Store, proxy: FaultProxy) -> None:
    proxy.plan(Fault.LOSE_ANSWER)
    before = len(proxy.seen)
    faulty.create(KEY, b"ours")
    assert proxy.seen[before:] == [("PUT", Fault.LOSE_ANSWER), ("GET", Fault.PASS)]


@pytest.mark.parametrize("fault", [Fault.PASS, Fault.LOSE_ANSWER, Fault.REPEAT, Fault.ERROR_AFTER, Fault.CONFLICT])
def test_a_slot_that_another_took_is_never_acknowledged(
    fault: Fault, faulty: Store, direct: Store, proxy: FaultProxy
) -> None:
    direct.create(KEY, b"theirs")
    proxy.plan(fault, when=is_put)
    with pytest.raises(ObjectExistsError, match=KEY):
        faulty.create(KEY, b"ours")
    assert direct.get(KEY) == b"theirs"


def test_a_slot_taken_while_our_request_was_lost_is_the_others(faulty: Store, direct: Store, proxy: FaultProxy) -> None:
    def decide(request: Request) -> Fault:
        if not is_put(request) or proxy.late:
            return Fault.PASS
        direct.create(KEY, b"theirs")
        return Fault.ARRIVE_LATE

    proxy.decide = decide
    with pytest.raises(ObjectExistsError):
        faulty.create(KEY, b"ours")
    assert proxy.release() == [412]
    assert direct.get(KEY) == b"theirs"


def test_a_write_that_arrives_late_changes_nothing(faulty: Store, direct: Store, proxy: FaultProxy) -> None:
    proxy.plan(Fault.ARRIVE_LATE, when=is_put)
    faulty.create(KEY, b"ours")
    assert proxy.release() == [412]
    assert direct.get(KEY) == b"ours"


def test_an_answer_that_does_not_come_in_time_is_looked_up(
    creds: dict[str, str], direct: Store, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEBED_S3_TIMEOUT", "1")
    store = open_store(direct.url, {**creds, "endpoint_url": proxy.url})
    store.put("rows/first", b"")
    proxy.plan(Fault.ANSWER_LATE, when=is_put)
    store.create(KEY, b"ours")
    assert direct.get(KEY) == b"ours"
    proxy.plan(Fault.ANSWER_LATE, when=lambda request: request.method == "GET")
    assert store.get(KEY) == b"ours"


def test_without_any_answer_the_outcome_is_unknown_and_can_be_read_back_later(
    faulty: Store, direct: Store, proxy: FaultProxy
) -> None:
    proxy.decide = lambda request: Fault.LOSE_ANSWER
    with pytest.raises(CommitUnknownError, match="read it back"):
        faulty.create(KEY, b"ours")
    assert direct.get(KEY) == b"ours"


def test_a_write_that_may_still_arrive_is_unknown_and_not_failed(
    faulty: Store, direct: Store, proxy: FaultProxy
) -> None:
    proxy.decide = lambda request: Fault.ARRIVE_LATE if is_put(request) else Fault.PASS
    with pytest.raises(CommitUnknownError):
        faulty.create(KEY, b"ours")
    assert direct.stat(KEY) is None
    assert proxy.release()[0] == 200
    assert direct.get(KEY) == b"ours"


def test_a_denial_is_a_plain_failure_unless_an_earlier_try_may_have_arrived(
    faulty: Store, direct: Store, proxy: FaultProxy
) -> None:
    proxy.plan(*[Fault.DENY] * 10)
    with pytest.raises(StorageError) as caught:
        faulty.create(KEY, b"ours")
    assert caught.value.kind == "no-permission"
    assert direct.stat(KEY) is None
    proxy.plan(Fault.LOSE_ANSWER, *[Fault.DENY] * 10)
    with pytest.raises(CommitUnknownError):
        faulty.create(KEY, b"ours")
    assert direct.get(KEY) == b"ours"


def test_a_request_that_was_never_sent_is_a_plain_failure(creds: dict[str, str]) -> None:
    with fault_proxy(creds["endpoint_url"]) as proxy:
        store = open_store(f"s3://test/{os.urandom(8).hex()}", {**creds, "endpoint_url": proxy.url})
        store.put("rows/first", b"")
    with pytest.raises(StorageError, match="did not answer") as caught:  # the proxy is gone: connection refused
        store.create(KEY, b"ours")
    assert not isinstance(caught.value, CommitUnknownError)
    assert caught.value.kind == "unreachable"


@pytest.mark.parametrize("fault", [Fault.CUT_BODY, Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.ERROR_BEFORE])
def test_reading_and_writing_data_outlast_a_passing_fault(
    fault: Fault, faulty: Store, direct: Store, proxy: FaultProxy
) -> None:
    data = random.Random(2).randbytes(100_000)
    proxy.plan(fault, when=lambda request: request.method == "PUT")
    faulty.put("rows/x", data)
    proxy.plan(fault, fault, when=lambda request: request.method == "GET")
    assert faulty.get("rows/x") == data
    assert faulty.get_range("rows/x", 10, 20) == data[10:30]
    proxy.plan(fault, when=lambda request: request.method == "GET")
    assert [found.key for found in faulty.list("rows/")] == ["rows/first", "rows/x"]
    proxy.plan(fault, when=lambda request: request.method == "DELETE")
    faulty.delete("rows/x")
    assert direct.stat("rows/x") is None


def test_a_missing_object_is_told_at_once(faulty: Store, proxy: FaultProxy) -> None:
    before = len(proxy.seen)
    with pytest.raises(ObjectMissingError):
        faulty.get("rows/none")
    assert len(proxy.seen) == before + 1


def test_a_large_object_outlasts_faults_in_some_of_its_parts(faulty: Store, direct: Store, proxy: FaultProxy) -> None:
    data = random.Random(3).randbytes(18_000_000)
    proxy.plan(Fault.PASS, Fault.LOSE_ANSWER, Fault.ERROR_BEFORE, when=lambda request: "partNumber" in request.path)
    faulty.put("chunks/x", data)
    assert direct.get("chunks/x") == data
    proxy.plan(Fault.PASS, Fault.CUT_BODY, Fault.LOSE_REQUEST, when=lambda request: request.method == "GET")
    assert faulty.get("chunks/x") == data


def test_an_upload_that_failed_leaves_no_object(faulty: Store, direct: Store, proxy: FaultProxy) -> None:
    proxy.decide = lambda request: Fault.LOSE_REQUEST if "partNumber=2" in request.path else Fault.PASS
    with pytest.raises(StorageError, match="did not answer"):
        faulty.put("chunks/x", bytes(18_000_000))
    assert direct.stat("chunks/x") is None


# Not against moto: it has no lock, so it loses writes that race.
@pytest.mark.parametrize("creds", [pytest.param("rgw", marks=pytest.mark.s3)], indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_in_a_storm_of_faults_each_acknowledged_entry_is_its_writers(
    seed: int, creds: dict[str, str], faulty: Store, direct: Store, proxy: FaultProxy
) -> None:
    dice, lock = random.Random(seed), threading.Lock()
    weather = [Fault.PASS] * 4 + [
        Fault.LOSE_REQUEST,
        Fault.LOSE_ANSWER,
        Fault.REPEAT,
        Fault.ERROR_AFTER,
        Fault.CONFLICT,
    ]

    def decide(request: Request) -> Fault:
        with lock:
            return dice.choice(weather) if is_put(request) else Fault.PASS

    proxy.decide = decide
    acknowledged: dict[str, bytes] = {}

    def append(writer: int) -> None:
        slot = 0
        for turn in range(10):
            entry = b"%d-%d" % (writer, turn)
            while not try_slot(f"log/{slot:020}", entry):
                slot += 1

    def try_slot(key: str, entry: bytes) -> bool:
        try:
            faulty.create(key, entry)
        except ObjectExistsError:
            return False
        except CommitUnknownError:  # it may have landed: this writer must not write it again
            return True
        with lock:
            assert key not in acknowledged
            acknowledged[key] = entry
        return True

    threads = [threading.Thread(target=append, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = {found.key: direct.get(found.key) for found in direct.list("log/")}
    assert acknowledged.items() <= stored.items()
    assert len(acknowledged) > 20
    assert len(set(stored.values())) == len(stored)  # no entry landed twice
