"""Queries over datasets that are named in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .indexing import RowArray
from .origin import Opener
from .results import answer
from .storage.selection import Selection
from .view import View

if TYPE_CHECKING:
    import pyarrow as pa


def query(
    query_string: str,
    token: str | None = None,
    creds: Any = None,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    seed: int | None = None,
) -> Any:
    """Run a TQL query that names its datasets by path: ``select * from "hub://org/name@v1" where ...``.

    Args:
        query_string: the text.
        token: accepted for old scripts and unused, as `creds` is.
        params: values for ``?`` (a sequence) or ``:name`` (a mapping) in the text.
        seed: makes SAMPLE BY and RANDOM() repeatable.

    Returns:
        A `View` if the rows are of one dataset, `Groups` if the query groups, else a `ResultTable`.

    Raises:
        TQLError: the text cannot be understood.
        NotFoundError: there is no such dataset or version.
    """
    from .engine import run

    opener = Opener()
    result = run(None, query_string, params, resolve=opener, seed=seed)

    def view_of(
        rows: RowArray, tensors: tuple[str, ...] | None, computed: pa.Table | None, aliases: Mapping[str, str]
    ) -> View:
        snapshot, origin = opener.origin_of(result.sources[result.source], query_string, aliases)
        return View(Selection(snapshot, rows, computed), origin, None, tensors)

    return answer(result, query_string, view_of)
