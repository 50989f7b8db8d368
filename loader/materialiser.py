"""The materialiser: copies the rows of a source, links fetched, into chunk files made for streaming.

Rows are cut into tasks of one chunk file each, or of a page full of small ones. A finished task leaves a small note
under the run's fingerprint, so that a run that was killed, or a second process at work on the same view, finds it and
goes on from there. Chunk files
and the index are named by their content, nothing refers to them until the index is complete, and the index itself is
unseen until the caller publishes its key.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import xxhash

from ..storage.schema import Schema, TensorSpec
from ..storage.source import SampleSource
from ..storage.stores.base import Store
from .advice import advice
from .copying import copy_by_threads
from .facts import Facts
from .geometry import check_resizable
from .images import is_image
from .index import Index
from .options import MaterialiseOptions
from .order import permutation
from .pages import PAGE_BYTES, PAGE_ROWS, read_page
from .progress import Progress
from .ray_materialise import ray_tasks
from .recipe import Ints, Recipe
from .writing import NOTE_FORMAT, Sizes, Task, TaskWriter

MIN_CHUNK_BYTES = 1 << 20
MIN_CHUNKS = 64
_PROBE_ROWS = 8


def materialise(source: SampleSource, store: Store, prefix: str, options: MaterialiseOptions | None = None) -> Index:
    """Copy `source` into chunk files below `prefix` of `store` and return their index, which is then stored as well.

    Nothing else refers to the files yet: the caller publishes ``prefix`` and ``index.key``. A second run with the same
    source and options finds finished chunks of a first one that was stopped; two runs at once share their work.

    Args:
        source: what to copy; linked files are read.
        prefix: such as ``"views/<id>"``.
        options: see `MaterialiseOptions`.

    Raises:
        LakebedError: a row cannot be read and ``on_error="raise"``; the class is that of the cause (StorageError,
            SampleError, DamageError) and the place names row, row id, tensor and URL.
        StorageError: the store refuses to write; what is finished is kept for the next run. Kind "not-shared": it is
            one that the nodes of a Ray cluster do not see.
        StateError, WorkerError: with ``scheduler="ray"``, there is no cluster, or a task fails on every node.
    """
    chosen = options or MaterialiseOptions()
    recipe = _recipe(source, chosen)
    order = _write_order(len(source), chosen)
    sizes = _sizes(recipe, order, chosen)
    notes = f"{prefix}/notes/{_fingerprint(recipe, order, chosen, sizes)}"
    writer = TaskWriter(recipe, store, prefix, notes, sizes)
    with Progress(len(source), shown=chosen.progress) as progress:
        if chosen.scheduler == "ray":
            tasks = _on_cluster(writer, order, chosen, progress)
        else:
            tasks = copy_by_threads(writer, order, chosen.num_workers, progress)
    index = _assemble(recipe, tasks, chosen)
    store.put(f"{prefix}/{index.key}", memoryview(index.data).cast("B"))
    for stat in list(store.list(f"{notes}/")):
        store.delete(stat.key)
    if chosen.progress and (said := advice(index)):
        print(said)  # it stands below the progress bar, and is asked for with it
    return index


def _recipe(source: SampleSource, options: MaterialiseOptions) -> Recipe:
    names = options.tensors if options.tensors is not None else [s.name for s in source.schema if not s.hidden]
    chosen = [source.schema[name] for name in names]
    schema = Schema(tuple(_stored_spec(spec, options) for spec in chosen))
    if options.policy.resizes:
        check_resizable(schema, sum(map(is_image, schema)))
    linked = [spec for spec in chosen if spec.link and not spec.sequence]
    table = source.table([spec.column for spec in linked]) if linked else None
    return Recipe(
        source=source,
        schema=schema,
        policy=options.policy,
        skip=options.on_error == "skip",
        strict=options.on_error == "raise",
        row_ids=np.asarray(source.row_ids, np.int64),
        urls={spec.name: table.column(spec.column) for spec in linked} if table is not None else {},
    )


def _stored_spec(spec: TensorSpec, options: MaterialiseOptions) -> TensorSpec:
    stored = spec.unlinked()
    if is_image(spec) and options.policy.kind == "jpeg":
        return replace(stored, sample_compression="jpeg")
    return stored


def _write_order(count: int, options: MaterialiseOptions) -> Ints:
    if options.order == "view":
        return np.arange(count, dtype=np.int64)
    return permutation(count, options.seed, 0, 0)


def _sizes(recipe: Recipe, order: Ints, options: MaterialiseOptions) -> Sizes:
    """Judged by the first rows to be written."""
    if len(order) == 0:
        return Sizes(1, 1)
    mean = max(1, _probe(recipe, order))
    target = min(options.chunk_bytes, max(MIN_CHUNK_BYTES, mean * len(order) // MIN_CHUNKS))
    return Sizes(chunk=max(1, target // mean), page=min(PAGE_ROWS, max(1, PAGE_BYTES // mean)))


def _probe(recipe: Recipe, order: Ints) -> int:
    """Bytes of an average row."""
    lenient = Recipe(
        recipe.source, recipe.schema, recipe.policy, True, False, recipe.row_ids, recipe.urls
    )  # what is wrong with these rows is said when their turn comes
    page = read_page(lenient, order[:_PROBE_ROWS])
    return page.nbytes // max(1, len(page.rows))


def _fingerprint(recipe: Recipe, order: Ints, options: MaterialiseOptions, sizes: Sizes) -> str:
    """Names a run: the same for every process that would write the same files."""
    digest = xxhash.xxh3_128(json.dumps(options.to_json(), sort_keys=True, default=str).encode())
    digest.update(json.dumps(recipe.schema.to_json(), sort_keys=True).encode())
    digest.update(np.ascontiguousarray(recipe.row_ids).view(np.uint8).data)
    digest.update(np.ascontiguousarray(order).view(np.uint8).data)
    digest.update(f"{sizes.chunk} {sizes.task} {NOTE_FORMAT} {pa.__version__}".encode())
    return digest.hexdigest()


def _on_cluster(writer: TaskWriter, order: Ints, options: MaterialiseOptions, progress: Progress) -> list[Task]:
    """Every task, as tasks of a Ray cluster."""
    rows = writer.sizes.task
    parts = enumerate(order[start : start + rows] for start in range(0, len(order), rows))
    tasks = []
    for task, found in ray_tasks(writer, parts, options.num_workers):
        progress.add(len(task.rows), task.nbytes, skipped=found)
        tasks.append(task)
    return tasks


def _assemble(recipe: Recipe, tasks: list[Task], options: MaterialiseOptions) -> Index:
    facts = Facts()
    for task in tasks:
        facts.merge(task.facts)
    view_rows = np.array([row for task in tasks for row in task.rows], dtype=np.int64)
    storage = np.argsort(view_rows, kind="stable").astype(np.int64, copy=False)
    return Index(
        schema=recipe.schema,
        info={name: dict(recipe.source.info(name)) for name in ("", *recipe.schema.names)},
        chunks=tuple(chunk for task in tasks for chunk in task.chunks),
        view_rows=view_rows,
        row_ids=recipe.row_ids[view_rows[storage]],
        storage=storage,
        facts=facts.to_json(),
        failures=tuple(failure for task in tasks for failure in task.failures),
        options={**options.to_json(), "linked": sorted(recipe.urls)},
    )
