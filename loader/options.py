"""What a caller can choose when a view is materialised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..storage.errors import InvalidInputError

OnError = Literal["raise", "skip", "null"]
Scheduler = Literal["threaded", "ray"]
RowOrder = Literal["shuffled", "view"]
_KINDS = ("passthrough", "verbatim", "jpeg", "raw")


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """What becomes of images on their way into a materialised view; made by `jpeg`, `raw`, or given as a word.

    ``"passthrough"`` keeps the bytes of a file whose format is the tensor's `sample_compression` and encodes others
    anew; progressive JPEGs become baseline ones with the same pixels, which decode three times faster.
    ``"verbatim"`` keeps every file as it is.
    """

    kind: Literal["passthrough", "verbatim", "jpeg", "raw"] = "passthrough"
    short_side: int = 0
    quality: int = 0
    height: int = 0
    width: int = 0

    @property
    def resizes(self) -> bool:
        return self.kind in ("jpeg", "raw")


def jpeg(short_side: int = 256, quality: int = 90) -> ImagePolicy:
    """Images scaled down until their shorter side has `short_side` pixels, as JPEG; smaller ones keep their size.

    From 640x480 files a loader then delivers about three times as many images per second.
    """
    if short_side < 1 or not 1 <= quality <= 100:
        raise InvalidInputError(
            f"short_side is at least 1 and quality 1 to 100: found {short_side} and {quality}", kind="bad-policy"
        )
    return ImagePolicy("jpeg", short_side=short_side, quality=quality)


def raw(height: int, width: int) -> ImagePolicy:
    """Images resized to exactly (height, width), kept as plain pixels: nothing to decode, ten times the bytes."""
    if height < 1 or width < 1:
        raise InvalidInputError(f"height and width are at least 1: found {height} and {width}", kind="bad-policy")
    return ImagePolicy("raw", height=height, width=width)


@dataclass(frozen=True, slots=True)
class MaterialiseOptions:
    """How `materialise` copies a source.

    Attributes:
        tensors: names to copy; None copies all.
        image: a policy, or ``"passthrough"`` or ``"verbatim"``.
        order: ``"shuffled"`` stores rows in a random order, so that neighbours in a chunk are strangers; ``"view"``
            keeps the source's order in the files as well. Readers see the source's order either way.
        seed: of the stored order.
        num_workers: threads that fetch, check and encode; 0 does everything in the calling thread.
        scheduler: ``"threaded"``, or ``"ray"``: the same files, written by tasks of the Ray cluster that this program
            is connected to, `num_workers` of them at once, or with 0 as many as it has processors.
        on_error: what to do with a row that cannot be read: ``"raise"``, ``"skip"`` the row, or keep it with the cell
            empty (``"null"``). Skipped and emptied rows are listed in the index.
        progress: show a progress bar.
        chunk_bytes: bytes of a chunk file, about; small views get smaller ones, to have at least 64.
        lineage: what the view comes from, kept in the index; part of the key under which a killed run is resumed.
    """

    tensors: Sequence[str] | None = None
    image: ImagePolicy | str = "passthrough"
    order: RowOrder = "shuffled"
    seed: int = 0
    num_workers: int = 0
    scheduler: Scheduler = "threaded"
    on_error: OnError = "raise"
    progress: bool = False
    chunk_bytes: int = 32 << 20
    lineage: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, known in (
            ("order", self.order, ("shuffled", "view")),
            ("scheduler", self.scheduler, ("threaded", "ray")),
            ("on_error", self.on_error, ("raise", "skip", "null")),
        ):
            if value not in known:
                raise InvalidInputError(f"{name} is one of {', '.join(map(repr, known))}: found {value!r}")
        _ = self.policy

    @property
    def policy(self) -> ImagePolicy:
        """`image` as a policy."""
        if isinstance(self.image, ImagePolicy):
            return self.image
        if self.image in ("passthrough", "verbatim"):
            return ImagePolicy(self.image)  # type: ignore[arg-type]  # narrowed by the test above
        raise InvalidInputError(
            f"found the image policy {self.image!r}",
            kind="bad-policy",
            hint="use 'passthrough', 'verbatim', jpeg(short_side=256, quality=90) or raw(height, width)",
        )

    def to_json(self) -> dict[str, Any]:
        """The choices that shape the files, for the index."""
        return {
            "tensors": list(self.tensors) if self.tensors is not None else None,
            "image": asdict(self.policy),
            "order": self.order,
            "seed": self.seed,
            "on_error": self.on_error,
            "chunk_bytes": self.chunk_bytes,
            "lineage": dict(self.lineage),
        }
