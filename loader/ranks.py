"""Which of how many processes that train together this one is: given, or asked of torch.distributed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..storage.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process is number `rank` of `world`."""

    rank: int = 0
    world: int = 1


ALONE = Ranks()


def chosen_ranks(distributed: bool | tuple[int, int] | None) -> Ranks | None:
    """What the argument `distributed` of a loader says; None: `present_ranks` is asked anew at every epoch.

    Raises:
        InvalidInputError: a rank outside the world, or ``distributed=True`` without torch.distributed.
    """
    if isinstance(distributed, tuple):
        if not _is_rank_in_world(distributed):
            raise InvalidInputError(
                f"distributed is (rank, world size) with 0 <= rank < world size: found {distributed}"
            )
        return Ranks(*distributed)
    if distributed is not None and not isinstance(distributed, bool):
        raise InvalidInputError(
            f"distributed is True, False, None or (rank, world size): found {distributed!r}",
            hint="distributed=(0, 3) is the first of three ranks",
        )
    if distributed and not _is_initialised():
        raise InvalidInputError("distributed=True, but torch.distributed is not initialised")
    if distributed:
        return present_ranks()
    return None if distributed is None else ALONE


def present_ranks() -> Ranks:
    """What torch.distributed says now; alone where it is not initialised."""
    import torch.distributed as dist

    return Ranks(int(dist.get_rank()), int(dist.get_world_size())) if _is_initialised() else ALONE


def _is_initialised() -> bool:
    import torch.distributed as dist

    return bool(dist.is_available() and dist.is_initialized())


def _is_rank_in_world(pair: tuple[Any, ...]) -> bool:
    return len(pair) == 2 and all(isinstance(part, int) for part in pair) and 0 <= pair[0] < pair[1]
