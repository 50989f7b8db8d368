"""Where rows go: appended to a dataset, or put in place of the rows they were made of. Only the driver writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..storage.errors import InvalidInputError, NotFoundError, StateError, StorageError
from ..storage.htypes import Payload
from .work import Outcome, failed

if TYPE_CHECKING:
    from ..datasets import Dataset

Row = Mapping[str, Any]

SEAL_BYTES = 64 << 20
"""Replaced samples that wait in memory before they are written to files of the open transaction."""


class Landing(ABC):
    """Takes outcomes in order; those that failed, or whose rows do not fit, stop it or are listed in `left_out`."""

    def __init__(self, dataset: Dataset, lenient: bool) -> None:
        self.dataset = dataset
        self.lenient = lenient
        self.left_out: list[str] = []

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """Write the rows of the outcomes.

        Raises:
            LakebedError: an input failed; nothing before it in these outcomes may be kept.
        """
        good: list[Outcome] = []
        for outcome in outcomes:
            if outcome.failure is None:
                good.append(outcome)
                continue
            self._written(good)
            good = []
            self._refused(outcome)
        self._written(good)

    @abstractmethod
    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Write all rows of these outcomes, or on an error none."""

    def _written(self, outcomes: Sequence[Outcome]) -> None:
        """Write as much as fits, in halves where something does not: n outcomes with a bad one cost log n attempts."""
        if not outcomes:
            return
        try:
            self.write(outcomes)
        except (InvalidInputError, NotFoundError, StorageError) as error:
            if len(outcomes) == 1:
                self._refused(failed(error, outcomes[0].index))
                return
            middle = len(outcomes) // 2
            self._written(outcomes[:middle])
            self._written(outcomes[middle:])

    def _refused(self, outcome: Outcome) -> None:
        failure = outcome.failure
        assert failure is not None
        if not self.lenient:
            raise outcome.raised("ignore_errors=True leaves such inputs out")
        self.left_out.append(f"{failure.place}: {failure.message}")


class Appending(Landing):
    """Rows are added at the end."""

    def __init__(self, dataset: Dataset, lenient: bool, skip_ok: bool) -> None:
        super().__init__(dataset, lenient)
        self.skip_ok = skip_ok

    def write(self, outcomes: Sequence[Outcome]) -> None:
        rows = [row for outcome in outcomes for row in outcome.rows]
        if rows:
            self.dataset.extend(rows, skip_ok=self.skip_ok)


class Replacing(Landing):
    """Each row takes the place of the one it was made of; tensors that it lacks keep their samples."""

    def __init__(self, dataset: Dataset, lenient: bool) -> None:
        super().__init__(dataset, lenient)
        self._waiting = 0

    def write(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if len(outcome.rows) != 1:
                raise InvalidInputError(
                    f"the transform gave {len(outcome.rows)} rows for one row that it replaces",
                    kind="not-one-row",
                    hint="give exactly one, or write to another dataset: eval(ds, ds_out)",
                )
            self.dataset._check_keys(outcome.rows[0], allow_missing=True)
        self._update(outcomes)
        self._waiting += sum(_weight(value) for outcome in outcomes for value in outcome.rows[0].values())
        if self._waiting > SEAL_BYTES:
            self.dataset._ws.snapshot()  # seals what waits
            self._waiting = 0

    def _update(self, outcomes: Sequence[Outcome]) -> None:
        """One update if all rows have the same tensors, as they mostly do; else one for each row."""
        names = [*outcomes[0].rows[0]]
        if len(outcomes) > 1 and any([*outcome.rows[0]] != names for outcome in outcomes):
            with self.dataset:
                for outcome in outcomes:
                    self._update([outcome])
            return
        if names:
            columns = {name: [outcome.rows[0][name] for outcome in outcomes] for name in names}
            self.dataset._ws.update([outcome.index for outcome in outcomes], columns)


class Discarding(Landing):
    """For functions that only look: a row that they give is an error."""

    def write(self, outcomes: Sequence[Outcome]) -> None:
        if any(row for outcome in outcomes for row in outcome.rows):
            raise StateError(
                "the transform gives rows, but the dataset is read-only",
                kind="read-only",
                place=self.dataset.path,
                hint="give it a dataset to write to: eval(data, ds_out)",
            )


def _weight(value: Any) -> int:
    if isinstance(value, Payload):
        return len(value.data)
    return int(getattr(value, "nbytes", 64))
