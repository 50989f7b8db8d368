from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.tql.catalogue import FUNCTIONS

from face_data import CLASSES, street
from lakebed.shell.commands import COMMANDS
from lakebed.shell.completion import Suggestion, complete, fits, quoted_name
from lakebed.shell.names import Column, Names, functions, names_of
from lakebed.shell.paths import local_paths

NAMES = Names(
    columns=(
        Column("boxes", "bbox"),
        Column("categories", "class_label, 4 classes", ("car", "bus", "traffic light", "it's")),
        Column("weather", "class_label, 2 classes", ("sunny", "rain")),
        Column("labels/text", "text"),
        Column("time", "generic"),
    ),
    branches=("main", "night"),
    tags=("v1",),
    commits={"0123456789abcdef": "made"},
    views={"cars": "Photos with cars"},
)


def no_paths(_: str) -> list[str]:
    return []


def found(text: str, asked: bool = True) -> list[Suggestion]:
    return complete(text, NAMES, no_paths, asked)


def texts(text: str) -> list[str]:
    return [suggestion.text for suggestion in found(text)]


def applied(text: str, number: int = 0) -> str:
    """The text after the suggestion has been taken."""
    suggestion = found(text)[number]
    return text[: suggestion.start] + suggestion.text


def test_columns_come_first_then_functions_then_keywords() -> None:
    assert texts("select * where c")[:2] == ["categories", "contains("]
    assert texts("select * where c")[-1] == "cast"


def test_a_function_shows_its_arguments_and_one_line_of_help() -> None:
    (suggestion,) = found("select * where all_s")
    assert suggestion.shown == "all_strict(array, ...)"
    assert suggestion.about == FUNCTIONS["ALL_STRICT"].help


def test_only_words_that_the_grammar_allows_are_offered() -> None:
    assert texts("select * wh") == ["where"]
    assert texts("select * order ") == ["by"]
    assert texts("") == ["select", "with"]
    assert "where" not in texts("select * where ")
    assert "then" not in texts("select * ")
    assert {"where", "limit", "union", "group"} <= set(texts("select * "))


def test_an_alias_a_source_or_a_limit_is_not_a_column() -> None:
    assert "boxes" not in texts("select boxes ")
    assert "boxes" not in texts("select * from ")
    assert "boxes" not in texts("select * limit ")
    assert texts("select boxes as ") == []


def test_upper_case_is_answered_in_upper_case() -> None:
    assert texts("SELECT * WH") == ["WHERE"]
    assert texts("SELECT * WHERE CONT") == ["CONTAINS("]
    assert texts("SELECT * WHERE BOX")[0] == "boxes"


def test_nothing_pops_up_before_a_word_has_begun_unless_tab_asks() -> None:
    assert found("select ", asked=False) == []
    assert found("select b", asked=False) != []


def test_class_names_complete_inside_quotes_and_close_them() -> None:
    assert texts("select * where contains(categories, 'tr") == ["traffic light'"]
    assert texts("select * where contains(categories, 'li") == ["traffic light'"]
    assert applied("select * where contains(categories, 'LI") == "select * where contains(categories, 'traffic light'"
    assert applied("select * where contains(categories, 'it") == "select * where contains(categories, 'it''s'"


def test_class_names_are_those_of_the_column_that_is_compared() -> None:
    assert texts("select * where weather = '") == ["sunny'", "rain'"]
    assert texts("select * where categories = 'car' and weather in ('rain', '") == ["sunny'", "rain'"]
    assert len(texts("select * where 'x' = '")) == 6


def test_quoted_names_complete_to_columns() -> None:
    assert applied('select "la') == 'select "labels/text"'
    assert applied("select labe") == 'select "labels/text"'
    assert quoted_name('a"b') == '"a""b"'
    assert quoted_name("select") == '"select"'
    assert quoted_name("time") == "time"


def test_nothing_is_offered_in_comments_and_behind_unreadable_characters() -> None:
    assert texts("select * -- wh") == []
    assert texts("select #") == []


