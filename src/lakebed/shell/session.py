"""The state of a shell: the open dataset, the rows that are asked, the last result; and how a query is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from rich.text import Text

from ..datasets import Dataset
from ..engine import interrupt
from ..reading import Readable
from ..running import run_cancellable
from ..storage.errors import StateError
from ..view import View
from .messages import footer
from .names import Names, names_of
from .pages import Page, image_columns, page_of
from .tables import IMAGE_COLUMNS, IMAGE_LINES, Screen, rows_that_fit, table


class Output(Protocol):
    """Where a session writes; `screen` may change while it runs, when the window does."""

    @property
    def screen(self) -> Screen: ...

    def lines(self, lines: Sequence[Text]) -> None:
        """Results."""

    def errors(self, lines: Sequence[Text]) -> None:
        """What went wrong."""

    def busy(self) -> AbstractContextManager[object]:
        """Entered while something runs that may take long."""


class Finished(Exception):
    """`.quit` was entered."""


class Session:
    """One user at one shell.

    Attributes:
        dataset: what is open; None before `.open`.
        view: the saved view whose rows are asked instead of the dataset's; None without `.load`.
        result: what the last query found: a `View`, `Groups` or `ResultTable`.
        limit: rows that a table shows at most.
        images: whether tables show pictures.
        timing: whether the line below a table says how long the query took.
        cancellable: whether Ctrl-C cancels a statement, and not the whole session.
    """

    def __init__(
        self,
        output: Output,
        dataset: Dataset | None = None,
        limit: int = 20,
        images: bool = True,
        timing: bool = True,
        cancellable: bool = True,
    ) -> None:
        self.output = output
        self.dataset = dataset
        self.view: View | None = None
        self.result: Any = None
        self.query = ""
        self.limit = limit
        self.images = images
        self.timing = timing
        self.cancellable = cancellable
        self._page: Page | None = None
        self._seconds: float | None = None
        self._names: Names | None = None

    # What is asked

    @property
    def asked(self) -> Readable:
        """The rows that a query without FROM is about.

        Raises:
            StateError: kind "no-dataset", nothing is open.
        """
        return self.view if self.view is not None else self.opened

    @property
    def opened(self) -> Dataset:
        """The dataset.

        Raises:
            StateError: kind "no-dataset", nothing is open.
        """
        if self.dataset is None:
            raise StateError("no dataset is open", kind="no-dataset", hint="write .open PATH")
        return self.dataset

    def open(self, dataset: Dataset | None) -> None:
        """Go over to a dataset, forgetting all about the one before."""
        self.dataset, self.view = dataset, None
        self.forget()

    def turn_to(self, view: View | None) -> None:
        """Ask the rows of `view` from now on, or those of the dataset again."""
        self.view = view
        self.forget()

    def forget(self) -> None:
        """Drop what another version made stale: names and the last result."""
        self._names, self._page, self.result, self.query = None, None, None, ""

    @property
    def names(self) -> Names:
        """What can be completed; read once a version."""
        if self._names is None:
            self._names = Names() if self.dataset is None else names_of(self.dataset, self.asked)
        return self._names

    def renew_names(self) -> None:
        """See new branches, commits and views."""
        self._names = None

    # Running

    def ask(self, query: str) -> None:
        """Run a query and show the first page of what it finds.

        Raises:
            TQLError, StorageError, Cancelled: it is forgotten; the result before stays.
        """
        found, page, seconds = self.work(lambda: self._answer(query))
        self.result, self.query, self._seconds = found, query, seconds
        self._show(page)

    def work(self, work: Callable[[], Any]) -> Any:
        """Do something that may take long.

        Raises:
            Cancelled: Ctrl-C was pressed.
        """
        if not self.cancellable:
            return work()
        with self.output.busy():
            return run_cancellable(work, interrupt)

    def more(self) -> None:
        """Show the next page of the last result.

        Raises:
            StateError: there is none.
        """
        if self._page is None or self._page.after >= self._page.total:
            raise StateError("there are no more rows", kind="no-more-rows", hint="ask a query first")
        first = self._page.after
        self._show(self.work(lambda: self._read_page(self.result, first)))

    def _answer(self, query: str) -> tuple[Any, Page, float]:
        start = time.perf_counter()
        found = answer(self.asked if self.dataset is not None else None, query)
        seconds = time.perf_counter() - start
        return found, self._read_page(found, 0), seconds

    def _read_page(self, found: Any, first: int) -> Page:
        with_images = self.images and bool(image_columns(found))
        count = rows_that_fit(self.output.screen, self.limit, with_images)
        return page_of(found, first, count, (IMAGE_COLUMNS, IMAGE_LINES) if with_images else None)

    def _show(self, page: Page) -> None:
        self._page = page
        self.output.lines([*table(page, self.output.screen), footer(page, self._seconds if self.timing else None)])


def answer(asked: Readable | None, query: str) -> Any:
    """What a query finds; without a dataset it has to name its own in FROM."""
    if asked is None:
        from ..asking import query as ask

        return ask(query)
    choose: Any = asked
    return choose.query(query)
