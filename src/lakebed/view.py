"""A view: chosen rows of one version of a dataset, fixed for ever; from a query, a slice, or a saved record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from .choosing import Choosing, views_have_no_path
from .computed import ComputedColumn
from .elsewhere import OF_DATASETS
from .indexing import RowArray
from .lineage import view_lineage, writer
from .materialising import materialise_view
from .origin import Origin
from .reading import Group
from .storage.errors import InvalidInputError
from .storage.links.base import LinkReader
from .storage.repository import Repository
from .storage.selection import Selection
from .storage.source import SampleSource
from .storage.stores import Store
from .storage.workspace import Workspace
from .subset import Subset
from .tensor import Tensor

_INSTEAD = {
    "copy": "lakebed.copy(view, path)",
    "tag": "view.save_view(id=...), which keeps these rows under a name",
}
"""What does the same as methods that a view has not, of Lakebed's datasets and of Deep Lake's views."""


class View(Choosing):
    """Chosen rows of one version, in an order of their own, read like a dataset; nothing can change it."""

    id: str | None = None
    """The id under which the view is saved; None before."""
    message: str = ""
    """The note given when it was saved."""

    def __init__(
        self,
        selection: Selection,
        origin: Origin,
        copy: SampleSource | None = None,
        tensors: tuple[str, ...] | None = None,
        id: str | None = None,
        message: str = "",
    ) -> None:
        self._selection = selection
        self._origin = origin
        self._copy = copy
        self._shown = tensors
        self.id = id
        self.message = message

    # What it is

    @property
    def query_text(self) -> str:
        """The query that made the view; "" if no query did."""
        return self._origin.query

    @property
    def path(self) -> str:
        """The path of the dataset that the view is of."""
        return self._origin.path

    @property
    def commit_id(self) -> str | None:
        """The commit that the rows belong to; None if the dataset had uncommitted changes."""
        return self._selection.snapshot.commit_id

    @property
    def sample_indices(self) -> list[int]:
        """The rows' numbers in the dataset at the view's commit, in the view's order."""
        return [int(row) for row in self._selection.rows]

    @property
    def is_view(self) -> bool:
        """True: nothing can change these rows."""
        return True

    @property
    def is_optimized(self) -> bool:
        """Whether rows are read from a materialised copy."""
        return self._copy is not None

    @property
    def read_only(self) -> bool:
        """True: nothing can change these rows."""
        return True

    @property
    def computed_columns(self) -> list[str]:
        """Names of the columns that the query computed; ``view["name"]`` reads one."""
        table = self._selection.computed
        return [] if table is None else list(table.column_names)

    def to_arrow(self, tensors: Sequence[str] | None = None) -> pa.Table:
        """The stored values of the tensors, then the columns the query computed; see `Dataset.to_arrow`.

        `tensors` may name computed columns too, and then gives the order.
        """
        computed = self._selection.computed
        if computed is None:
            return super().to_arrow(tensors)
        asked = [*self._names(), *computed.column_names] if tensors is None else tensors
        names: list[str] = []
        for name in [asked] if isinstance(asked, str) else asked:
            names += [name] if name in computed.column_names else self._full_names([name])
        stored = [name for name in names if name not in computed.column_names]
        tables = [computed, super().to_arrow(stored)] if stored else [computed]
        columns = {name: table.column(name) for table in tables for name in table.column_names}
        return pa.table({name: columns[name] for name in names})

    def lineage(self) -> dict[str, Any]:
        """What a training run should record: dataset, commit, query, view id, rows and their hash, links, copies.

        The values are JSON: ``json.dump(view.lineage(), file)``.
        """
        return view_lineage(self._selection, self._origin.workspace, self._origin.path, self._origin.query, self.id)

    def __repr__(self) -> str:
        named = f", id={self.id!r}" if self.id else ""
        at = f", commit={self.commit_id[:8]!r}" if self.commit_id else ", uncommitted"
        query = " ".join(self._origin.query.split())
        asked = f", query={query[:57] + '...' if len(query) > 60 else query!r}" if query else ""
        copied = ", optimized" if self.is_optimized else ""
        return f"View({self._origin.path!r}, rows={len(self)}{at}{named}{asked}{copied})"

    def __reduce__(self) -> tuple[Any, ...]:
        workspace = self._origin.workspace
        where = workspace.repository.store, workspace.context.links, workspace.branch or workspace.commit_id
        what = self._selection, self._copy, self._shown, self.id, self.message
        return _reopen, (*where, self._origin.path, self._origin.query, *what)

    # Saving

    def save_view(
        self,
        message: str | None = None,
        path: str | None = None,
        id: str | None = None,
        optimize: bool = False,
        tensors: Sequence[str] | None = None,
        num_workers: int = 0,
        scheduler: str = "threaded",
        verbose: bool = True,
        ignore_errors: bool = False,
        overwrite: bool = False,
    ) -> str:
        """Save the view under an id, for ever: later edits, pops and commits do not change its rows.

        What is stored are the rows' permanent ids, the columns the query computed, the query text and the commit, so
        that loading never runs the query again. Durable when this returns.

        Args:
            message: a note for people.
            path: must stay None: views are saved with their dataset.
            id: the name to save under; None takes 24 hex digits of a hash of what the view shows.
            optimize: also copy the rows for fast training, as ``ds.load_view(id, optimize=True)`` does.
            tensors: which tensors the copy holds; None copies all.
            num_workers: threads of the copy, or tasks at once.
            scheduler: of the copy: ``"threaded"`` or ``"ray"``. `verbose` is accepted for old scripts and unused.
            ignore_errors: leave rows that cannot be read out of the copy instead of raising.
            overwrite: replace a view that is saved under `id`.

        Returns:
            The view's path, whose last part is its id.

        Raises:
            StateError: kind "uncommitted-changes", the dataset has some; or "read-only".
            AlreadyExistsError: kind "view-exists", the id is taken.
        """
        if path is not None:
            raise views_have_no_path()
        record = self._origin.workspace.save_view(
            self._selection,
            id=id,
            message=message or "",
            query=self._origin.query,
            writer=writer(),
            overwrite=overwrite,
        )
        self.id, self.message = record.id, record.message
        if optimize:
            self._selection = self._origin.workspace.view_selection(record)
            on_error = "skip" if ignore_errors else "raise"
            copied = materialise_view(
                self._origin.workspace, record, tensors, num_workers, on_error, scheduler=scheduler
            )
            self._selection, self._copy = copied
        return f"{self._origin.path.rstrip('/')}/views/{record.id}"

    # Reading, for `Readable`

    def _source(self) -> SampleSource:
        return self._selection if self._copy is None else self._copy

    def _pinned(self) -> SampleSource:
        return self._source()

    def _workspace(self) -> Workspace:
        return self._origin.workspace

    def _names(self) -> tuple[str, ...]:
        return super()._names() if self._shown is None else self._shown

    def _subset(
        self,
        rows: RowArray | None,
        tensors: tuple[str, ...] | None,
        computed: pa.Table | None = None,
        query: str = "",
        aliases: Mapping[str, str] | None = None,
    ) -> View:
        selection, copy = self._selection, self._copy
        if rows is not None:
            selection = selection.select(rows)
            copy = Subset(copy, rows) if copy is not None else None
        if computed is not None:
            selection = Selection(selection.snapshot, selection.rows, computed)
        known = self._origin.aliases if aliases is None else aliases
        origin = replace(self._origin, query=_chained(self._origin.query, query), aliases=known)
        return View(selection, origin, copy, tensors or self._shown)

    def _numbers(self) -> list[int]:
        return self.sample_indices

    def _absent(self, name: str) -> str:
        if name in _INSTEAD:
            return f"; instead: {_INSTEAD[name]}"
        if name in OF_DATASETS:
            return f"; a view is fixed: use {name} of the dataset, and make the view again"
        return super()._absent(name)

    def _view(self, selection: Selection, origin: Origin, tensors: tuple[str, ...] | None) -> View:
        return View(selection, origin, None, tensors)

    def _full_names(self, names: Sequence[str]) -> list[str]:
        asked = [names] if isinstance(names, str) else names
        for name in asked:
            if name in self.computed_columns:
                raise InvalidInputError(
                    f"{name!r} is a column that the query computed, no tensor",
                    kind="computed-column",
                    hint=f"its values: view[{name!r}].numpy(), or view.to_arrow()",
                )
        return super()._full_names(asked)

    def _find(self, name: str) -> Tensor | Group | ComputedColumn | None:  # type: ignore[override]  # one kind more
        table = self._selection.computed
        if table is not None and name in table.column_names:
            return ComputedColumn(name, table.column(name))
        return super()._find(self._origin.aliases.get(name, name))


def _reopen(store: Store, links: LinkReader, ref: str, path: str, query: str, selection: Selection, *rest: Any) -> View:
    """A view in another process; the way `View` pickles."""
    workspace = Workspace(Repository.open(store, links), ref, read_only=True)
    return View(selection, Origin(workspace, path, query), *rest)


def _chained(first: str, second: str) -> str:
    """The text of a query on a queried view: what was asked first, then what was asked of its rows."""
    return f"{first}\n-- and of these rows:\n{second}" if first and second else first or second