def test_a_second_query_in_the_same_input_completes_like_the_first() -> None:
    assert texts("select * limit 1; sel") == ["select"]


def test_from_completes_paths() -> None:
    assert [s.text for s in complete('select * from "da', NAMES, lambda typed: [typed + "ta/"])] == ["data/"]


def test_commands_complete_by_name_with_their_help() -> None:
    assert texts(".ch") == [".checkout"]
    assert [s.text for s in found(".")] == list(COMMANDS)
    assert found(".vi")[0].about == COMMANDS[".views"].help


def test_arguments_of_commands_complete() -> None:
    assert texts(".checkout ") == ["main", "night", "v1", "01234567"]
    assert texts(".checkout n") == ["night"]
    assert texts(".diff main v") == ["v1"]
    assert texts(".load ") == ["cars"]
    assert texts(".classes ") == ["categories", "weather"]
    assert texts(".images o") == ["on", "off"]
    assert texts(".help .op") == [".open"]
    assert texts(".help iou") == ["iou"]
    assert texts(".views ") == []
    assert texts(".nosuch ") == []
    assert [s.text for s in complete(".export o", NAMES, lambda typed: [typed + "ut/"])] == ["out/"]


def test_explain_completes_like_a_query() -> None:
    assert applied(".explain select * wh") == ".explain select * where"
    assert applied("  .explain select * where contains(categories, 'tr").endswith("'traffic light'")


@pytest.mark.parametrize("word", ["SELECT", "WITH"])
def test_what_starts_a_query_fits_into_an_empty_one(word: str) -> None:
    assert fits("", word)


@given(st.sampled_from(["select ", "select * ", "select * where ", "select * where boxes ", "select * order by "]))
def test_each_word_that_is_offered_leads_to_a_query_or_to_a_missing_rest(before: str) -> None:
    for suggestion in found(before):
        text = before + suggestion.text
        assert fits(text.rpartition(" ")[0], text.rpartition(" ")[2].removesuffix("("))


@given(st.text(max_size=40))
def test_completion_never_fails_whatever_is_typed(text: str) -> None:
    for suggestion in found(text):
        assert 0 <= suggestion.start <= len(text)
    for suggestion in found("." + text):
        assert 0 <= suggestion.start <= len(text) + 1


def test_names_are_read_from_the_dataset() -> None:
    ds = street(3)
    ds.query("select * limit 1").save_view(id="first", message="The first")
    ds.tag("v1")
    names = names_of(ds, ds)
    assert [column.name for column in names.columns] == ["images", "boxes", "categories"]
    assert names.columns[2] == Column("categories", "class_label, 4 classes", tuple(CLASSES))
    assert (names.branches, names.tags) == (("main",), ("v1",))
    assert names.views == {"first": "The first"}
    assert list(names.commits.values()) == ["made"]


def test_registered_functions_complete_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from lakebed.tql import functions as registry
    from lakebed.tql import register_function

    monkeypatch.setattr(registry, "REGISTERED", {})
    register_function(lambda x: 1.0, "brightness")
    assert functions()["BRIGHTNESS"][0] == "any"
    assert texts("select * where bri") == ["brightness("]


def test_paths_complete_with_folders_marked_and_hidden_files_hidden(tmp_path: Path) -> None:
    (tmp_path / "coco").mkdir()
    (tmp_path / "cars.csv").touch()
    (tmp_path / ".hidden").touch()
    assert local_paths(f"{tmp_path}/") == [f"{tmp_path}/coco/", f"{tmp_path}/cars.csv"]
    assert local_paths(f"{tmp_path}/ca") == [f"{tmp_path}/cars.csv"]
    assert local_paths(f"{tmp_path}/.h") == [f"{tmp_path}/.hidden"]
    assert local_paths(f"{tmp_path}/nowhere/") == []
    assert local_paths("s3://bucket/") == []
