"""The dataset: what `lakebed.empty` and `lakebed.load` return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .branching import Branching
from .choosing import Choosing
from .copying import Target, copied
from .credentials import Credentials
from .housekeeping import gc, verify
from .indexing import RowArray
from .origin import Origin
from .places import Creds, Path
from .removing import delete_store
from .saved_views import SavedViews
from .storage.errors import InvalidInputError, StateError
from .storage.gc import GRACE, GcReport
from .storage.links.base import LinkReader
from .storage.repository import Repository
from .storage.selection import Selection
from .storage.source import SampleSource
from .storage.stores import Store
from .storage.verify import Level, VerifyReport
from .storage.workspace import Workspace
from .versions import Versions
from .view import View

if TYPE_CHECKING:
    import pyarrow as pa


class Dataset(Target, Versions, Branching, SavedViews, Credentials, Choosing):
    """A versioned dataset, followed on one branch or opened at an old commit.

    Tensors are created with `create_tensor`, rows written with `append` and `extend`, read by indexing, chosen with
    `query`, sealed with `commit`, and streamed into training with `pytorch`. Names and arguments are those of Deep
    Lake 3, so ``import lakebed as deeplake`` runs its scripts.

    What is written is gathered and lands at the latest with the next call after a second; `commit`, `flush`, the end of
    ``with ds:`` and the normal end of the process land it. What has landed survives a crash, committed or not.
    """

    # What it is

    @property
    def path(self) -> str:
        """The path as it was opened."""
        return self._path

    @property
    def read_only(self) -> bool:
        """Whether writing is refused: an old commit, or opened for reading. Settable on a branch."""
        return self._ws.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        if not value and self._ws.branch is None:
            raise self._read_only_error()
        if value:
            self.flush()
        self._ws.set_read_only(value)

    @property
    def is_view(self) -> bool:
        """Whether these are rows of one version that nothing can change: False for a dataset, True for a view."""
        return False

    @property
    def is_optimized(self) -> bool:
        """Whether rows are read from a materialised copy, which only views have."""
        return False

    @property
    def sample_indices(self) -> list[int]:
        """The rows' numbers in the dataset, in the order of the rows: here 0 to len - 1."""
        return list(range(len(self)))

    @property
    def meta(self) -> dict[str, Any]:
        """The dataset's identity and tensors as a plain dictionary."""
        return {"uuid": self._ws.repository.uuid, "tensors": list(self._names()), "length": len(self)}

    def size_approx(self) -> int:
        """Bytes that the dataset takes in its store, old versions and materialised views included; links are not."""
        self.flush()
        return sum(stat.size for stat in self._ws.repository.store.list())

    def verify(self, level: Level = "quick", progressbar: bool = False) -> VerifyReport:
        """Whether everything stored is there and is what was written; see `lakebed.verify`."""
        return verify(self, level, progressbar)

    def gc(
        self,
        dry_run: bool = True,
        grace_hours: float = GRACE / 3600,
        exclusive: bool = False,
        progressbar: bool = False,
    ) -> GcReport:
        """Remove files that nothing needs any more; see `lakebed.gc`. By default it only reports."""
        return gc(self, dry_run, grace_hours, exclusive, progressbar)

    def refresh(self) -> None:
        """See what other processes have landed on this branch since; what waits here is landed first."""
        self._expect_whole_rows()
        self._ws.refresh()

    def rechunk(
        self,
        tensors: Sequence[str] | None = None,
        num_workers: int = 0,
        scheduler: str = "threaded",
        progressbar: bool = True,
    ) -> None:
        """Nothing but `flush`: commits join small files by themselves. The arguments are accepted for old scripts."""
        self.flush()

    def clear_cache(self) -> None:
        """Nothing but `flush`: caches are bounded and never stale."""
        self.flush()

    def close(self) -> None:
        """Land what waits; a `with ds:` that was not left is forgotten."""
        self._ws.close()

    def delete(self, large_ok: bool = False) -> None:
        """Delete the whole dataset with its history and views; see `lakebed.delete`. Rows are removed with `pop`.

        Raises:
            InvalidInputError: `large_ok` is no bool. (In Deep Lake 4 ``ds.delete(5)`` removes a row.)
            StateError: kind "large-dataset", more than 1 GiB would go and `large_ok` is not set; or "read-only".
        """
        if not isinstance(large_ok, bool):
            raise InvalidInputError(
                f"delete() removes the whole dataset and takes no row, found {large_ok!r}",
                kind="not-a-row-call",
                place=self._path,
                hint=f"ds.pop({large_ok!r}) removes a row",
            )
        self._writable()
        self._ws.close()
        delete_store(self._ws.repository.store, self._path, large_ok)

    def copy(
        self,
        dest: Path,
        runtime: Any = None,
        tensors: Sequence[str] | None = None,
        overwrite: bool = False,
        creds: Creds = None,
        token: str | None = None,
        num_workers: int = 0,
        scheduler: str = "threaded",
        progressbar: bool = True,
        unlink: bool = False,
    ) -> Dataset:
        """Copy the rows as they are now into a new dataset, without history; see `lakebed.copy`."""
        return copied(self, Dataset, dest, tensors, creds, overwrite, unlink=unlink, progressbar=progressbar)

    def __repr__(self) -> str:
        at = f"branch={self.branch!r}" if self.branch else f"commit={(self.commit_id or '')[:8]!r}, read-only"
        changed = ", uncommitted changes" if self.has_head_changes else ""
        return f"Dataset({self._path!r}, rows={len(self)}, tensors={list(self._names())}, {at}{changed})"

    # Reading, for `Readable`

    def _pinned(self) -> SampleSource:
        # Landed rows can be handed to worker processes; inside `with ds:` they cannot land yet.
        self._ws.flush()
        return self._ws.snapshot()

    def _subset(
        self,
        rows: RowArray | None,
        tensors: tuple[str, ...] | None,
        computed: pa.Table | None = None,
        query: str = "",
        aliases: Mapping[str, str] | None = None,
    ) -> View:
        self._ws.flush()
        snapshot = self._ws.snapshot()
        chosen = np.arange(len(snapshot), dtype=np.int64) if rows is None else rows
        return View(
            Selection(snapshot, chosen, computed), Origin(self._ws, self._path, query, aliases or {}), None, tensors
        )

    def _view(self, selection: Selection, origin: Origin, tensors: tuple[str, ...] | None) -> View:
        return View(selection, origin, None, tensors)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._ws.in_transaction:
            raise StateError(
                "a dataset inside `with ds:` cannot be handed to another process",
                kind="in-transaction",
                hint="leave the with block first",
            )
        self.flush()
        ref = self.branch or self.commit_id or "main"
        return _reopen, (self._ws.repository.store, self._ws.context.links, self._path, ref, self.read_only)


def _reopen(store: Store, links: LinkReader, path: str, ref: str, read_only: bool) -> Dataset:
    """A dataset in another process; the way `Dataset` pickles."""
    return Dataset(Workspace(Repository.open(store, links), ref, read_only), path)
