"""One task of the materialiser: rows to the chunk files that hold them, and the note by which another run finds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ..errors import LakebedError
from ..storage.errors import ObjectExistsError, ObjectMissingError
from ..storage.stores.base import Store
from .chunks import ChunkEntry, write_chunk
from .facts import Facts
from .pages import Page, read_page
from .recipe import Ints, Recipe

NOTE_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """How rows are cut.

    Attributes:
        chunk: rows of a chunk file.
        page: rows that are fetched and checked together, at most.
    """

    chunk: int
    page: int

    @property
    def task(self) -> int:
        """Rows of a task: a chunk file, or as many small ones as a page fills; each note costs two flushes more."""
        return self.chunk * max(1, self.page // self.chunk)


@dataclass(slots=True)
class Task:
    """What one chunk file holds, or a few, if these are small or rows are large."""

    chunks: list[ChunkEntry] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)

    @property
    def nbytes(self) -> int:
        return sum(chunk.nbytes for chunk in self.chunks)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": NOTE_FORMAT,
            "chunks": [chunk.to_json() for chunk in self.chunks],
            "rows": self.rows,
            "failures": self.failures,
            "facts": self.facts.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Task:
        chunks = [ChunkEntry.from_json(chunk) for chunk in data["chunks"]]
        return cls(chunks, data["rows"], data["failures"], Facts.from_json(data["facts"]))


@dataclass(frozen=True, slots=True)
class TaskWriter:
    """Carries out tasks of one run, in any process: it pickles as its recipe and its store do."""

    recipe: Recipe
    store: Store
    prefix: str
    notes: str
    """Where the notes of this run are."""
    sizes: Sizes

    def pages(self, rows: Ints) -> Iterator[Ints]:
        """The rows of a task, cut into those of its pages."""
        for start in range(0, len(rows), self.sizes.page):
            yield rows[start : start + self.sizes.page]

    def write(self, number: int, rows: Ints) -> Task:
        """The whole task in this thread. Raises as `materialise` does."""
        return self.finish(number, [read_page(self.recipe, part) for part in self.pages(rows)])

    def maybe_note(self, number: int) -> Task | None:
        """The task as another run left it, if its chunk files are there."""
        try:
            task = Task.from_json(json.loads(self.store.get(self._note_key(number))))
        except ObjectMissingError:
            return None
        return task if self.holds(task) else None

    def holds(self, task: Task) -> bool:
        """Whether the store has the task's chunk files, whole."""
        stats = [self.store.stat(f"{self.prefix}/{chunk.key}") for chunk in task.chunks]
        sizes = [stat.size if stat is not None else -1 for stat in stats]
        return sizes == [chunk.nbytes for chunk in task.chunks]

    def finish(self, number: int, pages: list[Page]) -> Task:
        """Write the chunk files of a task, then its note."""
        task = Task()
        for page in pages:
            task.rows += page.rows
            task.failures += page.failures
            task.facts.merge(page.facts)
        schema, payloads = self.recipe.arrow_schema, self.recipe.payloads
        # All are made before the first is flushed: what runs after a flush starts with cold caches.
        for data, entry in [write_chunk(group, schema, payloads) for group in self._files(pages)]:
            # Arrow's buffers show signed bytes, which compare unequal to plain ones.
            self.store.put(f"{self.prefix}/{entry.key}", memoryview(data).cast("B"))
            task.chunks.append(entry)
        try:
            self.store.create(self._note_key(number), json.dumps(task.to_json()).encode())
        except ObjectExistsError:
            # Another process was faster; its files are as good as these.
            return self.maybe_note(number) or task
        except LakebedError as error:
            if error.kind != "commit-unknown":
                raise
        return task

    def _files(self, pages: list[Page]) -> Iterator[list[pa.RecordBatch]]:
        """The batches of each chunk file of a task."""
        size = self.sizes.chunk
        if size == self.sizes.task:
            yield from _groups(pages)
            return
        for batch in (batch for page in pages for batch in page.batches):
            yield from ([batch.slice(start, size)] for start in range(0, batch.num_rows, size))

    def _note_key(self, number: int) -> str:
        return f"{self.notes}/{number:08d}.json"


def _groups(pages: list[Page]) -> Iterator[list[pa.RecordBatch]]:
    """The batches of a task, cut where a file would get larger than 64 MiB."""
    group: list[pa.RecordBatch] = []
    size = 0
    for batch in (batch for page in pages for batch in page.batches):
        if group and size + batch.nbytes > 64 << 20:
            yield group
            group, size = [], 0
        group.append(batch)
        size += batch.nbytes
    if group:
        yield group
