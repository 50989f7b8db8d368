"""What no commit could save is refused when it is given: else the handle, and all that waits in it, would be stuck."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lakebed.storage import handle
from lakebed.storage.htypes import new_spec
from lakebed.storage.links.base import Link
from lakebed.storage.selection import Selection
from lakebed.storage.stores.memory import MemoryStore
from lakebed.storage.workspace import Workspace

from lakebed.errors import LakebedError
from storage_model import created, opened

BROKEN = "a\ud800"
DEEP: list[Any] = []
for _ in range(3000):
    DEEP = [DEEP]
GIVEN: dict[str, tuple[str, Callable[[Workspace], Any]]] = {
    "a class name": ("bad-info", lambda ws: ws.extend({"labels": [[BROKEN]]}, 1)),
    "a class name in an edit": ("bad-info", lambda ws: ws.update([0], {"labels": [[BROKEN]]})),
    "class_names": (
        "bad-info",
        lambda ws: ws.create_tensor(*new_spec("more", "more", "class_label", class_names=[BROKEN])),
    ),
    "a URL": ("bad-sample", lambda ws: ws.extend({"links": [Link(BROKEN)]}, 1)),
    "a creds key of a link": ("bad-sample", lambda ws: ws.extend({"links": [Link("a.jpg", BROKEN)]}, 1)),
    "a new name": ("bad-name", lambda ws: ws.rename_tensor("text", BROKEN)),
    "a new name that means a folder": ("bad-name", lambda ws: ws.rename_tensor("text", "a/../b")),
    "info": ("bad-info", lambda ws: ws.set_info("", {"note": BROKEN})),
    "info of a tensor": ("bad-info", lambda ws: ws.set_info("text", {"note": BROKEN})),
    "info that is no JSON": ("bad-info", lambda ws: ws.set_info("", {"note": 1j})),
    "info that is too deep": ("bad-info", lambda ws: ws.set_info("", {"note": DEEP})),
    "a message": ("bad-message", lambda ws: ws.commit(BROKEN, allow_empty=True)),
    "the message of a view": (
        "bad-message",
        lambda ws: ws.save_view(Selection(ws.snapshot(), ws.snapshot().row_ids), message=BROKEN),
    ),
    "a creds key": ("bad-name", lambda ws: ws.set_creds_keys({BROKEN: {}})),
}


def labelled(store: MemoryStore) -> Workspace:
    ws = created(store)
    for name, htype in {"text": "text", "labels": "class_label", "links": "link[image]"}.items():
        options: dict[str, Any] = {"sample_compression": "jpeg", "verify": False} if name == "links" else {}
        if name == "links":
            options |= {"create_shape_tensor": False, "create_sample_info_tensor": False}
        ws.create_tensor(*new_spec(name, name, htype, **options))
    ws.extend({"text": ["before"]}, 1)
    ws.commit("before")
    return ws


@pytest.mark.parametrize("what", GIVEN)
def test_it_is_refused_and_what_comes_after_is_saved(what: str) -> None:
    kind, give = GIVEN[what]
    store = MemoryStore()
    ws = labelled(store)
    before = ws.schema
    with pytest.raises(LakebedError) as refused:
        give(ws)
    assert refused.value.kind == kind
    assert ws.schema == before
    ws.extend({"text": ["after"]}, 1)
    ws.commit("after")
    assert opened(store).read("text", [0, 1]) == ["before", "after"]


def test_an_author_that_is_no_text_is_made_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBED_AUTHOR", "x\udcff")
    store = MemoryStore()
    labelled(store)
    assert opened(store).log()[0].author == "x?"


def test_at_exit_one_handle_that_fails_keeps_no_other_from_landing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [MemoryStore() for _ in range(3)]
    handles = [labelled(store) for store in stores]
    for ws in handles:
        ws.extend({"text": ["waiting"]}, 1)

    def fail() -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(handles[1], "close", fail)
    monkeypatch.setattr(handle, "_unlanded", set(handles))
    handle._land_at_exit()
    assert [len(opened(store)) for store in stores] == [2, 1, 2]
    assert "a bug" in capsys.readouterr().err
    monkeypatch.undo()
    handles[1].close()
