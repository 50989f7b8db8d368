"""The questions of `bench/query.py`: in TQL, in SQL and NumPy by hand, and in the words of Lance and Deep Lake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from coco_labels import CLASS_NAMES
from query_data import Data, query_vector

Rows = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """One question. SQL reads ``rows`` and ``elements``; its first column is compared with our rows or values.

    `lance` is a filter of its scanner (several: each with a limit), or SQL over ``dataset`` if it begins with SELECT.
    `deeplake` is TQL, with numbers for classes.
    """

    name: str
    tql: str
    sql: str
    by_numpy: Callable[[Data], Rows] | None = None
    lance: str | tuple[str, ...] = ""
    deeplake: str = ""
    compared: bool = True
    """Draws at random are not."""


def code(name: str) -> int:
    return CLASS_NAMES.index(name)


def rows_with(data: Data, hits: Any, limit: int | None = None) -> Rows:
    """The rows of elements, found in the offsets."""
    found = np.unique(np.searchsorted(data.labels.starts, np.flatnonzero(hits), side="right") - 1)
    return found[:limit]


SEVEN = ["car", "bus", "truck", "bicycle", "motorcycle", "traffic light", "stop sign"]
VECTOR = query_vector()


def seven_by_numpy(data: Data) -> Rows:
    parts = [rows_with(data, data.labels.classes == code(name), 1000) for name in SEVEN]
    return np.unique(np.concatenate(parts))


def lengths(data: Data) -> Rows:
    return np.diff(data.labels.starts)


def longest(data: Data, count: int | None) -> Rows:
    return np.argsort(-lengths(data), kind="stable")[:count]


def best_ten(data: Data) -> Rows:
    scores = np.concatenate([chunk.to_numpy() for chunk in data.rows.column("score").chunks])
    near = np.flatnonzero(scores >= np.partition(scores, -10)[-10])
    return near[np.argsort(-scores[near], kind="stable")][:10]


def nearest(data: Data) -> Rows:
    parts = [chunk.flatten().to_numpy().reshape(len(chunk), -1) for chunk in data.rows.column("vector").chunks]
    wanted = np.array(VECTOR)
    cosine = np.concatenate([part @ wanted.astype(np.float32) / np.linalg.norm(part, axis=1) for part in parts])
    near = np.argpartition(-cosine, 10)[:10]
    return near[np.argsort(-cosine[near], kind="stable")]


car, bus, motorcycle, toaster, person = (code(name) for name in ("car", "bus", "motorcycle", "toaster", "person"))

CASES = (
    Case(
        "seven classes, each limit 1000",
        " union ".join(f"(select * where contains(categories, '{name}') limit 1000)" for name in SEVEN),
        " union ".join(
            f"(select i from rows where list_contains(categories, {code(name)}) limit 1000)" for name in SEVEN
        )
        + " order by i",
        seven_by_numpy,
        tuple(f"array_has(categories, {code(name)})" for name in SEVEN),
        " union ".join(f"(select * where contains(categories, {code(name)}) limit 1000)" for name in SEVEN),
    ),
    Case(
        "a rare class",
        "select * where contains(categories, 'toaster')",
        f"select i from rows where list_contains(categories, {toaster})",
        lambda data: rows_with(data, data.labels.classes == toaster),
        f"array_has(categories, {toaster})",
        f"select * where contains(categories, {toaster})",
    ),
    Case(
        "count of a rare class",
        "select count(*) where contains(categories, 'toaster')",
        f"select count(*) from rows where list_contains(categories, {toaster})",
        lambda data: np.array([len(rows_with(data, data.labels.classes == toaster))]),
        f"SELECT count(*) FROM dataset WHERE array_has(categories, {toaster})",
        f"select * where contains(categories, {toaster})",
    ),
    Case(
        "the most frequent class",
        "select * where contains(categories, 'person')",
        f"select i from rows where list_contains(categories, {person})",
        None,
        f"array_has(categories, {person})",
        f"select * where contains(categories, {person})",
    ),
    Case("count of all rows", "select count(*)", "select count(*) from rows", None, "SELECT count(*) FROM dataset"),
    Case(
        "all labels of one class",
        "select * where categories = 'person'",
        f"select i from rows where len(categories) > 0 and i not in (select i from elements where label <> {person}) "
        "order by i",
    ),
    Case(
        "a class and not another",
        "select * where contains(categories, 'car') and not contains(categories, 'bus')",
        f"select i from rows where list_contains(categories, {car}) and not list_contains(categories, {bus})",
        None,
        f"array_has(categories, {car}) and not array_has(categories, {bus})",
        f"select * where contains(categories, {car}) and not contains(categories, {bus})",
    ),
    Case(
        "any box wider than 300",
        "select * where any(boxes[:, 2] > 300)",
        "select distinct i from elements where w > 300 order by i",
        lambda data: rows_with(data, data.labels.boxes[:, 2] > 300),
        "SELECT DISTINCT taken FROM (SELECT taken, unnest(boxes) AS b FROM dataset) WHERE b[3] > 300",
        "select * where any(boxes[:, 2] > 300)",
    ),
    Case(
        "any motorcycle wider than 300",
        "select * where any(boxes[:, 2] > 300 and categories = 'motorcycle')",
        f"select distinct i from elements where w > 300 and label = {motorcycle} order by i",
        lambda data: rows_with(data, (data.labels.classes == motorcycle) & (data.labels.boxes[:, 2] > 300)),
        "SELECT DISTINCT taken FROM (SELECT taken, unnest(boxes) AS b, unnest(categories) AS c FROM dataset) "
        f"WHERE b[3] > 300 AND c = {motorcycle}",
        f"select * where any(logical_and(boxes[:, 2] > 300, categories == {motorcycle}))",
    ),
    Case(
        "no box narrower than 10",
        "select * where all(boxes[:, 2] >= 10)",
        "select i from rows where i not in (select i from elements where w < 10) order by i",
    ),
    Case(
        "20 rows with most boxes",
        "select * order by count(boxes) desc limit 20",
        "select i from rows order by len(boxes) desc, i limit 20",
        lambda data: longest(data, 20),
        "SELECT taken FROM dataset ORDER BY array_length(categories) DESC LIMIT 20",
        "select * order by shape(boxes)[0] desc limit 20",
    ),
    Case(
        "all rows by number of boxes",
        "select * order by count(boxes) desc",
        "select i from rows order by len(boxes) desc, i",
        lambda data: longest(data, None),
        "SELECT taken FROM dataset ORDER BY array_length(categories) DESC",
        "select * order by shape(boxes)[0] desc",
    ),
    Case(
        "best ten by score",
        "select * order by score desc limit 10",
        "select i from rows order by score desc, i limit 10",
        best_ten,
        "SELECT taken FROM dataset ORDER BY score DESC LIMIT 10",
        "select * order by score desc limit 10",
    ),
    Case(
        "best ten of a class",
        "select * where contains(categories, 'car') order by score desc limit 10",
        f"select i from rows where list_contains(categories, {car}) order by score desc, i limit 10",
        None,
        f"SELECT taken FROM dataset WHERE array_has(categories, {car}) ORDER BY score DESC LIMIT 10",
        f"select * where contains(categories, {car}) order by score desc limit 10",
    ),
    Case("all rows by score", "select * order by score", "select i from rows order by score, i"),
    Case(
        "by two columns",
        "select * order by number desc, score limit 100",
        "select i from rows order by number desc, score, i limit 100",
    ),
    Case(
        "a class and a scalar",
        "select * where contains(categories, 'car') and number > 500",
        f"select i from rows where list_contains(categories, {car}) and number > 500",
        None,
        f"array_has(categories, {car}) and number > 500",
        f"select * where contains(categories, {car}) and number > 500",
    ),
    Case(
        "a scalar",
        "select * where number = 5",
        "select i from rows where number = 5",
        None,
        "number = 5",
        "select * where number = 5",
    ),
    Case(
        "scalars, AND and OR",
        "select * where (number > 900 and score < 0.2) or number = 3",
        "select i from rows where (number > 900 and score < 0.2) or number = 3",
        None,
        "(number > 900 and score < 0.2) or number = 3",
        "select * where (number > 900 and score < 0.2) or number == 3",
    ),
    Case(
        "a list of 20 numbers",
        f"select * where number in ({', '.join(map(str, range(0, 1000, 50)))})",
        f"select i from rows where number in ({', '.join(map(str, range(0, 1000, 50)))}) order by i",
        None,
        f"number in ({', '.join(map(str, range(0, 1000, 50)))})",
    ),
    Case(
        "a range of a sorted column",
        "select * where taken between 60000 and 60100",
        "select i from rows where taken between 60000 and 60100",
        None,
        "taken between 60000 and 60100",
    ),
    Case(
        "text like",
        "select * where note like '%kitchen'",
        "select i from rows where note like '%kitchen'",
        None,
        "note like '%kitchen'",
    ),
    Case(
        "a key of JSON",
        "select * where camera['lens']['mm'] = 35",
        "select i from rows where CAST(camera->'lens'->'mm' AS INTEGER) = 35",
    ),
    Case(
        "rows of each number",
        "select number, count(*) as n group by number",
        "select count(*) from rows group by number order by min(i)",
    ),
    Case(
        "ten nearest vectors",
        f"select * order by cosine_similarity(vector, ARRAY{VECTOR}) desc limit 10",
        f"select i from rows order by list_cosine_similarity(vector, {VECTOR}::FLOAT[]) desc limit 10",
        nearest,
        "",
        f"select * order by cosine_similarity(vector, ARRAY{VECTOR}) desc limit 10",
    ),
    Case(
        "100 drawn, cars five times as likely",
        "select * sample by max_weight(contains(categories, 'car'): 5, true: 1) replace false limit 100",
        f"select i from rows order by -ln(random()) / case when list_contains(categories, {car}) then 5 else 1 end "
        "limit 100",
        compared=False,
    ),
    Case("one row by number", "select * where row_number() = 50000", "select i from rows where i = 50000"),
    Case(
        "a range of rows",
        "select * where row_number() between 100 and 199",
        "select i from rows where i between 100 and 199",
    ),
    Case(
        "computed columns of ten rows",
        "select number * 2 as twice, score where contains(categories, 'car') limit 10",
        f"select number * 2 from rows where list_contains(categories, {car}) limit 10",
    ),
)
