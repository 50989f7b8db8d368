"""Links to an S3 server that stops answering: read by a loader without a copy, and copied."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lakebed.loader import LoaderTimeoutError
from lakebed.storage.errors import StorageError
from lakebed.storage.stores import open_store

import lakebed
from fault_proxy import Fault, FaultProxy, Request, fault_proxy
from loader_source import jpeg_bytes

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")

ROWS, STALLED = 12, 5


@pytest.fixture
def proxy(moto_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A way to the bucket whose faults a test decides."""
    monkeypatch.setenv("LAKEBED_S3_TIMEOUT", "3")  # long enough for a busy machine to answer in
    with fault_proxy(moto_bucket["endpoint_url"]) as proxy:
        yield proxy


@pytest.fixture
def dataset(moto_bucket: dict[str, str], proxy: FaultProxy, tmp_path: Path) -> Any:
    """Links into a bucket, read through the proxy, and a saved view of them without a copy."""
    url = f"s3://test/{os.urandom(6).hex()}"
    bucket = open_store(url, moto_bucket)
    for n in range(ROWS):
        bucket.put(f"{n}.jpg", jpeg_bytes(n))
    ds = lakebed.empty(tmp_path / "ds")
    ds.add_creds_key("bucket")
    ds.populate_creds("bucket", {**moto_bucket, "endpoint_url": proxy.url})
    with ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="jpg")
        ds.extend({"images": [lakebed.link(f"{url}/{n}.jpg", creds_key="bucket") for n in range(ROWS)]})
    ds.commit("photos")
    ds[:].save_view(id="all")
    return ds


@pytest.fixture
def view(dataset: Any) -> Any:
    return dataset.load_view("all")


def stall(request: Request) -> Fault:
    return Fault.ANSWER_LATE if request.path.endswith(f"/{STALLED}.jpg") else Fault.PASS


@pytest.mark.parametrize("num_workers", [0, 1])
def test_the_loader_gives_up_after_its_timeout(view: Any, proxy: FaultProxy, num_workers: int) -> None:
    proxy.decide = stall
    with pytest.raises(LoaderTimeoutError, match=r"within 0\.5 s") as caught:
        list(view.pytorch(batch_size=4, num_workers=num_workers, timeout=0.5))
    assert "raise timeout=" in caught.value.hint


def test_a_policy_goes_on_without_it_and_counts_it(view: Any, proxy: FaultProxy) -> None:
    proxy.decide = stall
    loader = view.pytorch(batch_size=4, num_workers=1, on_error="skip", max_bad=0.5)
    rows = [row for batch in loader for row in batch["index"].reshape(-1).tolist()]
    assert rows == [row for row in range(ROWS) if row != STALLED]
    (bad,) = loader.bad_samples
    assert (bad.place.row, bad.place.url.rpartition("/")[2]) == (STALLED, f"{STALLED}.jpg")


def test_a_copy_names_the_file_and_goes_on_once_the_server_answers(dataset: Any, proxy: FaultProxy) -> None:
    proxy.decide = stall
    with pytest.raises(StorageError) as caught:
        dataset.load_view("all", optimize=True, num_workers=2, progressbar=False)
    assert caught.value.place.endswith(f"/{STALLED}.jpg")
    proxy.decide = lambda request: Fault.PASS
    assert len(dataset.load_view("all", optimize=True, num_workers=2, progressbar=False).images[STALLED].tobytes()) > 0
