from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from lakebed.shell.pieces import BAD, COMMENT, UNCLOSED, highlight, pieces

QUERY_TEXT = st.text(alphabet=st.sampled_from("sel ect'\"-/*;()\n\0é\ud8003.x="), max_size=40)


def styles(text: str, *columns: str) -> list[tuple[str, str]]:
    return [(style, part) for style, part in highlight(text, columns) if style]


def keyword_file(root: Path) -> list[str]:
    lines = (root / "grammar" / "keywords.txt").read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


def test_every_keyword_of_the_grammar_is_highlighted_in_any_case(repo_root: Path) -> None:
    for word in keyword_file(repo_root):
        assert styles(word) == [("keyword", word)]
        assert styles(word.lower()) == [("keyword", word.lower())]


def test_functions_columns_strings_numbers_and_comments_have_styles_of_their_own() -> None:
    assert styles("contains(boxes, 'car') > 1.5 -- why", "boxes") == [
        ("function", "contains"),
        ("sign", "("),
        ("column", "boxes"),
        ("sign", ","),
        ("string", "'car'"),
        ("sign", ")"),
        ("sign", ">"),
        ("number", "1.5"),
        ("comment", "-- why"),
    ]


def test_a_column_called_like_a_clause_word_is_a_column_and_a_reserved_word_never() -> None:
    assert styles("time", "time") == [("column", "time")]
    assert styles("select", "select") == [("keyword", "select")]


def test_what_is_not_finished_is_highlighted_as_what_it_will_be() -> None:
    assert styles("'traffic li") == [("string", "'traffic li")]
    assert styles('"labels/bo') == [("column", '"labels/bo')]
    assert styles("/* not yet") == [("comment", "/* not yet")]


def test_unreadable_characters_are_marked_and_the_rest_is_read_on() -> None:
    assert styles("select # where") == [("keyword", "select"), ("error", "#"), ("keyword", "where")]
    assert [piece.kind for piece in pieces("12abc and 'x")] == [BAD, "AND", UNCLOSED]


def test_a_text_that_is_much_too_long_or_full_of_errors_is_cut_into_few_pieces() -> None:
    assert pieces("x" * (1 << 21))[-1].kind == BAD
    assert len(pieces("#" * 5000)) < 100


@given(QUERY_TEXT | st.text(max_size=60))
@example("select * -- a\n/* b */ x")
@example("'\ud800' \ud800 # '\ud800")
def test_highlighting_keeps_every_character_of_any_text(text: str) -> None:
    assert "".join(part for _, part in highlight(text)) == text


@given(QUERY_TEXT)
def test_pieces_lie_one_behind_the_other_with_only_white_space_between(text: str) -> None:
    after = 0
    for piece in pieces(text):
        assert text[piece.start : piece.end] == piece.text != ""
        assert text[after : piece.start].strip() == ""
        after = piece.end
    assert text[after:].strip() == ""


def test_several_comments_in_one_gap_are_one_piece() -> None:
    (piece,) = pieces("  -- a\n  /* b */ ")
    assert (piece.kind, piece.text) == (COMMENT, "-- a\n  /* b */")
