"""The loaders that are compared, each made in the way its documentation shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import simplejpeg
import torch
from lakebed.loader import make_loader
from loader_data import Photos

BATCH = 16


@dataclass(frozen=True, slots=True)
class Case:
    """A way to read all photos once."""

    name: str
    make: Callable[[], Iterable[Any]]
    count: Callable[[Any], int]
    """Images in what one step gives."""

    def only_first(self) -> Case:
        """The same, stopped after the first batch."""
        return Case(self.name, lambda: islice(iter(self.make()), 1), self.count)


def batch_length(batch: Any) -> int:
    return len(batch)


def dict_length(batch: Any) -> int:
    return len(batch["images"])


class Folder(torch.utils.data.Dataset[torch.Tensor]):
    """Files of a folder, decoded by simplejpeg."""

    def __init__(self, photos: Photos, resize: tuple[int, int] | None) -> None:
        self.paths = [str(photos.path(i)) for i in range(photos.count)]
        self.resize = resize

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        with open(self.paths[number], "rb") as file:
            return torch.from_numpy(decode(file.read(), self.resize))


def decode(data: bytes, resize: tuple[int, int] | None) -> np.ndarray[Any, Any]:
    """What every peer does with the bytes of an image."""
    if resize is None:
        return simplejpeg.decode_jpeg(data)  # type: ignore[no-any-return]
    import cv2

    cv2.setNumThreads(1)
    small = simplejpeg.decode_jpeg(data, min_height=resize[0], min_width=resize[1], min_factor=2)
    return np.asarray(cv2.resize(small, (resize[1], resize[0])))


def folder_case(photos: Photos, workers: int, shuffle: bool, resize: tuple[int, int] | None = None) -> Case:
    def make() -> Iterable[Any]:
        return torch.utils.data.DataLoader(
            Folder(photos, resize), batch_size=BATCH, shuffle=shuffle, num_workers=workers
        )

    return Case(f"folder + simplejpeg, {workers} workers", make, batch_length)


def lakebed_cases(
    photos: Photos,
    workers: int,
    shuffles: Sequence[bool],
    resize: tuple[int, int] | None = None,
    policy: str = "passthrough",
) -> list[Case]:
    view = photos.view(policy)
    cases = []
    for shuffle in shuffles:
        make = partial(
            make_loader,
            view,
            tensors=["images"],
            return_index=False,
            batch_size=BATCH,
            num_workers=workers,
            shuffle=shuffle,
            resize=resize,
        )
        name = f"**lakebed, {workers} workers{'' if shuffle else ', in order'}**"
        cases.append(Case(name, make, dict_length))
    return cases


def peer_cases(photos: Photos, workers: int) -> list[Case]:
    """Other loaders, where they are installed."""
    from loader_peers import PEERS

    return [
        Case(f"{name}, {workers} workers", partial(make, photos, workers, BATCH), batch_length)
        for name, make in PEERS()
    ]


def playbook_cases(photos: Photos) -> list[Case]:
    """The playbook's whole transform over a view and over a folder."""
    from loader_playbook import PlaybookFolder, as_tuples, transform_train

    view = photos.view()

    def ours(workers: int) -> Iterable[Any]:
        return make_loader(
            view,
            num_workers=workers,
            shuffle=True,
            transform=transform_train,
            tensors=["images", "categories", "boxes"],
            batch_size=16,
            collate_fn=as_tuples,
        )

    def folder(workers: int) -> Iterable[Any]:
        return torch.utils.data.DataLoader(
            PlaybookFolder(photos), batch_size=16, shuffle=True, num_workers=workers, collate_fn=as_tuples
        )

    def first_length(batch: Any) -> int:
        return len(batch[0])

    return [
        Case(f"{name}, {workers} workers", partial(make, workers), first_length)
        for workers in (0, 2)
        for name, make in (("folder", folder), ("**lakebed**", ours))
    ]
