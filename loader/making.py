"""`make_loader`: from a source and arguments to a `torch.utils.data.DataLoader`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ..storage.source import SampleSource
from .builder import Transform
from .config import LoaderArguments, check_context, check_plan, check_workers, make_builder
from .dataloader import Loader
from .dataset import BatchDataset
from .policy import OnBadSample
from .ranks import chosen_ranks, present_ranks
from .shards import Tail


def make_loader(
    source: SampleSource,
    *,
    tensors: Sequence[str] | None = None,
    transform: Transform | None = None,
    batch_size: int = 1,
    num_workers: int = 0,
    shuffle: bool = False,
    collate_fn: Callable[[list[Any]], Any] | None = None,
    drop_last: bool = False,
    decode_method: Mapping[str, str] | None = None,
    pin_memory: bool = False,
    prefetch_factor: int | None = None,
    persistent_workers: bool = False,
    return_index: bool = True,
    buffer_size: int | None = None,
    use_local_cache: bool = False,
    cache_size: int | None = None,
    progressbar: bool = False,
    seed: int | None = None,
    on_error: OnBadSample = "raise",
    max_bad: float = 0.01,
    distributed: bool | tuple[int, int] | None = None,
    tail: Tail = "balanced",
    resize: tuple[int, int] | None = None,
    min_side: int | None = None,
    transform_kwargs: Mapping[str, Any] | None = None,
    window: int | None = None,
    num_threads: int | None = None,
    timeout: float = 120.0,
    multiprocessing_context: Any = None,
    worker_init_fn: Callable[[int], None] | None = None,
) -> Loader:
    """A `torch.utils.data.DataLoader` over the rows of `source`.

    Args:
        source: a snapshot, a selection, or a materialised view.
        tensors: names of the tensors to read; None reads all.
        transform: called with a dict of NumPy arrays per row (images uint8 (H, W, C), boxes float32 (n, 4), labels
            int64 (n,); writable and C-contiguous), or a dict of callables by tensor. Runs in the workers, or with no
            workers in the calling thread.
        batch_size: rows of a batch on this rank.
        num_workers: processes that build whole batches; 0 reads and decodes in threads of this process.
        shuffle: a new random order in every epoch, fixed by `seed` and the epoch's number alone.
        collate_fn: makes a batch of the list of transformed samples. By default arrays of equal shape are stacked into
            tensors, others stay lists of tensors.
        drop_last: leave out the last, smaller batch; the same as ``tail="drop"``.
        decode_method: by tensor "numpy", "tobytes" (the stored file), "pil", or "data" (a dict).
        prefetch_factor: batches each worker (or the threads) are ahead; 2 if None.
        return_index: add "index", the row's position, to each sample.
        buffer_size: accepted for old scripts and unused, since no buffer is needed for shuffling here. So are
            `use_local_cache`, `cache_size` and `progressbar`.
        seed: of the order; None draws one (under torch.distributed: 0, since ranks must agree).
        on_error: for samples that cannot be read: "raise", "skip", "substitute" by another row, or "blank".
        max_bad: share of the rows that may be bad before an error is raised all the same.
        distributed: (rank, world size), or False for none; by default torch.distributed is asked at every epoch, so
            that a loader may be made before the process group, as one is that is given to a trainer.
        tail: see `ShardPlan`; with "pad" samples also hold "valid", False for a row that only fills its batch.
        resize: deliver images at (height, width), decoded at a fraction where possible; boxes are scaled along.
        min_side: JPEGs may be decoded at a fraction while the shorter side keeps this many pixels.
        transform_kwargs: keyword arguments for `transform`.
        window: chunk files that are shuffled together; 0 all. By default all of a local view, 16 of a streamed one.
        num_threads: decoding threads when `num_workers` is 0; by default one per core.
        timeout: seconds after which waiting for a batch is an error.

    Raises:
        InvalidInputError, NotFoundError: an argument does not fit the source.
    """
    check_workers(num_workers)
    check_context(multiprocessing_context)
    ranks = chosen_ranks(distributed)
    world = (ranks or present_ranks()).world
    arguments = LoaderArguments(
        tensors=tensors,
        transform=transform,
        transform_kwargs=dict(transform_kwargs or {}),
        batch_size=batch_size,
        shuffle=shuffle,
        collate_fn=collate_fn,
        drop_last=drop_last,
        tail=tail,
        decode_method=decode_method or {},
        return_index=return_index,
        resize=resize,
        min_side=min_side,
        window=window,
        seed=seed,
        on_error=on_error,
        max_bad=max_bad,
        num_threads=num_threads,
        prefetch_factor=prefetch_factor,
        timeout=timeout,
    )
    check_plan(source, arguments, world)
    chosen = seed if seed is not None else _seed(world)
    dataset = BatchDataset(source, arguments, make_builder(source, arguments, torch=True), chosen, ranks)
    return Loader(
        dataset,
        chosen,
        num_workers,
        pin_memory=pin_memory,
        prefetch_factor=(prefetch_factor or 2) if num_workers else None,
        persistent_workers=persistent_workers and num_workers > 0,
        timeout=timeout if num_workers else 0,
        multiprocessing_context=multiprocessing_context if num_workers else None,
        worker_init_fn=worker_init_fn,
    )


def _seed(world: int) -> int:
    # Follows torch.manual_seed, as torch's own random sampler does.
    return 0 if world > 1 else int(torch.empty((), dtype=torch.int64).random_().item())
