"""LIKE without SQL picks the rows that SQL picks: line ends, any script, signs that patterns use, missing texts."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from lakebed.tql import plan

import lakebed
from planning import plan_anew

PLACES = count()
SIGNS = "ab%_*?.\\|()[^$+\nÄäß中😀 '"
TEXTS = st.one_of(st.none(), st.text(SIGNS, max_size=5), st.sampled_from(["", "ab", "a\nb", "xab", "abx"]))
PATTERNS = st.one_of(
    st.text(SIGNS, max_size=4), st.sampled_from(["%b", "a%", "*ab*", "a%b", "%", "", "(a|b)*", "a?b", "ä%", "%\n%"])
)


def stored(parts: list[list[str | None]]) -> Any:
    ds = lakebed.empty(f"mem://texts-{next(PLACES)}")
    with ds:
        ds.create_tensor("text", htype="text")
        ds.create_tensor("num", dtype="int64")
    for part in parts:
        samples: dict[str, list[Any]] = {"text": part, "num": list(range(len(part)))}
        ds.extend(samples)
    return ds


@given(
    st.lists(st.lists(TEXTS, min_size=1, max_size=8), min_size=1, max_size=3),
    PATTERNS,
    st.sampled_from(["like", "not like", "ilike"]),
    st.sampled_from(["", " and num > 0", " or num = 1", " limit 2"]),
)
def test_arrow_and_sql_pick_the_same_texts(parts: list[list[str | None]], pattern: str, like: str, more: str) -> None:
    ds = stored(parts)
    text = f"select * where text {like} '{pattern.replace(chr(39), chr(39) * 2)}'{more}"
    note(text)
    with pytest.MonkeyPatch.context() as patch:
        plan_anew(patch)
        patch.setattr(plan, "test_of", lambda *_, **__: None)
        by_sql = list(ds.query(text).sample_indices)
    assert ds.explain(text).sql == ()
    assert list(ds.query(text).sample_indices) == by_sql


def test_few_rows_that_are_left_are_looked_at_alone() -> None:
    ds = stored([[f"photo {n}" for n in range(64)]])
    assert list(ds.query("select * where num in (3, 60, 61) and text like '%0'").sample_indices) == [60]
