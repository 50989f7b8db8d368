"""Saved views of a handle's dataset: kept, listed, opened and deleted."""

from __future__ import annotations

import time
from dataclasses import replace

from .errors import AlreadyExistsError, StateError
from .exclusive import exclusive
from .handle import Handle
from .names import check_ref_name
from .objects import Staging, check_json
from .refs import CommitRef, Refs
from .selection import Selection
from .snapshot import Snapshot
from .views import ViewRecord, content_id, positions, read_rows, read_view, stage_rows, stage_view_map, view_map


class SavedViews(Handle):
    """The saved views of a dataset, seen from one handle."""

    @exclusive
    def save_view(
        self,
        selection: Selection,
        *,
        id: str | None = None,
        message: str = "",
        query: str = "",
        writer: str = "",
        overwrite: bool = False,
    ) -> ViewRecord:
        """Store a selection of a committed version. Durable when it returns.

        Raises:
            StateError: kind "uncommitted-changes".
            AlreadyExistsError: kind "view-exists": the id is taken by another view.
        """
        commit = self._commit_of(selection.snapshot)
        check_json([message, query], "the view's message or query", "bad-message")
        name = id or content_id(self.repository.uuid, commit.id, selection)
        check_ref_name(name)
        objects = self.context.objects

        def change(refs: Refs, staging: Staging) -> Refs:
            views = view_map(objects, refs)
            if name in views and not overwrite:
                raise AlreadyExistsError(
                    f"view {name!r} is there already",
                    kind="view-exists",
                    place=f"view {name!r}",
                    hint="choose another id, or pass overwrite=True",
                )
            self._check_still_there(refs)
            rows, computed = stage_rows(selection, staging)
            record = ViewRecord(name, message, query, commit, time.time(), len(selection), rows, computed, writer)
            views[name] = staging.add_json(record.to_json())
            return replace(refs, views=stage_view_map(views, staging))

        self.repository.publish("save-view", change)
        return self.view(name)

    def _commit_of(self, snapshot: Snapshot) -> CommitRef:
        if self.has_changes():
            raise StateError(
                "the dataset has uncommitted changes, and a view must be pinned to a commit",
                kind="uncommitted-changes",
                place=self.repository.store.url,
                hint='call ds.commit("...") first, then save the view (or ds.reset() to drop the changes)',
            )
        if snapshot.staging is not None:
            raise _never_committed(self.repository.store.url)
        if snapshot.commit_id is not None and snapshot.commit_id != self.commit_id:
            return self.repository.find_commit(snapshot.commit_id)
        # A query made before ds.commit() looks at the working snapshot that the commit then sealed.
        head = self._tip.head
        if head is not None and self.repository.commit(head.pointer).tree == snapshot.tree:
            return head
        raise _never_committed(self.repository.store.url)

    def view(self, view_id: str) -> ViewRecord:
        """The record of a saved view. Raises NotFoundError, kind "unknown-view"."""
        return read_view(self.context.objects, self.repository.state().refs, view_id)

    def views(self) -> list[ViewRecord]:
        """All saved views, oldest first."""
        refs = self.repository.state().refs
        records = [read_view(self.context.objects, refs, name) for name in view_map(self.context.objects, refs)]
        return sorted(records, key=lambda record: record.created)

    def view_selection(self, record: ViewRecord) -> Selection:
        """The rows of a saved view, from its own commit."""
        snapshot = self.repository.snapshot_at(record.commit)
        ids, computed = read_rows(self.context.objects, record)
        return Selection(snapshot, positions(snapshot.row_ids, ids, f"view {record.id!r}"), computed)

    def publish_materialised(self, view_id: str, index_key: str) -> ViewRecord:
        """Make materialised files visible: one log entry. If another process was faster, its files stand."""
        objects = self.context.objects

        def change(refs: Refs, staging: Staging) -> Refs:
            record = read_view(objects, refs, view_id)
            if record.index:
                return refs
            pointer = staging.add_json(replace(record, index=index_key).to_json())
            return replace(refs, views=stage_view_map({**view_map(objects, refs), view_id: pointer}, staging))

        self.repository.publish("materialise", change)
        return self.view(view_id)

    def delete_view(self, view_id: str) -> None:
        """Remove a view, then its files. Raises NotFoundError, kind "unknown-view"."""
        objects = self.context.objects

        def change(refs: Refs, staging: Staging) -> Refs:
            read_view(objects, refs, view_id)
            views = view_map(objects, refs)
            del views[view_id]
            return replace(refs, views=stage_view_map(views, staging))

        self.repository.publish("delete-view", change)
        for stat in list(self.repository.store.list(f"views/{view_id}/")):
            self.repository.store.delete(stat.key)


def _never_committed(url: str) -> StateError:
    return StateError(
        "the view looks at changes that were never committed",
        kind="uncommitted-changes",
        place=url,
        hint="run the query again and save its result",
    )
