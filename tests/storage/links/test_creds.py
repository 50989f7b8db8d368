"""Values of creds keys are found where they were put, asked anew when they expire, and leave no trace."""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import pickle
import stat
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from lakebed.storage.errors import InvalidInputError, StorageError
from lakebed.storage.links import managed
from lakebed.storage.links.base import StoredLink
from lakebed.storage.links.creds import Credentials, MissingCredsError, variable
from lakebed.storage.links.reader import UrlReader
from lakebed.storage.stores.secrets import Secrets

from secret_child import authorization_of_the_day, fetch_in_spawned_process
from web_server import WebServer

SECRET = "hush-f00dcafe"
VALUES = {"aws_access_key_id": "ID", "aws_secret_access_key": SECRET}


def write_profile(name: str) -> None:
    path = Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[{name}]\naws_access_key_id = ID\naws_secret_access_key = {SECRET}\n")


# Where values come from


def test_no_key_and_the_key_env_mean_the_rules_of_boto3() -> None:
    assert dict(Credentials().resolve(None)) == dict(Credentials().resolve("ENV")) == {}


def test_a_key_told_from_environment_means_the_rules_of_boto3() -> None:
    credentials = Credentials()
    credentials.populate("k", from_environment=True)
    assert dict(credentials.resolve("k")) == {}


def test_values_told_in_the_session_are_found() -> None:
    credentials = Credentials()
    credentials.populate("k", {**VALUES, "aws_session_token": None})
    assert dict(credentials.resolve("k")) == VALUES


def test_a_function_is_asked_each_time() -> None:
    tokens = iter(["one", "two"])
    credentials = Credentials()
    credentials.populate("k", lambda: {"aws_session_token": next(tokens)})
    assert [credentials.resolve("k")["aws_session_token"] for _ in range(2)] == ["one", "two"]


def test_a_function_that_fails_is_named_without_its_message() -> None:
    def fail() -> dict[str, str]:
        raise RuntimeError(SECRET)

    credentials = Credentials()
    credentials.populate("k", fail)
    with pytest.raises(MissingCredsError, match="RuntimeError") as caught:
        credentials.resolve("k")
    assert SECRET not in str(caught.value)


def test_environment_variables_of_a_key_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert variable("my-key.1", "aws_access_key_id") == "LAKEBED_CREDS_MY_KEY_1_AWS_ACCESS_KEY_ID"
    for field, value in VALUES.items():
        monkeypatch.setenv(variable("my-key.1", field), value)
    assert dict(Credentials().resolve("my-key.1")) == VALUES


def test_a_profile_of_the_same_name_is_found() -> None:
    write_profile("team")
    assert dict(Credentials().resolve("team")) == {"profile_name": "team"}


def test_the_session_comes_before_the_environment_the_managed_key_and_the_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credentials = Credentials()
    write_profile("k")
    found = [dict(credentials.resolve("k"))]
    managed.save("k", {"aws_region": "managed"})
    found.append(dict(credentials.resolve("k")))
    monkeypatch.setenv(variable("k", "aws_region"), "environment")
    found.append(dict(credentials.resolve("k")))
    credentials.populate("k", {"aws_region": "session"})
    found.append(dict(credentials.resolve("k")))
    assert found == [{"profile_name": "k"}, *({"aws_region": name} for name in ("managed", "environment", "session"))]


def test_a_renamed_key_keeps_its_values_and_a_forgotten_one_loses_them() -> None:
    credentials = Credentials()
    credentials.populate("old", VALUES)
    credentials.rename("old", "new")
    credentials.rename("never told", "other")
    assert dict(credentials.resolve("new")) == VALUES
    credentials.forget("new")
    for key in ("old", "new", "other"):
        with pytest.raises(MissingCredsError, match=key):
            credentials.resolve(key)


