"""Chunk files written by the nodes of a Ray cluster; the index and its publication stay with the program that asked."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import closing

from ..errors import LakebedError
from ..storage.errors import InvalidInputError, StorageError
from ..storage.stores.base import Store
from .ray_cluster import ray_map
from .recipe import Ints
from .writing import Task, TaskWriter

_HINT = "every node needs lakebed and a way to the dataset and to what it links to; see docs/training.md"


def ray_tasks(writer: TaskWriter, parts: Iterable[tuple[int, Ints]], workers: int) -> Iterator[tuple[Task, bool]]:
    """Each task and whether it was found done, in order; `workers` of them at once, 0 for as many as processors.

    Raises:
        StorageError: kind "not-shared": the store is one that other machines do not see.
        StateError: Ray is not installed, or `ray.init` was not called.
        WorkerError: a task could not be done on any node.
        LakebedError: a row cannot be read, as `materialise` says.
    """
    _expect_shared(writer.store)
    with closing(ray_map(write_in_task, _packed(writer), parts, workers, _HINT)) as results:
        for result in results:
            if isinstance(result, LakebedError):
                raise result
            _expect_seen(writer, result[0])
            yield result


def write_in_task(writer: TaskWriter, part: tuple[int, Ints]) -> tuple[Task, bool] | LakebedError:
    """One task on a node. Errors are given back, not raised: Ray would make them errors of its own."""
    number, rows = part
    try:
        # A run before this one has done it, or this very task before its node was lost.
        found = writer.maybe_note(number)
        return (found, True) if found is not None else (writer.write(number, rows), False)
    except LakebedError as error:
        return error


def _packed(writer: TaskWriter) -> bytes:
    try:
        return pickle.dumps(writer, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidInputError(
            f"the rows cannot be sent to another process: {error}",
            kind="not-picklable",
            hint="use scheduler='threaded'",
        ) from error


def _expect_shared(store: Store) -> None:
    if store.url.startswith("mem://"):
        raise StorageError(
            "a dataset in memory cannot be reached from the nodes of a Ray cluster",
            kind="not-shared",
            place=store.url,
            hint="use S3 or a folder that all nodes see, or scheduler='threaded'",
        )


def _expect_seen(writer: TaskWriter, task: Task) -> None:
    """A node that has a folder of the same name, but its own, would write where nobody finds it."""
    if not writer.holds(task):
        raise StorageError(
            "a node of the Ray cluster wrote chunk files that are not found here",
            kind="not-shared",
            place=f"{writer.store.url}/{writer.prefix}",
            hint="use S3 or a folder that all nodes see, or scheduler='threaded'",
        )
