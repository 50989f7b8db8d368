"""Materialising linked photos from an S3 server, beside a plain concurrent download of the same objects.

    python bench/loader_s3.py --images 1000

Starts Ceph's gateway on this machine (scripts/install-rgw.sh installs it), which takes cores of its own: compare CPU
milliseconds, which are this process's alone, and the ratio of wall times.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import xxhash
from loader_data import Photos, make_photos

import lakebed
from rgw import CREDS, make_bucket, running

THREADS = 8


def client() -> Any:
    import boto3

    return boto3.client("s3", region_name="us-east-1")


def upload(photos: Photos) -> None:
    s3 = client()
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(
            lambda n: s3.put_object(Bucket="test", Key=key(n), Body=photos.bytes[n]), range(photos.count)
        ):
            pass


def key(number: int) -> str:
    return f"photos/{number:06d}.jpg"


def download(photos: Photos, folder: Path) -> int:
    """What a careful script would do: eight threads, a hash of each file, one file on disk."""
    s3, total = client(), 0
    with ThreadPoolExecutor(THREADS) as pool, open(folder / "all.bin", "wb") as out:
        for data in pool.map(lambda n: s3.get_object(Bucket="test", Key=key(n))["Body"].read(), range(photos.count)):
            xxhash.xxh3_64_intdigest(data)
            total += out.write(data)
    return total


def dataset(photos: Photos, folder: Path) -> Any:
    ds = lakebed.empty(str(folder / "data"))
    with ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="jpg")
        ds.extend({"images": [lakebed.link(f"s3://test/{key(n)}") for n in range(photos.count)]})
    ds.commit("photos")
    ds[:].save_view(id="bench")
    return ds


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def compare(photos: Photos, folder: Path) -> None:
    ds = dataset(photos, folder)
    _, plain_cpu, plain = timed(lambda: download(photos, folder))
    view, cpu, wall = timed(lambda: ds.load_view("bench", optimize=True, num_workers=THREADS))
    print("| way | images/s | CPU ms/image |\n|---|--:|--:|")
    for name, spent, taken in (("download by 8 threads", plain_cpu, plain), ("**lakebed, 8 threads**", cpu, wall)):
        print(f"| {name} | {photos.count / taken:.0f} | {1e3 * spent / photos.count:.2f} |")
    same = sum(view.images[n].tobytes() == photos.bytes[n] for n in range(photos.count))
    print(f"\n{same} of {photos.count} images are byte for byte those of the bucket.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--data", default=os.path.join(tempfile.gettempdir(), "lakebed-bench"))
    chosen = parser.parse_args()
    photos = make_photos(Path(chosen.data), chosen.images)
    with tempfile.TemporaryDirectory() as server, tempfile.TemporaryDirectory() as folder, running(server) as url:
        os.environ.update({name.upper(): value for name, value in CREDS.items()}, AWS_ENDPOINT_URL=url)
        make_bucket({**CREDS, "endpoint_url": url}, "test")
        upload(photos)
        compare(photos, Path(folder))


if __name__ == "__main__":
    main()
