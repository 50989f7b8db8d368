"""Materialising linked photos from an S3 server, beside a plain concurrent download of the same objects.

    python bench/loader_s3.py --images 1000

Starts Ceph's gateway on this machine (scripts/install-rgw.sh installs it), which takes cores of its own: compare CPU
milliseconds, which are this process's alone, and the ratio of wall times. Each figure is the least of several rounds
taken in turn.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import simplejpeg
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


def download(photos: Photos, folder: Path, look: Callable[[bytes], Any]) -> int:
    """What a careful script would do: eight threads, a look at each file, all of them written."""
    s3, total = client(), 0

    def one(number: int) -> bytes:
        data: bytes = s3.get_object(Bucket="test", Key=key(number))["Body"].read()
        look(data)
        return data

    with ThreadPoolExecutor(THREADS) as pool, open(folder / "all.bin", "wb") as out:
        for data in pool.map(one, range(photos.count)):
            total += out.write(data)
    return total


def proof(data: bytes) -> None:
    """That it is an image: its every bit is read, at an eighth of the size."""
    xxhash.xxh3_64_intdigest(data)
    simplejpeg.decode_jpeg(data, min_height=1, min_width=1, min_factor=2)


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


def compare(photos: Photos, folder: Path, rounds: int) -> None:
    ds = dataset(photos, folder)
    copies = count()

    def materialise(threads: int) -> Any:
        id = f"copy{next(copies)}"
        ds[:].save_view(id=id)
        return ds.load_view(id, optimize=True, num_workers=threads, progressbar=False)

    ways: dict[str, Callable[[], Any]] = {
        f"download by {THREADS} threads, hashed": lambda: download(photos, folder, xxhash.xxh3_64_intdigest),
        "the same, decoded as a proof": lambda: download(photos, folder, proof),
        **{f"**lakebed, num_workers={n}**": partial(materialise, n) for n in (0, THREADS)},
    }
    least = {name: (float("inf"), float("inf")) for name in ways}
    view: Any = None
    for _ in range(rounds):
        for name, way in ways.items():
            view, cpu, wall = timed(way)
            least[name] = min(least[name][0], cpu), min(least[name][1], wall)
    bare = least["the same, decoded as a proof"][0]
    print("| way | images/s | CPU ms/image | to download and proof |\n|---|--:|--:|--:|")
    for name, (cpu, wall) in least.items():
        print(f"| {name} | {photos.count / wall:.0f} | {1e3 * cpu / photos.count:.2f} | {cpu / bare:.2f} |")
    same = sum(view.images[n].tobytes() == photos.bytes[n] for n in range(photos.count))
    print(f"\n{same} of {photos.count} images are byte for byte those of the bucket.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default=os.path.join(tempfile.gettempdir(), "lakebed-bench"))
    chosen = parser.parse_args()
    photos = make_photos(Path(chosen.data), chosen.images)
    with tempfile.TemporaryDirectory() as server, tempfile.TemporaryDirectory() as folder, running(server) as url:
        os.environ.update({name.upper(): value for name, value in CREDS.items()}, AWS_ENDPOINT_URL=url)
        make_bucket({**CREDS, "endpoint_url": url}, "test")
        upload(photos)
        compare(photos, Path(folder), chosen.rounds)


if __name__ == "__main__":
    main()
