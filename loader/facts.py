"""What is known of the payloads of a view: enough to plan memory and to say what another policy would gain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class TensorFacts:
    """Counts of one payload tensor."""

    count: int = 0
    nbytes: int = 0
    pixels: int = 0
    largest: int = 0
    """Bytes of the largest decoded sample."""
    shape: tuple[int, ...] | None = None
    """Shape of all samples, if they are alike; only meaningful while `uniform`."""
    uniform: bool = True
    formats: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    def merge(self, other: TensorFacts) -> None:
        if other.count == 0:
            return
        self.uniform = self.uniform and other.uniform and (self.count == 0 or self.shape == other.shape)
        self.shape = other.shape
        self.count += other.count
        self.nbytes += other.nbytes
        self.pixels += other.pixels
        self.largest = max(self.largest, other.largest)
        self.formats += other.formats
        self.done += other.done

    def to_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "bytes": self.nbytes,
            "pixels": self.pixels,
            "largest": self.largest,
            "shape": list(self.shape) if self.shape is not None and self.uniform else None,
            "formats": dict(self.formats),
            "done": dict(self.done),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TensorFacts:
        shape = tuple(data["shape"]) if data["shape"] is not None else None
        return cls(
            data["count"],
            data["bytes"],
            data["pixels"],
            data["largest"],
            shape,
            shape is not None or data["count"] == 0,
            Counter(data["formats"]),
            Counter(data["done"]),
        )


@dataclass(slots=True)
class Facts:
    """Facts by tensor name."""

    tensors: dict[str, TensorFacts] = field(default_factory=dict)

    def add(self, tensor: str, shape: tuple[int, ...], nbytes: int, form: str, done: str) -> None:
        """Count one payload."""
        pixels = shape[0] * shape[1] if len(shape) > 1 else 0
        size = pixels * shape[2] if len(shape) > 2 else pixels
        facts = self.tensors.setdefault(tensor, TensorFacts())
        facts.uniform = facts.uniform and (facts.count == 0 or facts.shape == shape)
        facts.shape = shape
        facts.count += 1
        facts.nbytes += nbytes
        facts.pixels += pixels
        facts.largest = max(facts.largest, size)
        facts.formats[form] += 1
        facts.done[done] += 1

    def merge(self, other: Facts) -> None:
        for name, facts in other.tensors.items():
            self.tensors.setdefault(name, TensorFacts()).merge(facts)

    def to_json(self) -> dict[str, Any]:
        return {name: facts.to_json() for name, facts in self.tensors.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Facts:
        return cls({name: TensorFacts.from_json(facts) for name, facts in data.items()})
