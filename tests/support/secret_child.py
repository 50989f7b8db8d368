"""Work of a spawned process that reads a link with the credentials it was given; importable by that process."""

from __future__ import annotations

import multiprocessing as mp
from multiprocessing.queues import SimpleQueue

from lakebed.storage.links.base import StoredLink
from lakebed.storage.links.reader import UrlReader

from lakebed.errors import LakebedError


def fetch_in_spawned_process(reader: UrlReader, link: StoredLink) -> str:
    """What a spawned process that gets `reader` as an argument reads: the text, or the kind of the error."""
    context = mp.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_fetch, args=(reader, link, answers))
    process.start()
    process.join(60)
    answer: str = answers.get()
    return answer


def _fetch(reader: UrlReader, link: StoredLink, answers: SimpleQueue[str]) -> None:
    try:
        answers.put(reader.fetch(link).decode())
    except LakebedError as error:
        answers.put(error.kind)


def authorization_of_the_day() -> dict[str, str]:
    """A provider function, as a user would write one at the top of a module."""
    return {"authorization": "Bearer hush"}
