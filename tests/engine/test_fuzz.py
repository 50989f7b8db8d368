"""Whatever text is asked of a dataset, an answer comes out or one of our errors; nothing else."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from lakebed.tql.errors import TQLError

from face_data import street
from fuzz_share import FUZZING
from lakebed import engine
from tally import count

CORPUS = Path(__file__).resolve().parents[2] / "grammar" / "corpus"
QUERIES = [
    block.split("\n", 1)[1].split("\n=>\n")[0]
    for path in sorted(CORPUS.glob("*/*.tql"))
    for block in re.split(r"^### ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
]
COLUMNS = ("images", "boxes", "categories")
SIGNS = st.text(st.sampled_from("()[]{},.:;?'\"-+*/%^|&<>=! \n\0aZ09_é") | st.characters(), max_size=2)
STREET = street(6)._pinned()


def ask(text: str) -> None:
    """Nothing but an answer or an error of ours. Every path in FROM is this dataset: the test opens no other."""
    count("texts thrown at a dataset")
    with suppress(TQLError):
        engine.run(STREET, text, resolve=lambda path, version: STREET, seed=1)


@FUZZING
@given(st.binary(max_size=100))
def test_any_bytes(raw: bytes) -> None:
    ask(raw.decode("utf-8", errors="surrogateescape"))


@FUZZING
@given(st.sampled_from(QUERIES), st.data())
def test_queries_of_the_corpus_over_real_columns_with_accidents(query: str, data: st.DataObject) -> None:
    names = st.sampled_from(COLUMNS)
    text = re.sub(r"\b(?:a|b|c|x|y|num|labels)\b", lambda _: data.draw(names), query)
    for _ in range(data.draw(st.integers(0, 3))):
        place, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 3))
        text = text[:place] + data.draw(SIGNS) + text[place + length :]
    ask(text)
