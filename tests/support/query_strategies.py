"""Hypothesis strategies: small datasets with every kind of column, and queries over them as text."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from lakebed.storage.schema import TensorSpec

from memory_source import MemorySource
from oracle_cells import Arr, arr, parsed_json, seq

CLASSES = ("car", "bus", "traffic light", "été")
TEXTS = ("", "a", "Ab", "b_c", "it's", "é%")
JSONS = (
    '{"a": 1, "l": [1, 2]}',
    '{"a": "b"}',
    '{"a": null}',
    "{}",
    "[1, 2]",
    '"ab"',
    "3",
    '{"a": {"b": true}, "ab": 2.5}',
)
NUMBERS = (-2, -1, 0, 1, 2, 3)
FLOATS = (-1.5, -0.25, 0.0, 0.1, 1.0, 2.5, float("nan"))


@dataclass(frozen=True)
class Sample:
    """A dataset twice: as a source for the engine, and as lists of cells for the oracle."""

    source: MemorySource
    columns: dict[str, list[Any]]

    labels = {"lab": CLASSES, "labs": CLASSES}

    def __repr__(self) -> str:
        return f"Sample({self.columns})"


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Up to eight rows; cells empty or missing now and then; boxes and labels of a row mostly as many.

    The cells come from a drawn seed: drawing each of them would take most of a test's time.
    """
    rng, size = random.Random(draw(st.integers(0, 10_000))), draw(st.integers(1, 8))

    def maybe(make: Callable[[], Any]) -> list[Any]:
        return [make() if rng.random() < 0.8 else None for _ in range(size)]

    def numbers(count: int) -> list[int]:
        return [rng.choice(NUMBERS) for _ in range(count)]

    lab = maybe(lambda: [rng.randrange(4) for _ in range(rng.randrange(4))])
    aligned = draw(st.booleans())
    counts = [len(cell or []) if aligned else rng.randrange(3) for cell in lab]
    box = [[numbers(4) for _ in range(count)] for count in counts]
    vec = [[rng.choice(FLOATS) for _ in range(2 if rng.random() < 0.8 else 0)] for _ in range(size)]
    grid = [numbers(6) for _ in range(size)]
    num, real = maybe(lambda: rng.choice(NUMBERS)), maybe(lambda: rng.choice(FLOATS))
    flag, text = maybe(lambda: rng.random() < 0.5), maybe(lambda: rng.choice(TEXTS))
    meta = maybe(lambda: rng.choice(JSONS))
    table = pa.table(
        {
            "lab": pa.array(lab, pa.list_(pa.uint32())),
            "box": pa.array(box, pa.list_(pa.list_(pa.float32(), 4))),
            "vec": pa.array(vec, pa.list_(pa.float32())),
            "grid": pa.array(grid, pa.list_(pa.int64())),
            "grid.shape": pa.array([[2, 3]] * size, pa.list_(pa.int32())),
            "num": pa.array(num, pa.int32()),
            "real": pa.array(real, pa.float32()),
            "flag": pa.array(flag, pa.bool_()),
            "text": pa.array(text, pa.string()),
            "meta": pa.array(meta, pa.string()),
        }
    )
    inner, shown = sequences(rng, size)
    for name, column in inner.items():
        table = table.append_column(name, column)
    chunked = pa.concat_tables([table.slice(0, size // 2), table.slice(size // 2)])
    cells: dict[str, list[Any]] = {
        "lab": [arr(cell or []) for cell in lab],
        "box": [Arr(tuple(np.float32(x) for b in cell for x in b), (len(cell), 4)) for cell in box],
        "vec": [arr([np.float32(x) for x in cell]) for cell in vec],
        "grid": [Arr(tuple(cell), (2, 3)) for cell in grid],
        "num": num,
        "real": [None if x is None else np.float32(x) for x in real],
        "flag": flag,
        "text": text,
        "meta": [parsed_json(x) for x in meta],
        **shown,
    }
    specs = [
        TensorSpec("lab", "lab", "class_label", dtype="uint32", ndim=1),
        TensorSpec("box", "box", "bbox", dtype="float32", ndim=2),
        TensorSpec("vec", "vec", "embedding", dtype="float32", ndim=1),
        TensorSpec("grid", "grid", dtype="int64", ndim=2),
        TensorSpec("num", "num", dtype="int32", ndim=0),
        TensorSpec("real", "real", dtype="float32", ndim=0),
        TensorSpec("flag", "flag", dtype="bool", ndim=0),
        TensorSpec("text", "text", "text", dtype="str"),
        TensorSpec("meta", "meta", "json"),
        TensorSpec("labs", "labs", "class_label", dtype="uint32", ndim=1, sequence=True),
        TensorSpec("tracks", "tracks", "bbox", dtype="float32", ndim=2, sequence=True),
        TensorSpec("grids", "grids", dtype="int64", ndim=2, sequence=True),
        TensorSpec("words", "words", "text", dtype="str", sequence=True),
    ]
    names = {"class_names": list(CLASSES)}
    return Sample(MemorySource(specs, chunked, {"lab": names, "labs": names}), cells)


def sequences(rng: random.Random, size: int) -> tuple[dict[str, pa.Array], dict[str, list[Any]]]:
    """Columns whose cells are lists of labels, boxes, matrices and texts: as stored, and for the oracle."""

    def lists(make: Callable[[], Any]) -> list[list[Any]]:
        return [[make() for _ in range(rng.randrange(4))] for _ in range(size)]

    def matrix() -> Arr:
        shape = rng.choice([(1, 2), (2, 2), (0, 2)])
        return Arr(tuple(rng.choice(NUMBERS) for _ in range(shape[0] * shape[1])), shape)

    labs = lists(lambda: [rng.randrange(4) for _ in range(rng.randrange(3))])
    tracks = lists(lambda: [[rng.choice(NUMBERS) for _ in range(4)] for _ in range(rng.randrange(3))])
    grids, words = lists(matrix), lists(lambda: rng.choice(TEXTS))
    stored = {
        "labs": pa.array(labs, pa.list_(pa.list_(pa.uint32()))),
        "tracks": pa.array(tracks, pa.list_(pa.list_(pa.list_(pa.float32(), 4)))),
        "grids": pa.array([[m.data for m in row] for row in grids], pa.list_(pa.list_(pa.int64()))),
        "grids.shape": pa.array([[m.shape for m in row] for row in grids], pa.list_(pa.list_(pa.int32()))),
        "words": pa.array(words, pa.list_(pa.string())),
    }
    boxes = [[Arr(tuple(np.float32(x) for b in cell for x in b), (len(cell), 4)) for cell in row] for row in tracks]
    cells: dict[str, list[Any]] = {
        "labs": [seq([arr(cell) for cell in row], arr(())) for row in labs],
        "tracks": [seq(row, Arr((), (0, 4))) for row in boxes],
        "grids": [seq(row, Arr((), (0, 0))) for row in grids],
        "words": [arr(row) for row in words],
    }
    return stored, cells


# --- expressions as text ---------------------------------------------------------------------------------------------

REDUCTIONS = (
    "sum", "avg", "min", "max", "count", "std", "median", "prod", "l1_norm", "l2_norm", "linf_norm",
)  # fmt: skip
NULLABLE = ("num", "real", "text", "meta", "lab", "vec", "flag", "meta['a']", "labs", "words")
OPS = ("=", "!=", "<", "<=", ">", ">=")


def pick(draw: st.DrawFn, options: Sequence[Any]) -> Any:
    """One of the options; those that are functions are called only when they are picked."""
    found = options[draw(st.integers(0, len(options) - 1))]
    return found() if callable(found) else found


@st.composite
def scalars(draw: st.DrawFn, depth: int = 2) -> str:
    """One number per row."""
    leaves = [
        "num", "real", "num", "vec[0]", "vec[-1]", "vec[5]", "box[0, 2]", "box[-1][1]", "grid[1, -1]", "grid[num, 0]",
        "lab[0]", "labs[0, 0]", "labs[-1][num]", "tracks[0, -1, 2]", "grids[1, 0, 1]", "shape(labs)[0]",
        "length(words[0])", "shape(tracks)[1]",
        str(pick(draw, NUMBERS[2:])), repr(pick(draw, (0.5, 2.5))), "shape(box)[0]", "shape(grid)[1]", "length(text)",
    ]  # fmt: skip
    if depth == 0 or draw(st.booleans()):
        return str(pick(draw, leaves))
    inner = draw(scalars(depth - 1))
    made = [
        lambda: f"({inner} {pick(draw, ('+', '-', '*', '/', '//', '%'))} {draw(scalars(depth - 1))})",
        lambda: f"(-{inner})",
        lambda: f"abs({inner})",
        lambda: f"floor({inner})",
        lambda: f"coalesce({inner}, {draw(scalars(0))})",
        lambda: f"{pick(draw, REDUCTIONS)}({draw(vectors(depth - 1))})",
        # A comparison of an array would make the result an array.
        lambda: f"case when {draw(scalars(0))} {pick(draw, OPS)} {draw(scalars(0))} then {inner} else num end",
        "dot(vec, array[1, 2])",
        "cosine_similarity(vec, array[1.5, 2])",
        "hamming_distance(vec, array[1, 2.5])",
    ]
    return str(pick(draw, made))


@st.composite
def vectors(draw: st.DrawFn, depth: int = 1) -> str:
    """An array of numbers per row."""
    leaves = [
        "lab", "vec", "grid", "box", "box[:, 2]", "box[:, -1]", "vec[::-1]", "vec[1:]", "grid[0]", "grid[:, 1]",
        "grid[::-1, 1:]", "grid[-1, ::-2]", "box[1:, 0:2]", "box[5]", "lab[:2]", "shape(grid)", "nonzero(lab)",
        "box_width(box)", "box_area(box)", "labs", "labs[0]", "labs[num]", "labs[1:]", "labs[:, 0]", "labs[::-1, 1:]",
        "tracks[:, :, 2]", "tracks[0, :, -1]", "tracks[-1]", "tracks[:2, ::-1]", "grids[0]", "grids[:, 0]",
        "grids[1:, ::-1]", "shape(grids)", "shape(tracks[1:])", "box_area(tracks)", "box_width(tracks)",
        "sum(grid, axis=0)", "max(grid, 1)", "avg(box, axis=0)", "min(box, -1)",
    ]  # fmt: skip
    if depth == 0 or draw(st.booleans()):
        return str(pick(draw, leaves))
    inner = draw(vectors(depth - 1))
    return str(
        pick(
            draw,
            [
                lambda: f"({inner} {pick(draw, ('+', '-', '*', '/', '//', '%'))} {draw(scalars(0))})",
                lambda: f"(-{inner})",
                lambda: f"abs({inner})",
            ],
        )
    )


@st.composite
def elements(draw: st.DrawFn, depth: int = 2) -> str:
    """A boolean for each element of an array."""
    if depth == 0 or draw(st.booleans()):
        op = pick(draw, OPS)
        return str(
            pick(
                draw,
                [
                    lambda: f"lab {op} '{pick(draw, CLASSES)}'",
                    lambda: f"lab {op} {draw(st.integers(-1, 4))}",
                    lambda: f"lab in ('{pick(draw, CLASSES)}', '{pick(draw, CLASSES)}')",
                    lambda: f"lab not in ({draw(st.integers(0, 4))}, 2)",
                    lambda: f"lab between '{pick(draw, CLASSES)}' and 2",
                    lambda: f"box[:, {draw(st.integers(-4, 3))}] {op} {pick(draw, NUMBERS)}",
                    lambda: f"box_area(box) {op} 2",
                    lambda: f"{draw(vectors(1))} {op} {pick(draw, (*NUMBERS, 0.1))}",
                    lambda: f"vec {op} real",
                    lambda: f"vec {op} array[0.1, 1]",
                    lambda: f"{draw(vectors(1))} {op} {draw(scalars(1))}",
                    "lab",
                    lambda: f"labs {op} '{pick(draw, CLASSES)}'",
                    lambda: f"labs in ('{pick(draw, CLASSES)}', 1)",
                    lambda: f"tracks[:, :, 2] {op} {pick(draw, NUMBERS)}",
                    lambda: f"words {op} '{pick(draw, ('a', 'Ab'))}'",
                    lambda: f"{pick(draw, ('any', 'all'))}(grid {op} 1, axis={pick(draw, (0, 1, -1))})",
                ],
            )
        )
    left, right = draw(elements(depth - 1)), draw(elements(depth - 1))
    return str(
        pick(draw, [f"({left} and {right})", f"({left} or {right})", f"(not {left})", f"logical_and({left}, {right})"])
    )


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> str:
    """A condition on rows."""
    if depth > 0 and draw(st.integers(0, 2)) == 0:
        left, right = draw(conditions(depth - 1)), draw(conditions(depth - 1))
        return str(pick(draw, [f"({left} and {right})", f"({left} or {right})", f"(not {left})"]))
    op = pick(draw, OPS)
    return str(
        pick(
            draw,
            [
                lambda: f"contains(lab, '{pick(draw, (*CLASSES, '*t*', '?a?'))}')",
                lambda: f"contains(lab, {draw(st.integers(0, 5))})",
                lambda: f"{pick(draw, ('any', 'all', 'all_strict'))}({draw(elements())})",
                lambda: draw(elements(1)),
                lambda: f"{draw(scalars(1))} {op} {draw(scalars(1))}",
                lambda: f"{draw(scalars(1))} {op} {draw(scalars(1))}",
                lambda: f"num {pick(draw, ('in', 'not in'))} (1, {pick(draw, NUMBERS)}, 2.5)",
                lambda: f"real = {pick(draw, (0.1, 2.5, 1))}",
                lambda: f"num between {draw(scalars(0))} and 2",
                lambda: f"num not between 0 and {draw(scalars(0))}",
                lambda: f"{pick(draw, NULLABLE)} is {pick(draw, ('', 'not '))}null",
                pick(draw, ("flag", "flag = true", "num", "true", "lab", "vec")),
                lambda: f"text {op} '{pick(draw, ('a', 'b_c', 'Ab'))}'",
                lambda: (
                    f"text {pick(draw, ('like', 'not like', 'ilike'))} '{pick(draw, ('a%', '*b?', '_', '?_*', ''))}'"
                ),
                lambda: f"contains(text, '{pick(draw, ('a', 'b', ''))}')",
                lambda: f"upper(text) = '{pick(draw, ('AB', 'A'))}'",
                lambda: f"concat(text, 'x') {op} 'ax'",
                lambda: f"meta['{pick(draw, ('a', 'ab'))}'] {op} {pick(draw, ('1', '2.5', chr(39) + 'b' + chr(39)))}",
                lambda: f"meta['l'][{draw(st.integers(0, 2))}] {op} 1",
                lambda: f"contains(meta, {pick(draw, (chr(39) + 'a' + chr(39), '1'))})",
                "any(keys(meta) = 'a')",
                lambda: f"contains(labs, '{pick(draw, (*CLASSES, '*t*'))}')",
                lambda: f"contains(labs[{draw(st.integers(-2, 2))}], '{pick(draw, CLASSES)}')",
                lambda: f"contains(words, '{pick(draw, ('a', 'Ab'))}')",
                lambda: f"words[0] {op} 'a'",
                lambda: f"row_number() {op} {draw(st.integers(0, 6))}",
                lambda: f"row_number() % 2 {op} 1",
            ],
        )
    )


# --- queries as text -------------------------------------------------------------------------------------------------


@st.composite
def queries(draw: st.DrawFn, depth: int = 1) -> str:
    """A query whose result is rows, with computed columns called ``x`` and ``y`` in some."""
    shapes: list[Callable[[], str]] = [
        lambda: draw(plain(depth)),
        lambda: draw(plain(depth)),
        lambda: draw(sets(depth)),
        lambda: draw(groups()),
    ]
    return str(draw(st.sampled_from(shapes))())


@st.composite
def plain(draw: st.DrawFn, depth: int) -> str:
    items = pick(
        draw,
        [
            "*",
            "*",
            "num, text",
            lambda: f"*, {draw(scalars())} as x",
            lambda: f"{draw(vectors())} as x, num",
            lambda: f"lab, ({draw(elements(1))}) as x",
        ],
    )
    distinct = pick(draw, ["", "", "", "", "distinct on (num) ", "distinct on (flag, lab) "])
    source = f" from ({draw(plain(depth - 1))})" if depth > 0 and items == "*" and draw(st.integers(0, 3)) == 0 else ""
    source = source if "num, text" not in source and " as x" not in source else ""
    where = f" where {draw(conditions())}" if draw(st.integers(0, 3)) else ""
    expand = f" expand by {draw(st.integers(0, 2))} {draw(st.integers(0, 2))}" if draw(st.integers(0, 9)) == 0 else ""
    return f"select {distinct}{items}{source}{where}{expand}{draw(tails('*' in items))}"


@st.composite
def tails(draw: st.DrawFn, whole: bool = True) -> str:
    """ORDER BY, LIMIT and OFFSET."""
    key = pick(
        draw, ["num", "real", "text", "-num", "sum(lab)", "real desc, num", "num desc nulls first", draw(scalars(1))]
    )
    order = (
        f" order by {key}{pick(draw, ('', ' desc')) if key in ('num', 'real', 'text') else ''}"
        if draw(st.integers(0, 2)) == 0
        else ""
    )
    limit = pick(draw, ["", "", " limit 3", " limit 0", " limit 2 offset 1", " offset 2", " limit 50 percent"])
    return f"{order}{limit}"


@st.composite
def sets(draw: st.DrawFn, depth: int) -> str:
    op = pick(draw, ["union", "union", "union all", "intersect", "except", "intersect all", "except all"])
    computes = draw(st.booleans())
    branches = []
    for _ in range(draw(st.integers(2, 3)) if op == "union" else 2):
        item = f"num, {draw(scalars(1))} as x" if computes else "*"
        where = f" where {draw(conditions(1))}"
        branches.append(f"(select {item}{where}{draw(tails())})")
    tail = pick(draw, ["", "", " order by num, text", " limit 3"])
    return f"{f' {op} '.join(branches)}{tail}"


@st.composite
def groups(draw: st.DrawFn) -> str:
    key = pick(draw, ["num", "flag", "lab", "flag, num", "text", "text, flag", "real"])
    first = key.split(",")[0]
    item = pick(
        draw,
        [
            "sum(real) as x",
            "count(*) as x",
            "count(*) as x",
            "lab",
            "max(real) as x, count(lab) as y",
            "any(lab = 'car') as x",
            "sum(grid) as x",
        ],
    )
    having = f" having {pick(draw, ('count(*) > 1', 'any(real > 0)', 'count(lab) > 0'))}" if draw(st.booleans()) else ""
    where = f" where {draw(conditions(1))}" if draw(st.booleans()) else ""
    order = pick(draw, ["", "", " order by count(*) desc", " limit 2"])
    if draw(st.integers(0, 2)) == 0:
        keys = dict.fromkeys(part.strip() for part in key.split(","))
        others = ", ".join(name for name in ("lab", "box", "grid", "real") if name not in keys)
        inner = f"select {', '.join(keys)}, {others}{where} group by {key}"
        return f"select * from ({inner}) where {draw(of_groups(key))}{order.replace(' order by count(*) desc', '')}"
    if draw(st.integers(0, 3)) == 0:
        names = [
            f"{name} as {letter}" for name, letter in (("box", "x"), ("vec", "y"), ("lab", "z")) if name not in key
        ]
        return f"select {first}, {', '.join(names)}{where} group by {key}{having} across space{order}"
    return f"select {first}, {item}{where} group by {key}{having}{order}"


@st.composite
def of_groups(draw: st.DrawFn, key: str) -> str:
    """A condition on sequences that GROUP BY made."""
    op, number = pick(draw, OPS), pick(draw, NUMBERS)
    made = [
        f"any(box[:, :, 2] {op} {number})",
        f"shape(box)[0] {op} 2",
        f"any(box[0] {op} {number})",
        f"real[-1] {op} 1",
        f"all(grid[:, 0] {op} {number})",
        f"grid[0, 1, 1] {op} {number}",
        f"count(box) {op} 4",
    ]
    return str(pick(draw, made if key == "lab" else [*made, "any(lab = 'car')", "contains(lab[0], 'bus')"]))
