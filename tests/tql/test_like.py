"""Patterns of LIKE: which signs mean something, and when they stand for themselves."""

from __future__ import annotations

import re

import pytest
from lakebed.tql.errors import TQLTypeError
from lakebed.tql.like import like_to_regex, plain_like
from lakebed.tql.source import Span

HERE = Span(0, 0)


@pytest.mark.parametrize(
    ("pattern", "escape", "fits", "fails"),
    [
        ("a%", "", ["a", "ab", "a\nb"], ["ba", "A"]),
        ("a*b?", "", ["abc", "axxbc"], ["ab"]),
        ("a_", "", ["a_"], ["ab"]),
        ("(ab|c)d", "", ["abd", "cd"], ["(ab|c)d", "ad"]),
        ("a|b", "", ["a|b"], ["a", "b"]),
        ("(a", "", ["(a"], ["a"]),
        (")a(", "", [")a("], ["a"]),
        ("a)(b", "", ["a)(b"], ["ab"]),
        ("!(a|b)", "!", ["(a|b)"], ["a", "!(a|b)"]),
        ("(a|!)b)", "!", ["a", ")b"], ["(a|)b)"]),
        ("!!(a|b)", "!", ["!a", "!b"], ["!!a", "!(a|b)"]),
        ("50!%", "!", ["50%"], ["50", "500", "50!%"]),
        ("a.b", "", ["a.b"], ["axb"]),
    ],
)
def test_a_pattern_fits_a_whole_text(pattern: str, escape: str, fits: list[str], fails: list[str]) -> None:
    regex = re.compile(like_to_regex(pattern, escape, False, HERE), re.DOTALL)
    assert [text for text in [*fits, *fails] if regex.fullmatch(text)] == fits


def test_ilike_does_not_look_at_case() -> None:
    assert re.fullmatch(like_to_regex("aB%", "", True, HERE), "Abc")


@pytest.mark.parametrize(("pattern", "escape"), [("a", "!!"), ("a!", "!"), ("!", "!")])
def test_an_escape_is_one_character_with_one_after_it(pattern: str, escape: str) -> None:
    with pytest.raises(TQLTypeError) as caught:
        like_to_regex(pattern, escape, False, HERE)
    assert caught.value.kind == "bad-escape"


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        ("*a%", "%a%"), ("abc", "abc"), ("", ""), ("a|b", "a|b"), ("(a", "(a"),
        ("a?", None), ("a_", None), ("a\\", None), ("(a|b)", None),
    ],
)  # fmt: skip
def test_patterns_that_sql_has_too_need_no_regular_expression(pattern: str, plain: str | None) -> None:
    assert plain_like(pattern, "", False) == plain
    assert plain_like(pattern, "!", False) is None and plain_like(pattern, "", True) is None
