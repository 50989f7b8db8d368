"""Mapped files: read without copying, hashed without keeping them in memory."""

from __future__ import annotations

import mmap
import weakref

import pyarrow as pa
import xxhash

STEP = 8 << 20
"""Bytes hashed before their pages are given back."""

_MAPS: weakref.WeakValueDictionary[int, mmap.mmap] = weakref.WeakValueDictionary()
"""Mappings by address. Only what is found here may be given back: of memory that is no file it would lose the bytes."""


def map_file(path: str) -> pa.Buffer:
    """The bytes of a file, mapped. Raises OSError."""
    with open(path, "rb") as file:
        try:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file cannot be mapped
            return pa.py_buffer(b"")
    buffer = pa.py_buffer(mapping)  # keeps the mapping alive
    _MAPS[buffer.address] = mapping
    return buffer


def digest_of(buffer: pa.Buffer) -> str:
    """XXH3-128 in hex; pages of a mapped file are in memory only while they are hashed."""
    digest, view = xxhash.xxh3_128(), memoryview(buffer)
    for start in range(0, buffer.size, STEP):
        digest.update(view[start : start + STEP])
        give_back(buffer)
    return digest.hexdigest()


def give_back(buffer: pa.Buffer) -> None:
    """Tell the system that the pages of a mapped file are not needed now; they come again when they are read.

    Without this a process is charged for every page it ever looked at. Where the system has no such call (Windows), and
    for a buffer that is no mapped file, nothing happens.
    """
    mapping = _MAPS.get(buffer.address)
    if mapping is not None and hasattr(mapping, "madvise"):
        mapping.madvise(mmap.MADV_DONTNEED)
