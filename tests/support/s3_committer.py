"""A process that commits to a dataset on S3: `python s3_committer.py URL NAME TURNS`, credentials as JSON on stdin."""

from __future__ import annotations

import json
import sys

from lakebed.storage.stores import open_store

from storage_model import opened


def main() -> None:
    url, name, turns = sys.argv[1:]
    ws = opened(open_store(url, json.load(sys.stdin)))
    for turn in range(int(turns)):
        ws.extend({"text_a": [f"{name}-{turn}"]}, 1)
        print(ws.commit(f"{name}-{turn}"), flush=True)


if __name__ == "__main__":
    main()
