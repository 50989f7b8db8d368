"""Batches from worker processes to the consumer through shared memory that is used again.

torch makes a new shared file for each tensor and sends its descriptor: the pages of every batch are fresh, and each
    costs a fault in both processes. Here a worker owns a few blocks. It decodes straight into one, or copies its
    arrays and tensors there, and sends a few hundred bytes; the consumer's arrays and tensors are views of the block,
    and when the last of them is gone a byte in the block says that it is free. Blocks have no names, so nothing can
    be left behind.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

_ALIGN = 64
_HEADER = 64
_MAX_BLOCKS = 64
AVAILABLE = hasattr(os, "memfd_create")
"""False on systems without anonymous shared files; torch's own transport is used there."""

_RECEIVERS: weakref.WeakValueDictionary[str, Receiver] = weakref.WeakValueDictionary()


class Block:
    """Shared memory without a name: a byte that says whether it is in use, then the data."""

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        self.size = size
        owned = descriptor
        if owned is None:
            owned = os.memfd_create("lakebed-loader", os.MFD_CLOEXEC)
            os.ftruncate(owned, size)
        try:
            self.memory = mmap.mmap(owned, size)
        except BaseException:
            os.close(owned)
            raise
        self.descriptor = owned
        self._close = weakref.finalize(self, os.close, owned)

    def close_descriptor(self) -> None:
        """Keep the memory alone; the block cannot be sent any more."""
        self._close()

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing import reduction

        return _attach, (self.size, reduction.DupFd(self.descriptor))

    @property
    def busy(self) -> bool:
        return self.memory[0] != 0

    @busy.setter
    def busy(self, value: bool) -> None:
        self.memory[0] = 1 if value else 0

    def bytes(self, keeper: Any) -> Bytes:
        """The data part as an array that keeps `keeper`'s memory alive."""
        return np.frombuffer(keeper, np.uint8)[_HEADER:]


def _attach(size: int, descriptor: Any) -> Block:
    block = Block(size, descriptor.detach())
    block.close_descriptor()
    return block


@dataclass(slots=True)
class Lease:
    """A block that a batch is being built in."""

    number: int
    data: Bytes
    used: int = 0

    def take(self, nbytes: int) -> Bytes:
        """The next `nbytes` bytes."""
        start = self.used
        self.used = -(-(start + nbytes) // _ALIGN) * _ALIGN
        return self.data[start : start + nbytes]

    def offset_of(self, address: int, nbytes: int) -> int | None:
        """Where memory at `address` lies in the block, or None if it is elsewhere."""
        start = int(self.data.__array_interface__["data"][0])
        return address - start if start <= address and address + nbytes <= start + len(self.data) else None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A batch on its way: unpickling it in the consumer gives the batch itself."""

    token: str
    content: bytes
    worker: str
    number: int
    places: tuple[tuple[int, int], ...]
    block: Block | None = None
    """Sent with the first batch that lies in it."""
    gone: tuple[int, ...] = ()
    """Blocks that this worker will not use again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self.token, self.content, self.worker, self.number, self.places, self.block, self.gone)


