"""What goes wrong with S3 is told in the user's terms: bucket, credentials, permission, network."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from lakebed.storage.errors import InvalidInputError, StorageError
from lakebed.storage.stores import Store, open_store
from lakebed.storage.stores.s3_client import S3Access

SECRET = "TESTSECRET"


@pytest.fixture(autouse=True)
def no_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("lakebed.storage.stores.retry.FIRST_PAUSE", 0.001)


def kind_of(store: Store) -> str:
    kinds = set()
    for call in (lambda: store.get("log/1"), lambda: store.create("log/1", b"x"), lambda: store.put("rows/a", b"x")):
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.hint
        assert store.url in caught.value.place
        assert SECRET not in str(caught.value)
        kinds.add(caught.value.kind)
    assert len(kinds) == 1
    return kinds.pop()


@pytest.mark.s3
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"aws_secret_access_key": "wrong"}, "bad-credentials"),
        ({"aws_access_key_id": "nobody"}, "expired-credentials"),
        ({"aws_access_key_id": "", "aws_secret_access_key": ""}, "no-permission"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "unreachable"),
    ],
)
def test_each_wrong_setting_has_its_own_error(change: dict[str, str], kind: str, rgw_bucket: dict[str, str]) -> None:
    assert kind_of(open_store("s3://test/errors", {**rgw_bucket, **change})) == kind


@pytest.mark.s3
def test_a_missing_bucket_is_told(rgw_bucket: dict[str, str]) -> None:
    assert kind_of(open_store("s3://no-such-bucket/errors", rgw_bucket)) == "missing-bucket"


def test_a_missing_profile_is_told(moto_bucket: dict[str, str]) -> None:
    store = open_store("s3://test/errors", {"profile_name": "nobody", "endpoint_url": moto_bucket["endpoint_url"]})
    with pytest.raises(StorageError, match="nobody") as caught:
        store.get("a")
    assert caught.value.kind == "no-credentials"


def test_a_profile_and_the_environment_are_used(
    moto_bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, endpoint = f"s3://test/{os.urandom(8).hex()}", {"endpoint_url": moto_bucket["endpoint_url"]}
    open_store(place, moto_bucket).put("a", b"x")
    text = "\n".join(f"{name} = {value}" for name, value in moto_bucket.items() if name.startswith("aws_"))
    (tmp_path / "credentials").write_text(f"[team]\n{text}\n")
    assert open_store(place, {**endpoint, "profile_name": "team"}).get("a") == b"x"
    monkeypatch.setenv("AWS_PROFILE", "team")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_bucket["endpoint_url"])
    assert open_store(place).get("a") == b"x"
    assert open_store(place, "ENV").get("a") == b"x"


@pytest.mark.s3
def test_a_credentials_file_that_was_renewed_is_read_again(
    rgw_bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(key: str) -> None:
        secret = rgw_bucket["aws_secret_access_key"]
        path = tmp_path / "credentials"
        path.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")

    monkeypatch.setenv("AWS_ENDPOINT_URL", rgw_bucket["endpoint_url"])
    write("EXPIRED")
    store = open_store(f"s3://test/{os.urandom(8).hex()}")
    with pytest.raises(StorageError) as caught:
        store.get("a")
    assert caught.value.kind == "expired-credentials"
    write(rgw_bucket["aws_access_key_id"])
    store.create("log/1", b"x")
    assert store.get("log/1") == b"x"


@pytest.mark.s3
def test_create_asks_for_fresh_credentials_too(rgw_bucket: dict[str, str]) -> None:
    from lakebed.storage.stores.s3_create import create_object

    given = iter([{**rgw_bucket, "aws_access_key_id": "EXPIRED"}, rgw_bucket])
    access = S3Access(lambda: next(given))
    key = f"{os.urandom(8).hex()}/log/1"
    create_object(access, {"Bucket": "test", "Key": key}, b"x", key)
    assert access.client.get_object(Bucket="test", Key=key)["Body"].read() == b"x"


@pytest.mark.s3
def test_a_function_is_asked_again_when_what_it_gave_has_expired(rgw_bucket: dict[str, str]) -> None:
    given = iter([{**rgw_bucket, "aws_access_key_id": "EXPIRED"}, rgw_bucket])
    store = open_store(f"s3://test/{os.urandom(8).hex()}", lambda: next(given))
    store.create("log/1", b"x")
    assert store.get("log/1") == b"x"


def test_a_timeout_that_is_no_number_is_told(moto_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBED_S3_TIMEOUT", "soon")
    with pytest.raises(InvalidInputError, match="LAKEBED_S3_TIMEOUT"):
        open_store("s3://test/x", moto_bucket).get("a")


def test_no_secret_travels_in_a_pickle_of_the_store(moto_bucket: dict[str, str]) -> None:
    store = open_store("s3://test/pickled", moto_bucket)
    pickled = pickle.dumps(store)
    assert SECRET.encode() not in pickled
    assert SECRET not in repr(store)
    copy = pickle.loads(pickled)
    assert copy.url == store.url
    with pytest.raises(StorageError, match="not carried in a pickle") as caught:
        copy.get("a")
    assert caught.value.kind == "no-credentials"


def test_a_store_without_session_secrets_is_pickled_whole(
    moto_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto_bucket["aws_access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto_bucket["aws_secret_access_key"])
    place = f"s3://test/{os.urandom(8).hex()}"
    store = open_store(place, {"endpoint_url": moto_bucket["endpoint_url"]})
    store.put("a", b"x")
    assert pickle.loads(pickle.dumps(store)).get("a") == b"x"


def test_keys_below_another_prefix_are_not_ours(moto_bucket: dict[str, str]) -> None:
    name = os.urandom(8).hex()
    outer, inner, sibling = (open_store(f"s3://test/{p}", moto_bucket) for p in (name, f"{name}/in", f"{name}x"))
    inner.put("a", b"inner")
    sibling.put("a", b"sibling")
    assert [found.key for found in outer.list()] == ["in/a"]
    assert [found.key for found in inner.list()] == ["a"]


def test_a_listing_of_many_pages_is_whole_and_in_order(
    moto_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakebed.storage.stores.s3.PAGE", 7)
    store = open_store(f"s3://test/{os.urandom(8).hex()}", moto_bucket)
    names = [f"log/{i:04}" for i in range(35)]
    for name in names:
        store.put(name, b"")
    assert [found.key for found in store.list("log/")] == names
    assert [found.key for found in store.list("log/", names[2])] == names[3:]
