"""Datasets checked, repaired and cleaned up, by path too, because one that needs it may not open."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

from .handle import Handle
from .places import Creds, Path, find_place
from .storage.errors import DamageError, FormatError
from .storage.gc import GRACE, GcReport
from .storage.gc import gc as clean_up
from .storage.links.reader import UrlReader
from .storage.repair import RepairReport
from .storage.repair import repair as mend
from .storage.repository import Repository, no_dataset
from .storage.stores import Store
from .storage.verify import Level, VerifyReport
from .storage.verify import verify as check


def verify(
    dataset: Path | Handle, level: Level = "quick", progressbar: bool = False, creds: Creds = None
) -> VerifyReport:
    """Whether everything that a dataset refers to is there and is what was written. Changes nothing.

    Args:
        dataset: a dataset, or the path of one, also of one that cannot be opened any more.
        level: "quick" reads all metadata and looks at the sizes of all files; "full" hashes every byte; "deep" also
            decodes and checks the values.
        progressbar: show how far it is.
        creds: for S3.

    Returns:
        A report; ``report.ok``, ``report.problems``, and ``print(report)`` for people.

    Raises:
        NotFoundError: kind "no-dataset".
    """
    try:
        repository = _repository(dataset, creds)
    except (DamageError, FormatError) as error:
        if isinstance(dataset, Handle) or not _looks_like_one(find_place(dataset, creds).store, error):
            raise
        repository = Repository(find_place(dataset, creds).store, UrlReader(), "")
    with ExitStack() as stack:
        return check(repository, level, Bars(stack) if progressbar else None)


def repair(path: Path, dry_run: bool = False, progressbar: bool = False, creds: Creds = None) -> RepairReport:
    """Save what is whole of a damaged dataset, by one new log entry; nothing is deleted or overwritten.

    Branches go back to their newest version that can be read, with the rows of it that are whole; tags and views that
    lead nowhere are dropped.

    Args:
        path: of the dataset; open it anew afterwards.
        dry_run: only report what would be done.
        progressbar: show how far it is.
        creds: for S3.

    Returns:
        A report; ``report.actions``, ``report.lost_rows``, and ``print(report)`` for people.

    Raises:
        DamageError: kind "beyond-repair".
        NotFoundError: kind "no-dataset".
    """
    store = find_place(path, creds).store
    if not _has_log(store):
        raise no_dataset(store.url)
    with ExitStack() as stack:
        return mend(store, UrlReader(), dry_run, Bars(stack) if progressbar else None)


def gc(
    dataset: Path | Handle,
    dry_run: bool = True,
    grace_hours: float = GRACE / 3600,
    exclusive: bool = False,
    progressbar: bool = False,
    creds: Creds = None,
) -> GcReport:
    """Remove files that no branch, tag, view, open reader or recent state needs.

    Args:
        dataset: a dataset, or the path of one.
        dry_run: only report what would go.
        grace_hours: what was written or in use more recently stays.
        exclusive: nobody else has the dataset open, so that the grace may be under two hours.
        progressbar: show how far it is.
        creds: for S3.

    Returns:
        A report; ``report.removed``, ``report.freed``, and ``print(report)`` for people.

    Raises:
        InvalidInputError: kind "short-grace".
        DamageError: the newest state cannot be read whole, so nobody knows what it needs; nothing was removed.
    """
    repository = _repository(dataset, creds)
    with ExitStack() as stack:
        return clean_up(repository, grace_hours * 3600, dry_run, exclusive, Bars(stack) if progressbar else None)


def _looks_like_one(store: Store, error: DamageError | FormatError) -> bool:
    """Whether a dataset that does not open can be looked at all the same: damaged, but not of a later format."""
    return error.kind != "future-format" and _has_log(store)


def _has_log(store: Store) -> bool:
    return next(store.list("log/"), None) is not None


def _repository(dataset: Path | Handle, creds: Creds) -> Repository:
    if isinstance(dataset, Handle):
        dataset._ws.flush()
        return dataset._ws.repository
    return Repository.open(find_place(dataset, creds).store, UrlReader())


class Bars:
    """Progress of work in several phases, one bar each."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bars: dict[str, Any] = {}

    def __call__(self, phase: str, done: int, total: int) -> None:
        if phase not in self._bars:
            from tqdm import tqdm

            bar = tqdm(desc=phase, total=total, mininterval=0.2, disable=sys.stderr is None)
            self._bars[phase] = self._stack.enter_context(bar)
        bar = self._bars[phase]
        bar.total = total or None
        bar.update(done - bar.n)
