"""Object stores behind one interface (see `base`): local folder, memory, S3."""

from .base import ObjectStat, Store
from .opening import open_store

__all__ = ["ObjectStat", "Store", "open_store"]
