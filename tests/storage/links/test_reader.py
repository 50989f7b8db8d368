"""Linked files are read from disk, web and S3 alike; a file that is gone, closed, away or changed is told as such."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lakebed.storage.errors import InvalidInputError, StorageError
from lakebed.storage.links.base import LinkReader, StoredLink
from lakebed.storage.links.creds import Credentials, MissingCredsError
from lakebed.storage.links.reader import UrlReader

from lakebed.errors import LakebedError
from web_server import WebServer, web_server

S3_KEY = "bucket_key"


@pytest.fixture
def s3(moto_bucket: dict[str, str]) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=moto_bucket["endpoint_url"],
        aws_access_key_id=moto_bucket["aws_access_key_id"],
        aws_secret_access_key=moto_bucket["aws_secret_access_key"],
        region_name="us-east-1",
    )


@pytest.fixture
def reader(moto_bucket: dict[str, str]) -> UrlReader:
    credentials = Credentials()
    credentials.populate(S3_KEY, moto_bucket)
    return UrlReader(credentials)


Place = Callable[[str, bytes], StoredLink]


@pytest.fixture(params=["path", "file-url", "http", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, web: WebServer) -> Place:
    """Puts a file where links of one kind point to, replacing an earlier one, and gives the bare link."""

    def on_disk(name: str, data: bytes) -> StoredLink:
        path = tmp_path / name
        path.write_bytes(data)
        return StoredLink(path.as_uri() if request.param == "file-url" else str(path))

    def on_web(name: str, data: bytes) -> StoredLink:
        web.files[f"/{name}"] = data
        web.etags[f"/{name}"] = f'"{hash(data)}"'
        return StoredLink(f"{web.url}/{name}")

    def on_s3(name: str, data: bytes) -> StoredLink:
        key = f"{tmp_path.name}/{name}"
        request.getfixturevalue("s3").put_object(Bucket="test", Key=key, Body=data)
        return StoredLink(f"s3://test/{key}", S3_KEY)

    return {"http": on_web, "s3": on_s3}.get(request.param, on_disk)


def linked(reader: UrlReader, link: StoredLink) -> StoredLink:
    seen = reader.head(link.url, link.creds_key, 4)
    return StoredLink(link.url, link.creds_key, seen.size, seen.etag, seen.mtime)


def test_the_reader_keeps_to_its_interface(reader: UrlReader) -> None:
    as_interface: LinkReader = reader
    assert as_interface.fetch_many([]) == []


def test_the_start_and_the_facts_of_a_file_are_read(reader: UrlReader, place: Place) -> None:
    link = place("a.jpg", b"0123456789")
    seen = reader.head(link.url, link.creds_key, 4)
    assert (seen.data, seen.size) == (b"0123", 10)
    assert seen.mtime > 1_600_000_000
    assert reader.head(link.url, link.creds_key, 100).data == b"0123456789"
    assert reader.head(link.url, link.creds_key, 0).size == 10


def test_the_whole_file_is_read(reader: UrlReader, place: Place) -> None:
    data = os.urandom(300_000)
    link = place("a.jpg", data)
    assert reader.fetch(link) == data
    assert reader.fetch(linked(reader, link)) == data


def test_an_empty_file_is_a_file(reader: UrlReader, place: Place) -> None:
    link = place("empty", b"")
    assert reader.head(link.url, link.creds_key, 10).data == b""
    assert reader.fetch(link) == b""


def test_a_file_of_another_size_has_changed(reader: UrlReader, place: Place) -> None:
    link = linked(reader, place("a.jpg", b"before"))
    place("a.jpg", b"afterwards")
    with pytest.raises(StorageError, match=r"size was 6 when it was linked and is 10") as caught:
        reader.fetch(link)
    assert caught.value.kind == "link-changed"


def test_a_file_of_the_same_size_has_changed_by_its_etag_or_time(reader: UrlReader, place: Place) -> None:
    link = linked(reader, place("a.jpg", b"before"))
    place("a.jpg", b"after!")
    if not link.etag:
        path = link.url.removeprefix("file://")
        os.utime(path, (1_700_000_000, 1_700_000_000))  # two writes may fall into one step of the clock
    with pytest.raises(StorageError) as caught:
        reader.fetch(link)
    assert caught.value.kind == "link-changed"


def test_a_file_that_is_gone_is_missing(reader: UrlReader, place: Place) -> None:
    link = place("a.jpg", b"x")
    gone = StoredLink(link.url.replace("a.jpg", "gone.jpg"), link.creds_key)
    for read in (lambda: reader.fetch(gone), lambda: reader.head(gone.url, gone.creds_key, 10)):
        with pytest.raises(StorageError, match=r"gone\.jpg") as caught:
            read()
        assert caught.value.kind == "link-missing"


def test_many_files_come_in_order_with_errors_in_their_places(reader: UrlReader, place: Place) -> None:
    links: list[StoredLink | None] = [place(f"{i}.jpg", b"%d" % i) for i in range(40)]
    link = links[0]
    assert link is not None
    links[7] = None
    links[11] = StoredLink(link.url.replace("0.jpg", "gone.jpg"), link.creds_key)
    found = reader.fetch_many(links)
    assert [found[i] for i in range(40) if i not in {7, 11}] == [b"%d" % i for i in range(40) if i not in {7, 11}]
    assert found[7] is None
    assert isinstance(found[11], LakebedError)
    assert found[11].kind == "link-missing"


def test_a_pickled_reader_reads_on(reader: UrlReader, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    assert pickle.loads(pickle.dumps(reader)).fetch(StoredLink(str(path))) == b"x"


def test_a_folder_is_not_a_file(reader: UrlReader, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="folder") as caught:
        reader.fetch(StoredLink(str(tmp_path)))
    assert caught.value.kind == "link-missing"


@pytest.mark.parametrize("url", ["gs://bucket/a", "ftp://host/a", "file://elsewhere/a"])
def test_a_url_that_cannot_be_read_is_refused(reader: UrlReader, url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        reader.fetch(StoredLink(url))
    assert caught.value.kind == "bad-path"


# The web


@pytest.mark.parametrize("faults", [[503], [500, 0, 429], [-1], [0, -1, 0]])
def test_a_passing_fault_of_a_web_server_is_outlasted(faults: list[int], web: WebServer) -> None:
    web.files["/a"] = b"0123456789"
    web.faults = list(faults)
    assert UrlReader().fetch(StoredLink(f"{web.url}/a")) == b"0123456789"
    assert len(web.requests) == len(faults) + 1


def test_a_web_server_that_keeps_failing_cannot_be_reached(web: WebServer) -> None:
    web.faults = [500] * 50
    with pytest.raises(StorageError, match="HTTP 500") as caught:
        UrlReader().fetch(StoredLink(f"{web.url}/a"))
    assert caught.value.kind == "link-unreachable"
    assert len(web.requests) == 4


def test_a_host_without_a_server_cannot_be_reached() -> None:
    with web_server() as web:
        gone = f"{web.url}/a"
    with pytest.raises(StorageError, match="refused") as caught:
        UrlReader().fetch(StoredLink(gone))
    assert caught.value.kind == "link-unreachable"


def test_a_web_server_without_ranges_still_gives_the_start(web: WebServer) -> None:
    web.files["/a"], web.ranges = b"0123456789", False
    seen = UrlReader().head(f"{web.url}/a", None, 4)
    assert (seen.data, seen.size) == (b"0123", 10)


def test_a_url_with_spaces_and_umlauts_is_read(web: WebServer) -> None:
    web.files["/K%C3%A4se%201.jpg"] = b"x"
    assert UrlReader().fetch(StoredLink(f"{web.url}/Käse 1.jpg")) == b"x"


def test_a_password_is_sent_from_the_creds_key_and_not_to_another_host(web: WebServer) -> None:
    credentials = Credentials()
    credentials.populate("site", {"authorization": "Bearer hush"})
    with web_server() as other:
        other.files["/b"] = b"public"
        web.files["/a"], web.password = b"private", "Bearer hush"
        web.redirects["/moved"] = f"{other.url}/b"
        reader = UrlReader(credentials)
        assert reader.fetch(StoredLink(f"{web.url}/a", "site")) == b"private"
        assert reader.fetch(StoredLink(f"{web.url}/moved", "site")) == b"public"
        assert other.requests == [("/b", "")]
    with pytest.raises(StorageError) as caught:
        reader.fetch(StoredLink(f"{web.url}/a"))
    assert caught.value.kind == "link-denied"


def test_a_redirect_to_a_local_file_is_not_followed(web: WebServer, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    web.redirects["/a"] = (tmp_path / "secret").as_uri()
    with pytest.raises(StorageError):
        UrlReader().fetch(StoredLink(f"{web.url}/a"))


def test_the_signature_of_a_url_is_not_in_the_message(web: WebServer) -> None:
    with pytest.raises(StorageError) as caught:
        UrlReader().fetch(StoredLink(f"{web.url}/gone?X-Amz-Signature=f00d"))
    assert "f00d" not in str(caught.value)


# S3


def test_a_link_to_s3_without_its_credentials_names_key_url_and_ways(reader: UrlReader) -> None:
    with pytest.raises(MissingCredsError) as caught:
        reader.fetch(StoredLink("s3://test/a", "other_key"))
    text = str(caught.value)
    assert caught.value.kind == "unknown-creds-key"
    for part in ("other_key", "s3://test/a", "populate_creds", "LAKEBED_CREDS_OTHER_KEY_AWS_ACCESS_KEY_ID"):
        assert part in text


def test_a_missing_bucket_is_a_missing_link(reader: UrlReader) -> None:
    with pytest.raises(StorageError, match="bucket") as caught:
        reader.fetch(StoredLink("s3://no-such-bucket/a", S3_KEY))
    assert caught.value.kind == "link-missing"


def test_an_s3_server_that_is_away_cannot_be_reached(moto_bucket: dict[str, str]) -> None:
    credentials = Credentials()
    credentials.populate("away", {**moto_bucket, "endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(StorageError) as caught:
        UrlReader(credentials).fetch(StoredLink("s3://test/a", "away"))
    assert caught.value.kind == "link-unreachable"


def test_odd_characters_in_an_s3_key_are_its_own(reader: UrlReader, s3: Any) -> None:
    key = "a b/Käse?x=1#y%20.jpg"
    s3.put_object(Bucket="test", Key=key, Body=b"odd")
    assert reader.fetch(StoredLink(f"s3://test/{key}", S3_KEY)) == b"odd"


@pytest.mark.s3
def test_wrong_credentials_are_denied_by_a_real_server(rgw_bucket: dict[str, str]) -> None:
    credentials = Credentials()
    credentials.populate("good", rgw_bucket)
    credentials.populate("bad", {**rgw_bucket, "aws_secret_access_key": "wrong"})
    credentials.populate("nobody", {"endpoint_url": rgw_bucket["endpoint_url"]})
    reader = UrlReader(credentials)
    for key in ("bad", "nobody"):
        with pytest.raises(StorageError) as caught:
            reader.fetch(StoredLink("s3://test/a", key))
        assert caught.value.kind == "link-denied"
    with pytest.raises(StorageError) as caught:
        reader.fetch(StoredLink("s3://test/a", "good"))
    assert caught.value.kind == "link-missing"
