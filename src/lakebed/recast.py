"""Stored cells as samples that can be appended elsewhere: links as links, files byte for byte, nothing as None."""

from __future__ import annotations

from typing import Any

import numpy as np

from .indexing import RowArray
from .storage.htypes import Sample, htype_of
from .storage.links.base import Link
from .storage.schema import TensorSpec
from .storage.source import SampleSource
from .stored import stored_cells


def appendable(source: SampleSource, spec: TensorSpec, rows: RowArray, unlink: bool = False) -> list[Any]:
    """Samples of `rows` that another dataset takes; with `unlink`, linked files are read and given as files."""
    if spec.link and not unlink:
        return _links(source, spec, rows)
    if not htype_of(spec.unlinked()).is_payload and not _holds_files(spec):
        return _with_none(source, spec, rows)
    cells = source.cells(spec.name, rows)[""].to_pylist()
    return [[_file(item) for item in cell or ()] if spec.sequence else _file(cell) for cell in cells]


def _with_none(source: SampleSource, spec: TensorSpec, rows: RowArray) -> list[Any]:
    """The samples, None where there is none: read as an empty one it would no longer be missing."""
    samples = source.read(spec.name, rows)
    empty = [place for place, sample in enumerate(samples) if _is_empty(sample)]
    if empty:
        there = source.cells(spec.name, rows[empty])[""].is_valid().to_pylist()
        for place, is_there in zip(empty, there, strict=True):
            samples[place] = samples[place] if is_there else None
    return samples


def _is_empty(sample: Any) -> bool:
    return sample.size == 0 if isinstance(sample, np.ndarray) else not sample


def _holds_files(spec: TensorSpec) -> bool:
    from dataclasses import replace

    return spec.sequence and htype_of(replace(spec, sequence=False, link=False)).is_payload


def _links(source: SampleSource, spec: TensorSpec, rows: RowArray) -> list[Any]:
    cells = stored_cells(source, spec, rows)
    pairs = zip(cells[""].to_pylist(), cells[".creds"].to_pylist())
    if spec.sequence:
        return [[_link(url, key) for url, key in zip(urls or (), keys or ())] for urls, keys in pairs]
    return [_link(url, key) for url, key in pairs]


def _link(url: str | None, creds_key: str | None) -> Link | None:
    return None if url is None else Link(url, creds_key)


def _file(data: bytes | None) -> Sample | None:
    return None if not data else Sample(data=data)
