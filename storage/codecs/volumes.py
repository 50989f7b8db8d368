"""Medical volumes, point clouds and meshes: told by their bytes, decoded by the library of their field."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import SampleError
from .formats import sniff_format
from .optional import expect_import

Array = np.ndarray[Any, np.dtype[Any]]


def volume_format(head: bytes, formats: tuple[str, ...], what: str) -> str:
    """The format of a file, one of `formats`.

    Raises:
        SampleError: it is none of them.
    """
    name = sniff_format(head)
    if name is None and "stl" in formats and _is_binary_stl(head):
        name = "stl"
    if name not in formats:
        raise SampleError(
            f"found {name or 'unknown'} bytes, expected a {what} file ({', '.join(formats)})", kind="bad-file"
        )
    return name


def _is_binary_stl(head: bytes) -> bool:
    """80 bytes of anything, the number of triangles, and 50 bytes for each."""
    if len(head) < 84:
        return False
    (count,) = struct.unpack_from("<I", head, 80)
    return len(head) == 84 + 50 * int(count) or (len(head) >= 64 * 1024 and count > 0)


def nifti_shape(head: bytes) -> tuple[int, ...] | None:
    """The shape that a NIfTI-1 or NIfTI-2 header gives; None if it cannot be read from these bytes."""
    plain = _gunzip_head(head) if head[:2] == b"\x1f\x8b" else head[:540]
    for order in "<>":
        if len(plain) >= 348 and struct.unpack_from(order + "i", plain)[0] == 348:
            return _dims(struct.unpack_from(order + "8h", plain, 40))
        if len(plain) >= 540 and struct.unpack_from(order + "i", plain)[0] == 540:
            return _dims(struct.unpack_from(order + "8q", plain, 16))
    return None


def _dims(dim: tuple[int, ...]) -> tuple[int, ...] | None:
    return tuple(dim[1 : dim[0] + 1]) if 1 <= dim[0] <= 7 else None


def _gunzip_head(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 540)
    except zlib.error:
        return b""


def las_points(head: bytes) -> int | None:
    """How many points a LAS file says it has."""
    if len(head) < 111 or head[:4] != b"LASF":
        return None
    if (head[24], head[25]) >= (1, 4) and len(head) >= 255:
        return int(struct.unpack_from("<Q", head, 247)[0])
    return int(struct.unpack_from("<I", head, 107)[0])


def decode_volume(data: bytes, format: str) -> Array:
    """The array that a file holds: pixels (dicom, nifti), or float32 points or vertices of shape (n, 3).

    Raises:
        SampleError: kind "missing-library" names the package that is needed; "bad-file".
    """
    package, decode = _DECODERS[format]
    library = expect_import(package, format)
    try:
        return np.array(decode(library, data, format))
    except Exception as error:  # each of the libraries has errors of its own, and lets low-level ones through
        raise SampleError(f"the {format} file cannot be decoded: {error}", kind="bad-file") from error


def _dicom(library: Any, data: bytes, format: str) -> Any:
    return library.dcmread(io.BytesIO(data)).pixel_array


def _nifti(library: Any, data: bytes, format: str) -> Any:
    plain = gzip.decompress(data) if format == "nii.gz" else data
    kind = library.Nifti2Image if plain[:4] in {b"\x1c\x02\0\0", b"\0\0\x02\x1c"} else library.Nifti1Image
    return np.asanyarray(kind.from_bytes(plain).dataobj)


def _las(library: Any, data: bytes, format: str) -> Any:
    return np.asarray(library.read(io.BytesIO(data)).xyz, np.float32)


def _mesh(library: Any, data: bytes, format: str) -> Any:
    return np.asarray(library.load(io.BytesIO(data), file_type=format, process=False).vertices, np.float32)


_DECODERS: dict[str, tuple[str, Callable[[Any, bytes, str], Any]]] = {
    "dcm": ("pydicom", _dicom),
    "nii": ("nibabel", _nifti),
    "nii.gz": ("nibabel", _nifti),
    "las": ("laspy", _las),
    "ply": ("trimesh", _mesh),
    "stl": ("trimesh", _mesh),
}
