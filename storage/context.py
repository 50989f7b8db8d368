"""What reading a dataset needs: its store, its objects, its open fragments, and a reader of links."""

from __future__ import annotations

from typing import Any

from .fragment import FragmentCache
from .links.base import LinkReader
from .objects import Objects
from .stores.base import Store


class Context:
    """Shared by all snapshots of one open dataset; pickles as the store and the link reader, caches left behind."""

    def __init__(self, store: Store, links: LinkReader, features: frozenset[str] = frozenset()) -> None:
        self.store = store
        self.links = links
        self.features = features
        """What the dataset's FORMAT lists: what a writer may use of it."""
        self.objects = Objects(store)
        self.fragments = FragmentCache(store, self.objects)

    def __reduce__(self) -> tuple[Any, ...]:
        return Context, (self.store, self.links, self.features)
