"""Nearest names: what is offered for a name that is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.tql.suggest import LONGEST, did_you_mean, nearest

CLASSES = ["car", "bus", "truck", "traffic light", "stop sign"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("trafic light", ("traffic light",)),
        ("trcuk", ("truck",)),
        ("CAR", ("car",)),
        ("Stop Sign", ("stop sign",)),
        ("zebra crossing", ()),
        ("", ()),
        ("x" * (LONGEST + 1), ()),
    ],
)
def test_what_looks_alike_is_offered(name: str, expected: tuple[str, ...]) -> None:
    assert nearest(name, CLASSES) == expected


def test_names_that_differ_in_case_alone_come_first_and_all_of_them() -> None:
    assert nearest("boxes", ["boxer", "BOXES", "Boxes"]) == ("BOXES", "Boxes", "boxer")


def test_no_more_are_offered_than_asked_for() -> None:
    names = [f"boxes{i}" for i in range(9)]
    assert len(nearest("boxes", names)) == 3
    assert len(nearest("boxes", names, limit=1)) == 1


def test_very_long_names_are_offered_only_where_they_differ_in_case_alone() -> None:
    long = "x" * (LONGEST + 1)
    assert nearest(long.upper(), [long, "x"]) == (long,)
    assert nearest("x" * LONGEST, [long]) == ()
    assert nearest("x" * LONGEST, ["x" * (LONGEST - 1) + "y"]) == ("x" * (LONGEST - 1) + "y",)


def test_the_hint_quotes_what_it_offers() -> None:
    assert did_you_mean("boxs", ["boxes", "categories"]) == "did you mean 'boxes'?"
    assert did_you_mean("boxs", ["boxes"], quote='"') == 'did you mean "boxes"?'
    assert did_you_mean("box", ["boxx", "boxy"]) == "did you mean 'boxy' or 'boxx'?"
    assert did_you_mean("zzz", ["boxes"]) == ""


@given(st.text(max_size=10), st.lists(st.text(max_size=10), max_size=10))
def test_what_is_offered_is_known(name: str, known: list[str]) -> None:
    assert set(nearest(name, known)) <= set(known)
    if name and name in known:
        assert name in nearest(name, sorted(set(known)), limit=10)