class Sender:
    """The worker's side."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._worker = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._blocks: dict[int, Block] = {}
        self._known: set[int] = set()
        self._gone: list[int] = []
        self._next = 0

    def maybe_lease(self, nbytes: int, besides: int = -1) -> Lease | None:
        """A free block of at least `nbytes` other than `besides`, made if there is none.

        None if the consumer keeps so many batches that all blocks are in use.
        """
        free = [number for number, block in self._blocks.items() if number != besides and not block.busy]
        for number in free:
            block = self._blocks[number]
            if nbytes + _HEADER <= block.size:
                return Lease(number, block.bytes(block.memory))
        if len(self._blocks) >= _MAX_BLOCKS:
            if not free:
                return None
            del self._blocks[free[0]]  # it has become too small
            self._gone.append(free[0])
        number, self._next = self._next, self._next + 1
        size = -(-(nbytes + nbytes // 8 + _HEADER) // mmap.PAGESIZE) * mmap.PAGESIZE
        block = self._blocks[number] = Block(size)
        return Lease(number, block.bytes(block.memory))

    def pack(self, batch: Any, lease: Lease | None) -> Parcel:
        """Move the arrays and tensors of a batch into shared memory; those in `lease` already stay where they are."""
        buffers: list[pickle.PickleBuffer] = []
        content = _pickle(batch, buffers.append)
        raw = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
        inside = [_within(lease, part) for part in raw]
        missing = sum(-(-len(part) // _ALIGN) * _ALIGN for part, at in zip(raw, inside, strict=True) if at is None)
        if lease is None:
            lease = self.maybe_lease(missing)
        elif lease.used + missing > len(lease.data):
            lease = self.maybe_lease(sum(len(part) + _ALIGN for part in raw), besides=lease.number)
            inside = [None] * len(raw)
        if lease is None:
            return Parcel(self._token, _pickle(batch, None), self._worker, -1, (), gone=self._said_gone())
        places = tuple(
            (at if at is not None else _copy(lease, part), len(part)) for part, at in zip(raw, inside, strict=True)
        )
        block = self._blocks[lease.number]
        block.busy = True
        first = lease.number not in self._known
        self._known.add(lease.number)
        gone = self._said_gone()
        return Parcel(self._token, content, self._worker, lease.number, places, block if first else None, gone)

    def _said_gone(self) -> tuple[int, ...]:
        gone, self._gone = tuple(self._gone), []
        return gone


class Receiver:
    """The consumer's side: the blocks of all workers of one loader."""

    def __init__(self) -> None:
        self.token = os.urandom(8).hex()
        self._blocks: dict[tuple[str, int], Block] = {}
        self._alive: dict[int, weakref.ref[Any]] = {}
        _RECEIVERS[self.token] = self

    def open(
        self,
        content: bytes,
        worker: str,
        number: int,
        places: tuple[tuple[int, int], ...],
        new: Block | None,
        gone: tuple[int, ...],
    ) -> Any:
        """The batch of a parcel."""
        for old in gone:
            self._blocks.pop((worker, old), None)
        if number < 0:
            return pickle.loads(content)
        if new is not None:
            self._blocks[worker, number] = new
        block = self._blocks[worker, number]
        # Every array below refers to this object; when it dies, nobody can see the batch any more.
        holder = (ctypes.c_char * block.size).from_buffer(block.memory)
        key = id(holder)
        alive, memory = self._alive, block.memory

        def free(_: Any) -> None:
            memory[0] = 0
            alive.pop(key, None)

        alive[key] = weakref.ref(holder, free)
        data = np.frombuffer(memoryview(holder), np.uint8)[_HEADER:]
        return pickle.loads(content, buffers=[data[start : start + size] for start, size in places])


def _open(token: str, *parcel: Any) -> Any:
    receiver = _RECEIVERS.get(token)
    # A batch that was under way when its loader was dropped has no reader.
    return None if receiver is None else receiver.open(*parcel)


def _within(lease: Lease | None, part: Bytes) -> int | None:
    if lease is None or not len(part):
        return None
    return lease.offset_of(int(part.__array_interface__["data"][0]), len(part))


def _copy(lease: Lease, part: Bytes) -> int:
    start = lease.used
    lease.take(len(part))[:] = part
    return start


def _pickle(batch: Any, keep: Callable[[pickle.PickleBuffer], None] | None) -> bytes:
    out = BytesIO()
    _Pickler(out, keep).dump(batch)
    return out.getvalue()


class _Pickler(pickle.Pickler):
    """Arrays and plain CPU tensors out of band, everything else as usual."""

    def __init__(self, out: BytesIO, keep: Callable[[pickle.PickleBuffer], None] | None) -> None:
        super().__init__(out, protocol=5, buffer_callback=keep)

    def reducer_override(self, value: Any) -> Any:
        import torch

        if type(value) is torch.Tensor and value.device.type == "cpu" and value.layout is torch.strided:
            plain = value.detach().contiguous().resolve_conj().resolve_neg()
            data = plain.reshape(-1).view(torch.uint8).numpy() if plain.numel() else np.zeros(0, np.uint8)
            return _tensor, (pickle.PickleBuffer(data.data), plain.dtype, tuple(plain.shape))
        return NotImplemented


def _tensor(data: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    import torch

    if not len(memoryview(data)):
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(data, dtype=dtype).reshape(shape)


@dataclass(slots=True)
class BatchMemory:
    """Memory of one batch in a worker: uniform tensors are decoded into the block that the batch will be sent in."""

    sender: Sender
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    lease: Lease | None = None

    def __call__(self, count: int) -> dict[str, np.ndarray[Any, Any]]:
        """Arrays for `count` samples."""
        sizes = {name: count * int(np.prod(shape)) for name, shape in self.shapes.items()}
        if not sizes:
            self.lease = None
            return {}
        # Some room for labels and boxes, which are copied in behind the images.
        self.lease = lease = self.sender.maybe_lease(sum(size + _ALIGN for size in sizes.values()) + (64 << 10))
        if lease is None:
            return {}
        return {name: lease.take(size).reshape(count, *self.shapes[name]) for name, size in sizes.items()}
