"""Mapped files: read without copying, hashed without keeping them in memory."""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from functools import cache
from typing import Any

import pyarrow as pa
import xxhash

STEP = 8 << 20
"""Bytes hashed before their pages are given back."""

_MAPS: weakref.WeakValueDictionary[int, pa.Buffer] = weakref.WeakValueDictionary()
"""Mapped files by address. Only these may be given back: memory that is no file would lose its bytes."""


def map_file(path: str) -> pa.Buffer:
    """The bytes of a file, mapped; no file descriptor is held. Raises OSError."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # cannot be mapped
            return pa.py_buffer(b"")
    # Python's own mmap would keep a descriptor for as long as the mapping, and a view has thousands of chunk files.
    with pa.memory_map(path) as mapping:
        buffer = mapping.read_buffer()
    _MAPS[buffer.address] = buffer
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
    advise = _madvise()
    is_mapped: bool = _MAPS.get(buffer.address) is buffer
    if advise is not None and is_mapped:
        advise(buffer.address, buffer.size, mmap.MADV_DONTNEED)  # advice: whether it is taken changes no byte


@cache
def _madvise() -> Any:
    """The C library's `madvise`, or None where there is none."""
    if not hasattr(mmap, "MADV_DONTNEED"):
        return None
    found = getattr(ctypes.CDLL(None), "madvise", None)
    if found is not None:
        found.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return found
