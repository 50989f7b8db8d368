from __future__ import annotations

import pytest

import lakebed
from lakebed.shell.actions import ACTIONS
from lakebed.shell.commands import ALIASES, COMMANDS, is_command, parse_command

NAMED_BY_THE_DESIGN = """
    .open .schema .classes .log .diff .branch .checkout .commit .views .save .load .explain .plot .show .export .help
    .quit
"""


def test_every_command_of_the_design_is_there_and_does_something() -> None:
    assert set(NAMED_BY_THE_DESIGN.split()) <= set(COMMANDS)
    assert set(ACTIONS) == set(COMMANDS)
    assert set(ALIASES.values()) <= set(COMMANDS)


@pytest.mark.parametrize("text", [".schema", "  .log 3", ".x"])
def test_a_dot_and_a_letter_make_a_command(text: str) -> None:
    assert is_command(text)


@pytest.mark.parametrize("text", [".5 + 1", "select .x", "", ".", ". schema"])
def test_what_a_query_could_hold_is_no_command(text: str) -> None:
    assert not is_command(text)


@pytest.mark.parametrize("text", ["exit", "quit", "QUIT;", r"\q", ":q", "exit()", " quit() \n"])
def test_words_that_leave_other_shells_leave_this_one(text: str) -> None:
    assert is_command(text)
    assert parse_command(text).command.name == ".quit"


@pytest.mark.parametrize(("text", "words"), [("help", ()), ("?", ()), (r"\?", ()), (r"\h", ()), ("Help iou;", ("iou",)),
                                             ("help .open", (".open",)), ("? shape", ("shape",))])  # fmt: skip
def test_words_that_ask_for_help_are_given_it(text: str, words: tuple[str, ...]) -> None:
    assert is_command(text)
    assert parse_command(text).command.name == ".help"
    assert parse_command(text).words == words


@pytest.mark.parametrize("text", ["select help", "help me please", "quit, exit", "exit as quit", "help where x", "\\x"])
def test_the_same_words_in_a_query_are_part_of_it(text: str) -> None:
    assert not is_command(text)


def test_words_keep_their_spaces_in_quotes_and_their_backslashes() -> None:
    assert parse_command(".diff 'a b' v1;").words == ("a b", "v1")
    assert parse_command(r'.open "C:\my data\coco"').words == (r"C:\my data\coco",)


def test_the_rest_of_a_line_is_one_text() -> None:
    call = parse_command(".save night the ones  at night")
    assert (call.words, call.tail) == (("night",), "the ones  at night")
    assert parse_command(".commit 'it''s done'").tail == "it''s done"
    assert parse_command(".explain select *\nwhere x = 'a b';").tail == "select *\nwhere x = 'a b';"


def test_names_ignore_case_and_have_short_forms() -> None:
    assert parse_command(".SCHEMA").command.name == ".schema"
    assert parse_command(".q").command.name == ".quit"
    assert parse_command(".exit").command.name == ".quit"


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        (".shema", "unknown-command", "did you mean .schema"),
        (".zzz", "unknown-command", ".help"),
        (".open", "bad-arguments", "needs PATH"),
        (".views all", "bad-arguments", "takes no argument"),
        (".open a b", "bad-arguments", "takes one argument, found 2"),
        (".diff a b c", "bad-arguments", "2 arguments at most"),
        (".commit", "bad-arguments", "needs MESSAGE"),
        (".save", "bad-arguments", "write .save ID [MESSAGE]"),
        (".open 'x", "bad-arguments", "never closed"),
    ],
)
def test_a_command_that_does_not_fit_says_what_it_takes(text: str, kind: str, part: str) -> None:
    with pytest.raises(lakebed.InvalidInputError) as caught:
        parse_command(text)
    assert caught.value.kind == kind
    assert part in str(caught.value)
