"""What reading a dataset needs: its store, its objects, its open fragments, and a reader of links."""

from __future__ import annotations

from typing import Any

from .fragment_cache import FragmentCache
from .links.base import LinkReader
from .objects import Objects, Pointer
from .recent import Recent
from .schema import Schema
from .stores.base import Store

SCHEMAS = 16


class Context:
    """Shared by all snapshots of one open dataset; pickles as the store and the link reader, caches left behind."""

    def __init__(self, store: Store, links: LinkReader, features: frozenset[str] = frozenset()) -> None:
        self.store = store
        self.links = links
        self.features = features
        """What the dataset's FORMAT lists: what a writer may use of it."""
        self.objects = Objects(store)
        self.fragments = FragmentCache(store, self.objects)
        self.schemas: Recent[Pointer, Schema] = Recent(SCHEMAS)
        """Schemas read lately: nearly every version has that of the one before."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Context, (self.store, self.links, self.features)
