"""The saved views of a dataset: listed, loaded, materialised, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .handle import Handle
from .lineage import view_lineage
from .materialising import materialise_view, open_materialised
from .origin import Origin
from .storage.views import ViewRecord
from .view import View


class ViewEntry:
    """A saved view as `Dataset.get_views` lists it; `load` gives its rows."""

    def __init__(self, dataset: SavedViews, record: ViewRecord) -> None:
        self._dataset = dataset
        self._record = record

    @property
    def id(self) -> str:
        """What `load_view` and `delete_view` are given."""
        return self._record.id

    @property
    def message(self) -> str:
        """The note given when it was saved."""
        return self._record.message

    @property
    def commit_id(self) -> str:
        """The commit its rows belong to."""
        return self._record.commit.id

    @property
    def query(self) -> str:
        """The query that chose the rows; "" if no query did."""
        return self._record.query

    tql_query = query

    @property
    def virtual(self) -> bool:
        """Whether rows are read from the dataset, because there is no materialised copy."""
        return not self._record.index

    @property
    def source_dataset_path(self) -> str:
        """The path of the dataset that the view is of."""
        return self._dataset._path

    @property
    def info(self) -> dict[str, Any]:
        """What is stored of the view, as a plain dictionary."""
        return {
            "id": self.id,
            "message": self.message,
            "commit_id": self.commit_id,
            "query": self.query,
            "created": self._record.created,
            "rows": len(self),
            "virtual": self.virtual,
        }

    def __len__(self) -> int:
        return self._record.count

    def __getitem__(self, key: str) -> Any:
        return self.info[key]

    def load(self, verbose: bool = True) -> View:
        """The view's rows; from its copy if it has one."""
        return self._dataset.load_view(self.id)

    def optimize(self, tensors: Sequence[str] | None = None, num_workers: int = 0, **options: Any) -> ViewEntry:
        """Copy the rows for fast training, as ``ds.load_view(id, optimize=True)`` does."""
        self._dataset.load_view(self.id, optimize=True, tensors=tensors, num_workers=num_workers, **options)
        self._record = self._dataset._ws.view(self.id)
        return self

    def delete(self) -> None:
        """Delete the view and its copy."""
        self._dataset.delete_view(self.id)

    def __repr__(self) -> str:
        kind = "virtual" if self.virtual else "optimized"
        return (
            f"ViewEntry({self.id!r}, rows={len(self)}, commit={self.commit_id[:8]!r}, {kind}, message={self.message!r})"
        )


class SavedViews(Handle):
    """The part of `Dataset` that keeps views."""

    def get_views(self, commit_id: str | None = None) -> list[ViewEntry]:
        """All saved views, oldest first; with `commit_id` only those of that commit."""
        records = self._ws.views()
        return [ViewEntry(self, record) for record in records if commit_id in (None, record.commit.id)]

    def get_view(self, id: str) -> ViewEntry:
        """A saved view.

        Raises:
            NotFoundError: kind "unknown-view".
        """
        return ViewEntry(self, self._ws.view(id))

    def load_view(
        self,
        id: str,
        optimize: bool = False,
        tensors: Sequence[str] | None = None,
        num_workers: int = 0,
        scheduler: str = "threaded",
        progressbar: bool = True,
        on_error: str = "raise",
        runtime: str | None = None,
        **options: Any,
    ) -> View:
        """The rows of a saved view, the same ones for ever; read from its copy if it has one.

        Args:
            id: what `save_view` was given or chose.
            optimize: copy the rows into chunk files first, links fetched, if that has not been done. Training then
                streams them. The first call costs the copy; it can be stopped and goes on where it was.
            tensors: which tensors the copy holds; None copies all.
            num_workers: threads that fetch and check while copying.
            scheduler: ``"threaded"``, or ``"ray"`` to copy by tasks of the Ray cluster that this program is connected
                to, `num_workers` at once, 0 for all its processors. Nodes need a way to the dataset and its links.
            progressbar: show images per second while copying.
            on_error: for rows that cannot be read while copying: ``"raise"``, ``"skip"`` or ``"null"``.
            runtime: another name of `scheduler`.
            options: more of the copy: see `lakebed.loader.MaterialiseOptions` (``image=``, ``order=``, ``seed=``).

        Raises:
            NotFoundError: kind "unknown-view".
            StorageError: a linked file cannot be read; names row and URL. Kind "not-shared": a Ray cluster does not see
                a dataset in memory.
            StateError: kind "missing-library" or "ray-not-running": call ``ray.init(address="auto")`` first.
        """
        record = self._ws.view(id)
        origin = Origin(self._ws, self._path, record.query)
        if optimize:
            found: Any = materialise_view(
                self._ws, record, tensors, num_workers, on_error, progressbar, runtime or scheduler, **options
            )
        else:
            found = open_materialised(self._ws, record)
        selection, copy = found or (self._ws.view_selection(record), None)
        return View(selection, origin, copy, None, record.id, record.message)

    def delete_view(self, id: str) -> None:
        """Delete a saved view and its copy; the dataset's rows and the links' files stay.

        Raises:
            NotFoundError: kind "unknown-view".
        """
        self._ws.delete_view(id)

    def view_lineage(self, id: str) -> Mapping[str, Any]:
        """What `View.lineage` says of a saved view, without opening its copy."""
        record = self._ws.view(id)
        return view_lineage(self._ws.view_selection(record), self._ws, self._path, record.query, id)
