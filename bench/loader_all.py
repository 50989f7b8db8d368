"""Lakebed and every other loader at hand, on the same bytes in one run: CPU milliseconds per image.

    python bench/loader_all.py --images 1200 --rounds 2
    python bench/loader_all.py --peer deeplake3=/venvs/deeplake3/bin/python --peer lance=/venvs/lance/bin/python

Each epoch runs in a process of its own (`bench/loader_elsewhere.py`), with the decode loop of that process before and
after it; loaders take turns, and of the rounds the one with the least ratio to its own decode loop counts. Peers whose
requirements clash with ours get the interpreter of an environment of their own by ``--peer NAME=PYTHON``; the others
are looked for in this one. What torch needs to start and end workers is included, and in the last column left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from loader_data import make_photos

PACKAGES = {
    "lakebed": "lakebed",
    "imagefolder": "torch",
    "litdata": "litdata",
    "webdataset": "webdataset",
    "streaming": "streaming",
    "lance": "lance",
    "deeplake3": "deeplake3",
    "deeplake4": "deeplake4",
}
"""What must be importable here for a loader to take part without ``--peer``; both Deep Lakes need an environment."""

_SCRIPT = str(Path(__file__).resolve().parent / "loader_elsewhere.py")
_QUIET = {"NO_ALBUMENTATIONS_UPDATE": "1", "LITDATA_DISABLE_VERSION_CHECK": "1", "BUGGER_OFF": "true"}


def interpreters(given: list[str]) -> dict[str, str]:
    """The Python of every loader that takes part."""
    chosen = {name: sys.executable for name, package in PACKAGES.items() if find_spec(package) is not None}
    for entry in given:
        name, _, python = entry.partition("=")
        if name not in PACKAGES or not Path(python).exists():
            sys.exit(f"--peer is NAME=PYTHON with a name of {', '.join(PACKAGES)}: found {entry}")
        chosen[name] = python
    return {name: chosen[name] for name in PACKAGES if name in chosen}


def run(name: str, python: str, arguments: list[str]) -> dict[str, Any] | None:
    """One epoch; None, and the last line of what it said, where it fails."""
    done = subprocess.run(
        [python, _SCRIPT, name, *arguments], capture_output=True, text=True, env={**os.environ, **_QUIET}
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        print(f"{name} {arguments}: {(done.stderr.strip().splitlines() or ['no output'])[-1]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def table(photos: Any, pythons: dict[str, str], chosen: argparse.Namespace, shuffle: bool) -> None:
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for _ in range(chosen.rounds):
        for workers in chosen.workers:
            for name, python in pythons.items():
                arguments = [str(photos.folder), str(photos.count), str(workers), str(chosen.batch)]
                found = run(name, python, arguments + ["shuffle"] * shuffle)
                best = rows.get((workers, name))
                if found and (best is None or found["cpu_ms"] / found["bare_ms"] < best["cpu_ms"] / best["bare_ms"]):
                    rows[workers, name] = found
    print(f"\n## Decode to uint8, batch {chosen.batch}, {'shuffled' if shuffle else 'in order'}\n")
    print("| workers | loader | CPU ms/image | bare loop | ratio | first batch s | ratio without the start |")
    print("|--:|---|--:|--:|--:|--:|--:|")
    for (workers, name), row in rows.items():
        steady = (row["cpu_ms"] - row["start_ms"] / row["images"]) / row["bare_ms"]
        ratio = row["cpu_ms"] / row["bare_ms"]
        figures = f"{row['cpu_ms']:.2f} | {row['bare_ms']:.2f} | {ratio:.2f} | {row['first_s']:.2f} | {steady:.2f}"
        print(f"| {workers} | {name} | {figures} |")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--shuffle", choices=["on", "off", "both"], default="both")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--data", default=os.path.join(tempfile.gettempdir(), "lakebed-bench"))
    chosen = parser.parse_args()
    photos = make_photos(Path(chosen.data), chosen.images)
    pythons = interpreters(chosen.peer)
    print(json.dumps({"images": chosen.images, "cpus": os.cpu_count(), "loaders": list(pythons)}))
    for shuffle in (True, False):
        if chosen.shuffle in ("both", "on" if shuffle else "off"):
            table(photos, pythons, chosen, shuffle)


if __name__ == "__main__":
    main()
