"""Where the rows of a view come from, as a JSON record to keep beside a trained model."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .storage.selection import Selection
from .storage.workspace import Workspace


def writer() -> str:
    """This program and its version, as saved views record it."""
    try:
        return f"lakebed {version('lakebed')}"
    except PackageNotFoundError:  # run from the source tree without an installation
        return "lakebed"


def view_lineage(
    selection: Selection, workspace: Workspace, path: str, query: str, view_id: str | None
) -> dict[str, Any]:
    """Dataset, commit, query, rows and their hash, linked files, and the materialised copy if there is one."""
    commit = selection.snapshot.commit_id
    return {
        "dataset": {"path": path, "uuid": workspace.repository.uuid},
        "commit": _commit(workspace, commit),
        "query": query or None,
        "rows": {
            "count": len(selection),
            "indices": selection.rows.tolist(),
            "ids_sha256": hashlib.sha256(selection.row_ids.astype("<i8").tobytes()).hexdigest(),
        },
        "sources": {spec.name: _sources(selection, spec.column) for spec in selection.schema if _plain_link(spec)},
        "view": _view(workspace, view_id),
        "engine": writer(),
    }


def _plain_link(spec: Any) -> bool:
    return bool(spec.link and not spec.sequence)


def _commit(workspace: Workspace, commit: str | None) -> dict[str, Any] | None:
    if commit is None:
        return None
    info = workspace.commit_info(commit)
    return {"id": info.id, "message": info.message, "author": info.author, "time": info.time, "branch": info.branch}


def _sources(selection: Selection, column: str) -> list[str | None]:
    urls: list[str | None] = selection.table([column]).column(0).to_pylist()
    return urls


def _view(workspace: Workspace, view_id: str | None) -> dict[str, Any] | None:
    if view_id is None:
        return None
    record = workspace.view(view_id)
    # Copies are named by the hash of their content, so a name is enough to tell that they are the same.
    files = [stat.key for stat in workspace.repository.store.list(f"views/{view_id}/")] if record.index else []
    return {
        "id": record.id,
        "message": record.message,
        "saved": record.created,
        "writer": record.writer,
        "files": files,
    }