@pytest.mark.parametrize(("creds", "from_environment"), [(None, False), (VALUES, True), ({"password": SECRET}, False)])
def test_what_cannot_be_told_is_refused_without_showing_it(
    creds: dict[str, str] | None, from_environment: bool
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Credentials().populate("k", creds, from_environment)
    assert caught.value.kind == "bad-creds"
    assert SECRET not in str(caught.value)


# Managed keys


def test_a_managed_key_lies_in_a_file_of_the_user_alone(tmp_path: Path) -> None:
    place = managed.save("my/key", VALUES)
    assert Path(place).is_relative_to(tmp_path / "config")
    assert managed.load("my/key") == VALUES
    if os.name != "nt":
        assert stat.S_IMODE(os.stat(place).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(Path(place).parent).st_mode) == 0o700
    managed.save("my/key", {"aws_region": "r"})
    assert managed.load("my/key") == {"aws_region": "r"}
    assert [path.name for path in Path(place).parent.iterdir()] == [Path(place).name]


def test_a_deleted_managed_key_is_gone() -> None:
    managed.save("k", VALUES)
    managed.delete("k")
    managed.delete("k")
    assert managed.load("k") == {}


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_a_file_that_others_can_read_is_refused() -> None:
    place = managed.save("k", VALUES)
    os.chmod(place, 0o640)
    with pytest.raises(StorageError, match="chmod 600") as caught:
        managed.load("k")
    assert caught.value.kind == "unsafe-permissions"


def test_a_configuration_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAKEBED_CONFIG", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="managed credentials") as caught:
        managed.save("k", VALUES)
    assert caught.value.kind == "not-a-folder"
    assert SECRET not in str(caught.value)


class KeyringInMemory:
    """Stands for the keyring of the operating system."""

    priority = 5

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def set_password(self, service: str, name: str, password: str) -> None:
        if self.locked:
            raise OSError("locked")
        self.kept[service, name] = password

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


@pytest.fixture
def system_keyring(monkeypatch: pytest.MonkeyPatch) -> KeyringInMemory:
    core = pytest.importorskip("keyring.core", reason="the package keyring is not installed")
    backend = KeyringInMemory()
    monkeypatch.setattr(core, "_keyring_backend", backend)
    return backend


def test_the_keyring_of_the_system_is_preferred(system_keyring: KeyringInMemory, tmp_path: Path) -> None:
    assert managed.save("k", VALUES) == "keyring"
    assert json.loads(system_keyring.kept["lakebed", "k"]) == VALUES
    assert managed.load("k") == VALUES
    assert not list((tmp_path / "config").rglob("*.json"))
    managed.delete("k")
    managed.delete("k")
    assert managed.load("k") == {}


def test_a_keyring_that_fails_is_replaced_by_the_file_and_takes_over_later(system_keyring: KeyringInMemory) -> None:
    system_keyring.locked = True
    place = managed.save("k", VALUES)
    assert Path(place).exists()
    assert managed.load("k") == VALUES
    system_keyring.locked = False
    assert managed.save("k", {"aws_region": "new"}) == "keyring"
    assert managed.load("k") == {"aws_region": "new"}
    assert not Path(place).exists()


# No trace


def every_trace(thing: Any) -> str:
    """What repr, str, formatting, logging, pickle and copies of pickles show of `thing`."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("trace")
    logger.addHandler(handler)
    try:
        logger.error("%s %r", thing, thing)
    finally:
        logger.removeHandler(handler)
    again = pickle.loads(pickle.dumps(thing))
    pickles = b"".join(pickle.dumps(thing, protocol) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1))
    return f"{text.getvalue()} {thing} {thing!r} {[thing]} {again!r} {pickles!r} {pickle.dumps(again)!r}"


def test_no_secret_is_in_any_trace_of_the_things_that_hold_it() -> None:
    credentials = Credentials()
    credentials.populate("k", VALUES)
    for thing in (credentials, UrlReader(credentials), credentials.resolve("k")):
        assert SECRET not in every_trace(thing)


def test_no_secret_is_in_a_traceback_that_shows_local_variables(moto_bucket: dict[str, str]) -> None:
    credentials = Credentials()
    credentials.populate("k", {**VALUES, "endpoint_url": moto_bucket["endpoint_url"]})
    with pytest.raises(StorageError) as caught:
        UrlReader(credentials).fetch(StoredLink("s3://test/none", "k"))
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    own = [frame for frame in shown.stack if "lakebed" in (frame.filename or "")]
    assert own
    assert SECRET not in "".join(str(frame.locals) for frame in own)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_pickled_copy_says_that_the_secrets_stayed_behind() -> None:
    credentials = Credentials()
    credentials.populate("k", {**VALUES, "aws_region": "eu-west-1"})
    elsewhere = pickle.loads(pickle.dumps(UrlReader(credentials)))
    with pytest.raises(MissingCredsError, match="were not carried to this process"):
        elsewhere.fetch(StoredLink("s3://test/a", "k"))


def test_a_pickled_copy_finds_what_its_own_environment_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Credentials()
    credentials.populate("k", VALUES)
    elsewhere = pickle.loads(pickle.dumps(credentials))
    monkeypatch.setenv(variable("k", "aws_secret_access_key"), "theirs")
    assert dict(elsewhere.resolve("k")) == {"aws_secret_access_key": "theirs"}


def test_a_deep_copy_in_this_process_is_a_pickled_copy_too() -> None:
    assert copy.deepcopy(Secrets(VALUES)).withheld
    assert not copy.deepcopy(Secrets({"aws_region": "r"})).withheld


def test_a_spawned_worker_gets_the_secrets_through_its_pipe(web: WebServer) -> None:
    web.files["/a"], web.password = b"private", f"Bearer {SECRET}"
    credentials = Credentials()
    credentials.populate("k", {"authorization": web.password})
    assert fetch_in_spawned_process(UrlReader(credentials), StoredLink(f"{web.url}/a", "k")) == "private"


def test_a_spawned_worker_does_not_get_what_was_pickled_before(web: WebServer) -> None:
    credentials = Credentials()
    credentials.populate("k", {"authorization": "x"})
    stale = pickle.loads(pickle.dumps(UrlReader(credentials)))
    assert fetch_in_spawned_process(stale, StoredLink(f"{web.url}/a", "k")) == "unknown-creds-key"


def test_a_function_travels_by_its_name(web: WebServer) -> None:
    web.files["/a"], web.password = b"private", "Bearer hush"
    credentials = Credentials()
    credentials.populate("k", authorization_of_the_day)
    elsewhere = pickle.loads(pickle.dumps(UrlReader(credentials)))
    assert elsewhere.fetch(StoredLink(f"{web.url}/a", "k")) == b"private"
    assert b"hush" not in pickle.dumps(elsewhere)


# Expiry


@pytest.mark.s3
def test_credentials_that_expired_are_asked_for_again(rgw_bucket: dict[str, str]) -> None:
    asked = []

    def provide() -> dict[str, str]:
        asked.append(1)
        return {**rgw_bucket, "aws_access_key_id": "LONG-GONE"} if len(asked) == 1 else rgw_bucket

    credentials = Credentials()
    credentials.populate("k", provide)
    reader = UrlReader(credentials)
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            reader.fetch(StoredLink("s3://test/none", "k"))
        assert caught.value.kind == "link-missing"  # so the second identity was accepted
    assert len(asked) == 2


def test_values_told_anew_count_at_once(moto_bucket: dict[str, str]) -> None:
    credentials = Credentials()
    credentials.populate("k", {**moto_bucket, "endpoint_url": "http://127.0.0.1:9"})
    reader = UrlReader(credentials)
    kinds = []
    for creds in ({**moto_bucket, "endpoint_url": "http://127.0.0.1:9"}, moto_bucket):
        credentials.populate("k", creds)
        with pytest.raises(StorageError) as caught:
            reader.fetch(StoredLink("s3://test/none", "k"))
        kinds.append(caught.value.kind)
    assert kinds == ["link-unreachable", "link-missing"]


def test_reading_creds_does_not_import_boto3_or_keyring() -> None:
    code = "import sys, lakebed.storage.links.reader; print({'boto3', 'botocore', 'keyring'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
