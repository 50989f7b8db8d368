"""Every task of the materialiser by threads: files are fetched ahead while others are checked, and others written.

Fetching waits, checking decodes, writing waits for the disk; each has threads of its own, so that none stands still for
another. A bounded number of pages is under way, whatever the number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from .config import usable_cores
from .fetching import Fetched, fetch_rows
from .pages import Page, build_page
from .progress import Progress
from .recipe import Ints
from .writing import Task, TaskWriter

_FETCHING = 4
"""Pages that are fetched side by side at least, each with many links."""
_WRITING = 3
"""Tasks that may wait to be written, about 32 MiB each."""


def copy_by_threads(writer: TaskWriter, order: Ints, num_workers: int, progress: Progress) -> list[Task]:
    """Every task, taken over from its note or carried out, in order.

    `num_workers` threads check and encode; with 0 the calling thread does, while the next pages are fetched.
    """
    with ExitStack() as threads:
        fetchers = _pool(threads, max(_FETCHING, num_workers), "fetch")
        # Decoders keep a core busy each; more of them only stand in each other's way.
        checkers = _pool(threads, min(num_workers, usable_cores()), "check") if num_workers else None
        run = _Run(writer, order, progress, fetchers, checkers, 2 * num_workers + 2)
        return run.all_tasks(_pool(threads, 2, "write"))


def _pool(threads: ExitStack, count: int, name: str) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(count, thread_name_prefix=f"lakebed-{name}")
    threads.callback(pool.shutdown, cancel_futures=True)
    return pool


@dataclass(frozen=True, slots=True)
class _Part:
    """A page of a task, under way."""

    task: int
    page: Callable[[], Page]
    last: bool
    """Whether it is the task's last one."""


@dataclass(slots=True)
class _Run:
    """One pass over all tasks."""

    writer: TaskWriter
    order: Ints
    progress: Progress
    fetchers: ThreadPoolExecutor
    checkers: ThreadPoolExecutor | None
    ahead: int
    """Pages under way at once."""

    def all_tasks(self, writers: ThreadPoolExecutor) -> list[Task]:
        tasks: dict[int, Task] = {}
        growing: list[Page] = []
        written: deque[tuple[int, Future[Task]]] = deque()
        for part in self._parts(tasks):
            page = part.page()
            growing.append(page)
            self.progress.add(len(page.rows), page.nbytes)
            if part.last:
                written.append((part.task, writers.submit(self.writer.finish, part.task, growing)))
                growing = []
                while len(written) > _WRITING or (written and written[0][1].done()):
                    number, done = written.popleft()
                    tasks[number] = done.result()
        tasks.update((number, done.result()) for number, done in written)
        return [tasks[number] for number in sorted(tasks)]

    def _parts(self, tasks: dict[int, Task]) -> Iterator[_Part]:
        """The pages of all tasks that are not done, in order, begun ahead of the consumer."""
        under_way: deque[_Part] = deque()
        for number, rows, last in self._plan(tasks):
            under_way.append(_Part(number, self._begin(rows), last))
            if len(under_way) >= self.ahead:
                yield under_way.popleft()
        while under_way:
            yield under_way.popleft()

    def _begin(self, rows: Ints) -> Callable[[], Page]:
        """Start on a page; calling the result gives it."""
        recipe = self.writer.recipe
        fetched: Future[Fetched] = self.fetchers.submit(fetch_rows, recipe, rows)

        def build() -> Page:
            return build_page(recipe, fetched.result())

        return self.checkers.submit(build).result if self.checkers is not None else build

    def _plan(self, tasks: dict[int, Task]) -> Iterator[tuple[int, Ints, bool]]:
        """(task, rows, whether they are its last) of every page that is to be built."""
        size = self.writer.sizes.task
        for number in range(-(-len(self.order) // size)):
            found = self.writer.maybe_note(number)
            if found is not None:
                self.progress.add(len(found.rows), found.nbytes, skipped=True)
                tasks[number] = found
                continue
            rows = self.order[number * size : (number + 1) * size]
            pages = list(self.writer.pages(rows))
            for position, part in enumerate(pages, 1):
                yield number, part, position == len(pages)
