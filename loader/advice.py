"""What another image policy would gain, said once when a view is materialised."""

from __future__ import annotations

from ..storage.source import SampleSource
from .facts import TensorFacts
from .index import Index
from .view import MaterialisedView

# CPU milliseconds of libjpeg-turbo on one core of a server; only their proportion matters (see bench/loader.py).
_MS_PER_IMAGE = 0.13
_MS_PER_MB = 7.0
_MS_PER_MEGAPIXEL = 1.6
_SMALL_BYTES_PER_PIXEL = 0.33
"""Of a photograph at quality 90 that was scaled down."""
_WORTH = 1.5


def advice(index: Index, short_side: int = 256) -> str:
    """One sentence per image tensor that would load much faster if its images were smaller; "" if none would.

    >>> from lakebed.storage.schema import Schema
    >>> import numpy as np
    >>> none = np.zeros(0, np.int64)
    >>> advice(Index(Schema(), {}, (), none, none, none))
    ''
    """
    if index.options.get("image", {}).get("kind") in ("jpeg", "raw"):
        return ""
    found = []
    for name, data in index.facts.items():
        facts = TensorFacts.from_json(data)
        if not facts.count:
            continue
        gain, smaller = _gain(facts, short_side)
        if gain >= _WORTH:
            found.append(
                f"{name}: image=jpeg(short_side={short_side}) would load about {gain:.1f}x faster "
                f"and take {smaller:.1f}x less space, if the model needs no larger images"
            )
    return "\n".join(found)


def hint(source: SampleSource) -> str:
    """What would make reading `source` faster; "" if nothing is known to."""
    if isinstance(source, MaterialisedView):
        return advice(source.index)
    if any(spec.link for spec in source.schema):
        return "files are fetched one by one from their links; load_view(id, optimize=True) copies them for streaming"
    return ""


def _gain(facts: TensorFacts, short_side: int) -> tuple[float, float]:
    """How many times faster and smaller."""
    pixels, size = facts.pixels / facts.count, facts.nbytes / facts.count
    # Of images three wide to two high, as most are.
    small_pixels = min(pixels, 1.5 * short_side**2)
    small_size = min(size, small_pixels * _SMALL_BYTES_PER_PIXEL)
    return _cost(size, pixels) / _cost(small_size, small_pixels), size / small_size


def _cost(size: float, pixels: float) -> float:
    return _MS_PER_IMAGE + size / 1e6 * _MS_PER_MB + pixels / 1e6 * _MS_PER_MEGAPIXEL
