"""Saved views loaded, and copied for fast training: the join of the stored record and the loader's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from .storage.errors import InvalidInputError
from .storage.selection import Selection
from .storage.source import SampleSource
from .storage.views import ViewRecord
from .storage.workspace import Workspace


def materialise_view(
    workspace: Workspace,
    record: ViewRecord,
    tensors: Sequence[str] | None = None,
    num_workers: int = 0,
    on_error: str = "raise",
    progressbar: bool = True,
    scheduler: str = "threaded",
    **options: Any,
) -> tuple[Selection, SampleSource]:
    """Copy the rows of a saved view into chunk files, publish them, and open them; a finished copy is only opened.

    A run that was killed is resumed by the next one; of two processes that race, the first one's files stand.
    """
    from .loader import MaterialiseOptions, materialise

    if not record.index:
        chosen = MaterialiseOptions(
            tensors=tensors,
            num_workers=num_workers,
            scheduler=_scheduler(scheduler),
            on_error=on_error,  # type: ignore[arg-type]  # checked by MaterialiseOptions
            progress=progressbar,
            lineage={"dataset": workspace.repository.uuid, "commit": record.commit.id, "view": record.id},
            **options,
        )
        index = materialise(workspace.view_selection(record), workspace.repository.store, _prefix(record), chosen)
        record = workspace.publish_materialised(record.id, index.key)
    opened = open_materialised(workspace, record)
    assert opened is not None, "a view that was just materialised has an index"
    return opened


def open_materialised(workspace: Workspace, record: ViewRecord) -> tuple[Selection, SampleSource] | None:
    """The rows of a materialised view and their copy; None if there is no copy."""
    if not record.index:
        return None
    from .loader import MaterialisedView

    copy = MaterialisedView(workspace.repository.store, _prefix(record), record.index)
    selection = workspace.view_selection(record)
    if len(copy) != len(selection):
        # Rows that could not be read were left out of the copy on demand.
        selection = selection.select(copy.index.view_rows[copy.index.storage])
    return selection, copy


def _scheduler(name: str) -> Literal["threaded", "ray"]:
    """Decoders and links leave the GIL alone, so that threads do what Deep Lake has processes for."""
    if name not in ("threaded", "processed", "processes", "serial", "ray"):
        raise InvalidInputError(
            f"there is no scheduler {name!r} for a copy",
            kind="unknown-scheduler",
            hint="use 'threaded' or 'ray'; 'serial', 'processed' and 'processes' mean 'threaded' here",
        )
    return "ray" if name == "ray" else "threaded"


def _prefix(record: ViewRecord) -> str:
    return f"views/{record.id}"
