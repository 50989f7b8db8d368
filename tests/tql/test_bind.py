"""Names, types and class labels are resolved before anything is read; what cannot be is refused with its place."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from lakebed.tql import nodes, parse
from lakebed.tql.bind import BoundTree, bind
from lakebed.tql.bound import Base, BoundSelect, Compare, Const, Logic, Member, Reduce, Ref
from lakebed.tql.catalogue import FUNCTIONS
from lakebed.tql.errors import TQLError, TQLLimitError, TQLNameError, TQLTypeError
from lakebed.tql.schema import ColumnInfo, DatasetSchema, Kind
from lakebed.tql.scope import column_type
from lakebed.tql.walking import walk

SCHEMA = DatasetSchema(
    (
        ColumnInfo("labels", Kind.LABEL, "labels", "uint32", 1, class_names=("car", "bus", "traffic light")),
        ColumnInfo("boxes", Kind.BOX, "boxes", "float32", 2, coords=("pixel", "LTRB")),
        ColumnInfo("num", Kind.SCALAR, "num", "int64", 0),
        ColumnInfo("text", Kind.TEXT, "text", "str"),
        ColumnInfo("meta", Kind.JSON, "meta"),
        ColumnInfo("Num", Kind.SCALAR, "Num", "float32", 0),
        ColumnInfo("images", Kind.IMAGE, "images", url="images", shape="images.shape"),
    )
)


UNKNOWN_AXES = (("a", "int64"), ("b", "float32"))


def bound(text: str, params: Any = None) -> BoundTree:
    return bind(parse(text), SCHEMA, params)


def where(text: str, params: Any = None) -> Any:
    select = bound(f"select * where {text}", params).query.body
    assert isinstance(select, BoundSelect)
    return select.where


def test_a_class_name_becomes_its_code() -> None:
    condition = where("any(labels = 'traffic light')")
    assert isinstance(condition, Reduce) and isinstance(condition.value, Compare)
    assert isinstance(condition.value.right, Const) and condition.value.right.value == 2


def test_a_pattern_of_class_names_becomes_their_codes() -> None:
    condition = where("contains(labels, '*r*')")
    assert isinstance(condition, Reduce) and isinstance(condition.value, Member)
    assert condition.value.options == (0, 2)


def test_column_names_keep_their_case() -> None:
    names = [e.field.name for e in walk(where("num > 1 and Num > 1")) if isinstance(e, Ref)]
    assert sorted(names) == ["Num", "num"]


def test_an_array_condition_at_the_top_is_all_strict_operand_by_operand() -> None:
    condition = where("boxes[:, 2] > 1 and not labels = 'car'")
    assert isinstance(condition, Logic) and condition.op == "AND"
    first, second = condition.args
    assert isinstance(first, Reduce) and first.name == "ALL_STRICT"
    assert isinstance(second, Logic) and second.op == "NOT"
    assert isinstance(second.args[0], Reduce) and second.args[0].name == "ALL_STRICT"


def test_connectives_inside_any_are_element_wise() -> None:
    condition = where("any(boxes[:, 2] > 1 and labels = 'car')")
    assert isinstance(condition, Reduce) and isinstance(condition.value, Logic)
    assert condition.value.type.dims == (None,)


def test_long_chains_bind_without_recursion() -> None:
    condition = where(" or ".join(f"num = {i}" for i in range(3000)))
    assert isinstance(condition, Logic) and len(condition.args) == 3000


def test_elements_are_of_the_columns_dtype() -> None:
    kinds = {(kind, dtype): column_type(ColumnInfo("x", kind, "x", dtype)) for kind in Kind for dtype in ("", "int16")}
    assert kinds[Kind.BOX, ""].dtype == "float32" and kinds[Kind.BOX, "int16"].dtype == "int16"
    assert kinds[Kind.LABEL, ""].dtype == "uint32" and kinds[Kind.LABEL, "int16"].dtype == "int16"


def test_an_array_whose_axes_are_not_known_stays_one() -> None:
    schema = DatasetSchema(tuple(ColumnInfo(n, Kind.ARRAY, n, dtype, shape=f"{n}.shape") for n, dtype in UNKNOWN_AXES))
    for text in ("select a[0] as x", "(select a as x) union all (select b as x)"):
        field = bind(parse(text), schema).query.fields[0]
        assert field.type.dims is None and field.type.is_array and not field.type.nested


def test_box_functions_follow_the_columns_coords() -> None:
    output = bound("select box_width(boxes) as w").query.body.outputs[0]  # type: ignore[union-attr]  # a plain select
    assert output.value.type.base is Base.FLOAT
    assert output.value.name == "-"  # type: ignore[union-attr]  # right minus left, as the boxes are LTRB


@pytest.mark.parametrize(
    ("text", "error", "kind", "place"),
    [
        ("select nmu", TQLNameError, "unknown-column", "nmu"),
        ("select * where contains(labels, 'cra')", TQLNameError, "unknown-class", "'cra'"),
        ("select * where sizes(num) = 1", TQLNameError, "unknown-function", "sizes(num)"),
        ("select * where text = 3", TQLTypeError, "not-comparable", "text = 3"),
        ("select * where meta", TQLTypeError, "not-a-condition", "meta"),
        ("select * where num in ('a', 'b')", TQLTypeError, "not-comparable", "num in ('a', 'b')"),
        ("select * where labels like 'c%'", TQLTypeError, "like-needs-text", "labels"),
        ("select * where boxes = labels", TQLTypeError, "shape-mismatch", "boxes = labels"),
        ("select * where images = 3", TQLTypeError, "pixels", "images = 3"),
        ("select meta.a", TQLNameError, "unknown-source", "meta.a"),
        ("select * from other", TQLNameError, "unknown-dataset", "other"),
        ("select * where num = ?", TQLNameError, "missing-parameter", "?"),
        ("select * sample by boxes", TQLTypeError, "bad-weight", "boxes"),
        ("(select num) union (select text)", TQLTypeError, "branch-columns", "(select num) union (select text)"),
        ("select num as a, text as a", TQLNameError, "duplicate-name", "text as a"),
        ("select a + 1 as a", TQLTypeError, "circular-alias", "a"),
    ],
)
def test_errors_name_their_kind_and_place(text: str, error: type[TQLError], kind: str, place: str) -> None:
    with pytest.raises(error) as caught:
        bound(text)
    assert caught.value.kind == kind
    span = caught.value.span
    assert text[span.start : span.end] == place


def test_hints_name_what_was_meant() -> None:
    with pytest.raises(TQLNameError) as caught:
        bound("select meta.a")
    assert caught.value.hint == "for a key of a JSON column write meta['key']"
    with pytest.raises(TQLNameError) as caught:
        bound("select * where cotnains(labels, 'car')")
    assert caught.value.hint == "did you mean 'CONTAINS'?"


def test_nesting_ends_in_an_error_of_ours() -> None:
    query = parse("select *")
    for _ in range(5000):
        inner = nodes.Select((nodes.SelectItem(nodes.Star()),), source=nodes.QuerySource(query))
        query = nodes.Query(inner)
    with pytest.raises(TQLLimitError, match="nested too deeply"):
        bind(query, SCHEMA)


def test_every_function_has_help_and_signatures() -> None:
    for function in FUNCTIONS.values():
        assert function.help.endswith(".") and function.signatures
        assert function.name == function.name.upper()


def test_the_language_imports_no_engine() -> None:
    code = (
        "import sys, lakebed.tql.bind, lakebed.tql.plan, lakebed.tql.sql_elements, lakebed.tql.sql_relations;"
        "bad = {'duckdb', 'pyarrow', 'numpy', 'torch'} & set(sys.modules); print(','.join(sorted(bad)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.strip().split(",")) - {""}
    face = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, lakebed; print(','.join({'duckdb', 'pyarrow', 'numpy', 'torch'} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    # The package around it may load Arrow and NumPy; the language adds nothing, and DuckDB comes with a query only.
    assert loaded <= set(face.stdout.strip().split(","))
    assert "duckdb" not in loaded
