"""Arrays of any dtype as bytes: a ``.npy`` file, in a zstd or LZ4 frame; readable with NumPy and ``zstd -d``."""

from __future__ import annotations

import io
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import SampleError
from .formats import sniff_format

Array = np.ndarray[Any, np.dtype[Any]]

MAX_BYTES = 4 * 2**30
"""Larger arrays are refused on decoding: a small frame may unpack to anything."""


def encode_array(array: Array, codec: str = "zstd") -> bytes:
    """The array as a ``.npy`` file in a frame of `codec`, "zstd" or "lz4"."""
    plain = io.BytesIO()
    np.lib.format.write_array(plain, np.asarray(array, order="C"), allow_pickle=False)
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, codec) as stream:
        stream.write(plain.getbuffer())
    data: bytes = out.getvalue().to_pybytes()
    return data


def decode_array(data: bytes | memoryview) -> Array:
    """The array that `encode_array` wrote; a bare ``.npy`` is read too. Writable and C-contiguous.

    Raises:
        SampleError: kind "bad-array-file" or "array-too-large".
    """
    codec = sniff_format(bytes(data[:16]))
    try:
        source = pa.BufferReader(pa.py_buffer(data))
        if codec == "npy":
            return _read_npy(source)
        if codec in {"zstd", "lz4"}:
            with pa.CompressedInputStream(source, codec) as stream:
                return _read_npy(stream)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, SampleError):
            raise
        raise SampleError(f"the array cannot be read: {error}", kind="bad-array-file") from error
    raise SampleError(f"found {codec or 'unknown'} bytes, expected an array", kind="bad-array-file")


def _read_npy(stream: Any) -> Array:
    """Header first, so that a claimed size is checked before memory is taken for it."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    size = prod(shape) * dtype.itemsize
    if dtype.hasobject or size > MAX_BYTES:
        raise SampleError(f"the array claims {size} bytes of dtype {dtype}", kind="array-too-large")
    content = bytearray(stream.read(size))
    if len(content) != size:
        raise SampleError(f"the array ends after {len(content)} of {size} bytes", kind="bad-array-file")
    flat = np.frombuffer(content, dtype)
    return np.ascontiguousarray(flat.reshape(shape[::-1]).T) if fortran else flat.reshape(shape)
