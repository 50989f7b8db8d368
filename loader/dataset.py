"""The iterable dataset behind a loader: yields whole batches, in this process or in workers."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from ..errors import LakebedError
from ..storage.source import SampleSource
from .builder import BatchBuilder, Built
from .config import LoaderArguments, make_plan, thread_options
from .pipeline import build_here, build_inline
from .plan import EpochPlan
from .ranks import ALONE, Ranks, present_ranks
from .samples import SampleDict
from .slots import SlotPool
from .transport import AVAILABLE, BatchMemory, Sender

_MOST_WORKERS = 4096


@dataclass(frozen=True, slots=True)
class Delivery:
    """What travels from the builder to the loader's iterator beside each batch."""

    step: int
    built: Built | None
    failure: LakebedError | None = None
    notes: tuple[str, ...] = ()

    def pin_memory(self, device: Any = None) -> Delivery:
        """Called by torch's pinning thread."""
        from dataclasses import replace

        from torch.utils.data._utils.pin_memory import pin_memory

        if self.built is None:
            return self
        pinned = pin_memory(self.built.batch, device)  # type: ignore[no-untyped-call]  # torch's
        return replace(self, built=replace(self.built, batch=pinned))


class BatchDataset(IterableDataset[Delivery]):
    """One iteration yields the batches of one epoch on one rank; in a worker, those whose turn is its own.

    A `Loader` calls `begin` before each iteration and gets a `Delivery` for each batch; persistent workers learn of it
    through shared memory. Another DataLoader around this dataset, as accelerate makes one, gets plain batches, of all
    rows unless `ranks` are given, since it shares them out itself; each of its iterations is the next epoch.
    """

    def __init__(
        self,
        source: SampleSource,
        arguments: LoaderArguments,
        builder: BatchBuilder,
        seed: int,
        ranks: Ranks | None,
    ) -> None:
        super().__init__()
        self.source = source
        self.arguments = arguments
        self.builder = builder
        self._ranks = ranks
        self.token = ""
        self._now = (0, 0, seed, *astuple(ALONE))
        self._announced = torch.zeros(len(self._now), dtype=torch.int64)
        self._announced.share_memory_()  # type: ignore[no-untyped-call]  # torch's
        self._iterated = False
        self.driven = False
        """Whether a `Loader` is about to iterate."""
        self._own_epochs = torch.zeros(_MOST_WORKERS, dtype=torch.int64)
        self._own_epochs.share_memory_()  # type: ignore[no-untyped-call]  # torch's
        self._sender: Sender | None = None
        self._pool = SlotPool()

    def begin(self, epoch: int, start: int, seed: int, token: str) -> None:
        """Set what the next iteration is."""
        self._now = (epoch, start, seed, *astuple(self.ranks))
        self._announced.copy_(torch.tensor(self._now, dtype=torch.int64))
        self.token = token

    @property
    def ranks(self) -> Ranks:
        """Those given, or those of torch.distributed."""
        return self._ranks or present_ranks()

    def plan(self, epoch: int, start: int, seed: int, ranks: Ranks | None = None) -> EpochPlan:
        """The batches of this rank."""
        return make_plan(self.source, self.arguments, ranks or self.ranks, epoch, start, seed)

    def __len__(self) -> int:
        """Batches of a whole epoch, as another DataLoader gets them; see `Loader.__len__`."""
        return self.plan(0, 0, 0, self._ranks or ALONE).shards.steps

    def __iter__(self) -> Iterator[Any]:
        if not self.driven:
            return self._plain(get_worker_info())
        worker = get_worker_info()
        if worker is None:
            return self._in_process(self._planned(self._now))
        # A worker's first epoch is the one it was started for; a persistent one is told of later epochs.
        now = tuple(self._announced.tolist()) if self._iterated else self._now
        self._iterated = True
        return self._in_worker(self._planned(now), worker.id, worker.num_workers)

    def _planned(self, now: tuple[int, ...]) -> EpochPlan:
        epoch, start, seed, rank, world = now
        return self.plan(epoch, start, seed, Ranks(rank, world))

    def _plain(self, worker: Any) -> Iterator[Any]:
        """Batches alone, for a consumer that knows nothing of deliveries."""
        place = 0 if worker is None else worker.id
        plan = self.plan(int(self._own_epochs[place]), 0, self._now[2], self._ranks or ALONE)
        self._own_epochs[place] += 1  # in shared memory: another DataLoader may start its workers anew for each epoch
        if worker is None:
            return (_as_dict(found.built.batch) for found in self._in_process(plan) if found.built is not None)
        batches = plan.batches(worker.id, worker.num_workers)
        return (_as_dict(built.batch) for _, built in build_inline(self.builder, batches, lambda _: {}))

    def _in_process(self, plan: EpochPlan) -> Iterator[Delivery]:
        threads = thread_options(self.arguments)
        for batch, done in build_here(self.builder, plan.batches(ahead=threads.ahead), threads, self._pool):
            yield Delivery(batch.step, done)

    def _in_worker(self, plan: EpochPlan, worker: int, workers: int) -> Iterator[Any]:
        if AVAILABLE and self._sender is None:
            self._sender = Sender(self.token)
        sender = self._sender
        memory = BatchMemory(sender, dict(self.builder.uniform)) if sender else None
        step = -1
        try:
            batches = build_inline(self.builder, plan.batches(worker, workers), memory or (lambda _: {}))
            for batch, done in batches:
                step = batch.step
                delivery = Delivery(step, done)
                yield sender.pack(delivery, memory.lease if memory else None) if sender else delivery
        except LakebedError as error:
            # torch would keep only the text; the consumer raises the error itself.
            yield Delivery(step + workers, None, error, tuple(getattr(error, "__notes__", ())))
        except Exception as error:
            text = "".join(traceback.format_exception(error))
            wrapped = LakebedError(
                f"a worker of the loader failed: {type(error).__name__}: {error}", kind="worker-failed"
            )
            yield Delivery(step + workers, None, wrapped, (text,))


def _as_dict(batch: Any) -> Any:
    """A batch as torch's own helpers know it: they take the values that a `SampleDict` iterates over for keys."""
    return dict(batch.items()) if isinstance(batch, SampleDict) else batch
