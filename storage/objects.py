"""Small immutable objects, gathered into bundles: one file holds all that one state change wrote.

A `Pointer` names an object by bundle, offset, length and hash. Inside a bundle objects point at each other with an
empty bundle name ("this bundle"), because the bundle's name is the hash of its bytes and so is known last.
"""

from __future__ import annotations

import json
import secrets
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from .errors import DamageError, InvalidInputError
from .recent import Recent
from .stores.base import Store

MAGIC = b"LAKEBED-BUNDLE-1\n"
NONCE = 16
"""Random bytes after the magic: no two bundles are equal, so a new one never shares the age of an old one, by which
clean-up decides."""
COMPRESS_FROM = 512
"""Bytes of JSON from which it is compressed; below there is little to win."""
CACHED_BUNDLES = 64
"""Bundles kept in memory per open repository; most are a few kilobytes."""
CACHED_BYTES = 1 << 20
"""What lies beyond so many bytes of a bundle is read object by object instead of being kept."""


def object_hash(data: bytes | memoryview) -> str:
    """BLAKE2b with 16 bytes, in hex: the hash of every small object, bundle and log entry."""
    return blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a small object lies, and what its bytes must hash to."""

    bundle: str
    offset: int
    length: int
    hash: str

    def to_json(self) -> list[Any]:
        return [self.bundle, self.offset, self.length, self.hash]

    @classmethod
    def from_json(cls, data: list[Any], bundle: str) -> Pointer:
        """A pointer read from an object in `bundle`, made absolute."""
        return cls(data[0] or bundle, data[1], data[2], data[3])


class Staging:
    """The bundle under construction in a transaction; its objects are read through pointers with bundle ""."""

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}
        self._known: dict[str, Pointer] = {}
        self._head = MAGIC + secrets.token_bytes(NONCE)
        self._size = len(self._head)

    def add(self, data: bytes) -> Pointer:
        """Put an object into the bundle; equal objects are put in once."""
        digest = object_hash(data)
        if digest in self._known:
            return self._known[digest]
        pointer = self._known[digest] = Pointer("", self._size, len(data), digest)
        self._parts[self._size] = data
        self._size += len(data)
        return pointer

    def add_json(self, value: Any) -> Pointer:
        return self.add(pack_json(value))

    def read(self, pointer: Pointer) -> bytes:
        return self._parts[pointer.offset]

    def fork(self) -> Staging:
        """A copy to try a landing on; what was staged is shared, what the attempt adds is not."""
        twin = Staging()
        twin._parts, twin._known, twin._size = dict(self._parts), dict(self._known), self._size
        return twin

    def sealed(self) -> bytes:
        """The bytes of the bundle."""
        return self._head + b"".join(self._parts.values())


class Objects:
    """Reads small objects through a store, checking each against its pointer's hash. Threads may share it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._bundles: Recent[str, bytes] = Recent(CACHED_BUNDLES)

    def read(self, pointer: Pointer, staging: Staging | None = None) -> bytes:
        """The bytes of an object.

        Raises:
            DamageError: the stored bytes are not the ones written.
            ObjectMissingError, StorageError: the bundle cannot be read.
        """
        if not pointer.bundle:
            assert staging is not None, "a pointer into a bundle under construction left its transaction"
            return staging.read(pointer)
        data = self._slice(pointer)
        if object_hash(data) != pointer.hash:
            raise DamageError(
                "a stored object is not what was written",
                kind="object-damaged",
                place=f"{self.store.url}: {bundle_key(pointer.bundle)}, byte {pointer.offset}",
                hint="run `lakebed verify` on the dataset, then `lakebed repair`",
            )
        return data

    def read_json(self, pointer: Pointer, staging: Staging | None = None) -> Any:
        return json.loads(plain_json(self.read(pointer, staging)))

    def publish(self, staging: Staging) -> str:
        """Write the bundle; returns its name."""
        data = staging.sealed()
        name = object_hash(data)
        self.store.put(bundle_key(name), data)
        self._bundles.put(name, data[:CACHED_BYTES])
        return name

    def _slice(self, pointer: Pointer) -> bytes:
        key, end = bundle_key(pointer.bundle), pointer.offset + pointer.length
        if end > CACHED_BYTES:
            return self.store.get_range(key, pointer.offset, pointer.length)
        held = self._bundles.get(pointer.bundle, lambda: self.store.get_range(key, 0, CACHED_BYTES))
        return held[pointer.offset : end]


def bundle_key(name: str) -> str:
    return f"meta/{name}"


def encode_json(value: Any) -> bytes:
    """JSON in one canonical spelling, so that equal values have equal hashes."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def check_json(value: Any, what: str, kind: str) -> None:
    """Refuse what JSON in UTF-8 cannot hold when it is given: once in a draft, nothing of it could be saved any more.

    Raises:
        InvalidInputError: names `what` and says why.
    """
    try:
        encode_json(value)
    except RecursionError:
        reason = "it is nested too deeply"
    except (TypeError, ValueError) as error:
        reason = str(error)
    else:
        return
    raise InvalidInputError(
        f"{what} cannot be kept: {reason}", kind=kind, hint="give text that UTF-8 can hold, and values that JSON has"
    )


def pack_json(value: Any) -> bytes:
    """JSON as it is stored in a bundle: compressed by zlib from `COMPRESS_FROM` bytes on."""
    data = encode_json(value)
    return zlib.compress(data) if len(data) >= COMPRESS_FROM else data


def plain_json(data: bytes) -> bytes:
    """The JSON text of a stored object; compressed ones begin with 0x78, JSON objects with "{"."""
    return zlib.decompress(data) if data[:1] == b"\x78" else data


def seal_lines(value: Any) -> bytes:
    """A small file of its own: JSON on one line, and the line's hash on the next."""
    line = encode_json(value)
    return line + b"\n" + object_hash(line).encode() + b"\n"


def open_lines(data: bytes) -> Any:
    """The inverse of `seal_lines`.

    Raises:
        ValueError: the bytes are not what `seal_lines` gave.
    """
    line, _, rest = data.partition(b"\n")
    if rest != object_hash(line).encode() + b"\n":
        raise ValueError("the hash does not fit the line")
    return json.loads(line)


def encode_ids(ids: np.ndarray[Any, np.dtype[np.int64]]) -> bytes:
    """An ordered list of row ids: zlib over little-endian int64 differences, small for ascending ids."""
    steps = np.diff(ids, prepend=np.int64(0)).astype("<i8")
    return zlib.compress(steps.tobytes(), 1)


def decode_ids(data: bytes) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The inverse of `encode_ids`.

    >>> decode_ids(encode_ids(np.array([5, 1, 3, 1]))).tolist()
    [5, 1, 3, 1]
    """
    return np.cumsum(np.frombuffer(zlib.decompress(data), dtype="<i8"), dtype=np.int64)
