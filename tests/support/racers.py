"""Work of child processes that race for the same keys of a store; importable by a spawned process."""

from __future__ import annotations

import multiprocessing as mp
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from lakebed.storage.errors import ObjectExistsError
from lakebed.storage.stores import Store

WRITERS = 8


def race(store: Store, rounds: int) -> list[list[int]]:
    """Let 8 spawned processes create each of `rounds` keys of ``log/`` at once; returns the winners of each round."""
    context = mp.get_context("spawn")
    start, won = context.Barrier(WRITERS), context.Queue()
    writers = [context.Process(target=_write, args=(store, rounds, me, start, won)) for me in range(WRITERS)]
    for writer in writers:
        writer.start()
    answers = [won.get(timeout=300) for _ in writers]
    for writer in writers:
        writer.join()
    return [[me for me, turns in answers if turn in turns] for turn in range(rounds)]


def _write(store: Store, rounds: int, me: int, start: Barrier, won: Queue[tuple[int, list[int]]]) -> None:
    turns = []
    store.stat("log/0")  # connect before the race
    for turn in range(rounds):
        start.wait(timeout=120)
        try:
            store.create(f"log/{turn}", b"written by %d" % me)
        except ObjectExistsError:
            continue
        turns.append(turn)
    won.put((me, turns))
