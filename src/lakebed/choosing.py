"""Ways to choose rows of a dataset or view: a query, a function, weights, a random split; each gives a view."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .dataloader import DataLoaderBuilder
from .indexing import RowArray
from .origin import Opener, Origin
from .reading import Readable
from .results import answer
from .row import Row
from .storage.errors import InvalidInputError, StateError
from .storage.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa

    from .engine.explained import Explanation
    from .transforms.functions import Pipeline


class Choosing(Readable):
    """What `Dataset` and `View` share in choosing rows."""

    @abstractmethod
    def _view(self, selection: Selection, origin: Origin, tensors: tuple[str, ...] | None) -> Readable:
        """A view of rows of any dataset."""

    def query(
        self,
        query_string: str,
        runtime: Any = None,
        return_data: bool = False,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        seed: int | None = None,
        dialect: str = "tql",
    ) -> Any:
        """The rows that a query chooses, as a view pinned to this version; columns it computes are ``view["name"]``.

        Args:
            query_string: TQL text; several lines and any case of keywords.
            runtime: accepted for old scripts and unused: queries run in this process. So is `return_data`.
            params: values for ``?`` (a sequence) or ``:name`` (a mapping) in the text.
            seed: makes SAMPLE BY and RANDOM() repeatable.
            dialect: "tql", or "sql" for a SELECT of DuckDB's SQL over a table ``dataset`` with a column for each tensor
                and ``_row``, the row number; a result with a column ``_row`` chooses these rows.

        Returns:
            A `View`. For a query that groups, `Groups`; for one whose values belong to no rows (``count(*)``, joins), a
            `ResultTable`.

        Raises:
            TQLError: the text cannot be understood; the message points at the place.
        """
        from .engine import run

        own, opener = self._pinned(), Opener()
        result = run(own, query_string, params, resolve=opener, seed=seed, dialect=dialect)

        def view_of(
            rows: RowArray, tensors: tuple[str, ...] | None, computed: pa.Table | None, aliases: Mapping[str, str]
        ) -> Readable:
            if result.sources[result.source] is own:
                return self._subset(rows, tensors, computed, query_string, aliases)
            snapshot, origin = opener.origin_of(result.sources[result.source], query_string, aliases)
            return self._view(Selection(snapshot, rows, computed), origin, tensors)

        return answer(result, query_string, view_of)

    def explain_query(self, query_string: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> Explanation:
        """How a query would run: canonical text, plan, SQL, and about how many rows; ``print`` shows all of it.

        Raises:
            TQLError: the text cannot be understood.
        """
        from .engine import explain

        return explain(self._pinned(), query_string, params, resolve=Opener())

    explain = explain_query

    def dataloader(self, ignore_errors: bool = False, verbose: bool = False) -> DataLoaderBuilder:
        """A loader described step by step: ``ds.dataloader().transform(f).batch(16).shuffle().pytorch(num_workers=4)``.

        `ignore_errors` leaves out samples that cannot be read; `verbose` is accepted for old scripts and unused.
        """
        return DataLoaderBuilder(self, {"on_error": "skip"} if ignore_errors else {})

    def filter(
        self,
        function: Callable[[Row], Any] | Pipeline | str,
        num_workers: int = 0,
        scheduler: str = "threaded",
        progressbar: bool = True,
        save_result: bool = False,
        result_path: str | None = None,
        result_ds_args: Mapping[str, Any] | None = None,
    ) -> Any:
        """A view of the rows for which `function` is true, in their order.

        Args:
            function: called with each `Row`; also one decorated with `lakebed.compute`, with its further arguments:
                ``ds.filter(has_label("car"))``. Or the text of a TQL condition, which is much faster:
                ``ds.filter("contains(labels, 'car')")``.
            num_workers: threads, processes or tasks that call the function at once; 0 calls it in this thread.
            scheduler: "threaded", "processes" or "ray", as for `Pipeline.eval`.
            progressbar: show how far it is.
            save_result: also save the view, under an id of its own; see `View.save_view`.
            result_path: must stay None, as ``save_view(path=)``. `result_ds_args` is unused.

        Raises:
            TQLError: the text is no condition; the hint says how one in Python is written in TQL.
            TransformError: `function` raised; names the row.
            StateError: kind "unsupported", `result_path` is given; with `save_result` those of `View.save_view`.
        """
        if result_path is not None:
            raise views_have_no_path()
        if isinstance(function, str):
            view = self._where(function.strip())
        else:
            from .filtering import matching_rows, question
            from .transforms.evaluation import Options

            step = question(function)
            options = Options(num_workers=num_workers, scheduler=scheduler, progressbar=progressbar)
            fixed = self._subset(None, None)
            view = fixed._subset(matching_rows(fixed, step, options), None)
        if save_result:
            view.save_view()
        return view

    def _where(self, text: str) -> Any:
        """The rows for which a TQL condition holds; a whole query is taken too."""
        from .filter_text import in_tql
        from .tql.errors import TQLError

        try:
            return self.query(text if text.lower().startswith(("select", "(", "with")) else f"select * where {text}")
        except TQLError as error:
            said = in_tql(text)
            error.hint = error.hint if said == text else f"a condition is written in TQL: {said}"
            raise

    def sample_by(
        self, weights: str | Sequence[float], replace: bool = True, size: int | None = None, seed: int | None = None
    ) -> Any:
        """A view of rows drawn at random.

        Args:
            weights: one number for each row, or a TQL weight: ``"max_weight(contains(categories, 'car'): 5)"``.
            replace: whether a row may be drawn more than once.
            size: how many; None draws as many as there are rows.
            seed: the same seed draws the same rows.

        Raises:
            InvalidInputError: negative weights, weights that are all zero, or not one for each row; a size below 0.
        """
        _check_size(size)
        if isinstance(weights, str):
            limit = "" if size is None else f" limit {size}"
            text = f"select * sample by {weights} replace {'true' if replace else 'false'}{limit}"
            return self.query(text, seed=seed)
        return self._subset(_drawn(_numbers(weights), len(self), replace, size, seed), None)

    def random_split(self, lengths: Sequence[float], seed: int | None = None) -> list[Any]:
        """Views that share no row, drawn at random.

        Args:
            lengths: numbers of rows that add up to all of them, or fractions that add up to 1.
            seed: the same seed splits the same way.

        Raises:
            InvalidInputError: the lengths do not add up.
        """
        counts = _counts(lengths, len(self))
        order = np.random.default_rng(seed).permutation(len(self)).astype(np.int64)
        ends = np.cumsum(counts)
        return [self._subset(order[end - count : end], None) for end, count in zip(ends.tolist(), counts)]


def views_have_no_path() -> StateError:
    """What is raised for a path to save a view under."""
    return StateError("views are saved with their dataset", kind="unsupported", hint="leave the path out, give id=")


def _check_size(size: Any) -> None:
    if size is not None and (not isinstance(size, (int, np.integer)) or size < 0):
        raise InvalidInputError(f"size is a number of rows from 0, found {size!r}", kind="bad-argument")


def _numbers(weights: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInputError(
            f"weights are one number for each row, or the text of a weight, found {weights!r}", kind="bad-weights"
        ) from None


def _drawn(weights: np.ndarray[Any, Any], length: int, replace: bool, size: int | None, seed: int | None) -> RowArray:
    if weights.shape != (length,):
        raise InvalidInputError(f"{length} rows need as many weights, found shape {weights.shape}", kind="bad-weights")
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() == 0:
        raise InvalidInputError("weights are numbers from 0, and not all of them 0", kind="bad-weights")
    wanted = length if size is None else size
    if not replace:
        wanted = min(wanted, int(np.count_nonzero(weights)))
    rows: RowArray = np.random.default_rng(seed).choice(length, wanted, replace, weights / weights.sum())
    return rows.astype(np.int64)


def _counts(lengths: Sequence[Any], total: int) -> list[int]:
    if not all(isinstance(length, (int, float, np.number)) and length >= 0 for length in lengths):
        raise InvalidInputError(f"{list(lengths)} are not numbers of rows from 0, or fractions", kind="bad-split")
    if all(isinstance(length, (int, np.integer)) for length in lengths) and sum(lengths) == total:
        return [int(length) for length in lengths]
    if abs(sum(lengths) - 1.0) > 1e-6:
        raise InvalidInputError(
            f"the lengths add up to {sum(lengths)}, not to {total} rows or to 1",
            kind="bad-split",
            hint="random_split([0.8, 0.2]) or random_split([100, 20])",
        )
    counts = [int(total * length) for length in lengths]
    for place in range(total - sum(counts)):
        counts[place % len(counts)] += 1
    return counts
