"""Video files: facts from the header of MP4, frames through PyAV or OpenCV."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SampleError
from .formats import sniff_format
from .optional import expect_import, maybe_import

Array = np.ndarray[Any, np.dtype[Any]]

MAX_BYTES = 4 * 2**30
"""Videos that decode to more are refused: ask for fewer frames with another tool."""


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """Facts of a video file; None where the header does not say."""

    format: str
    frames: int | None = None
    height: int | None = None
    width: int | None = None
    duration: float | None = None
    """Seconds."""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """(frames, height, width, 3) of the decoded array."""
        if self.frames is None or self.height is None or self.width is None:
            return None
        return (self.frames, self.height, self.width, 3)


def read_video_header(head: bytes) -> VideoHeader:
    """The facts that the bytes at hand tell; an MP4 tells its size only if its `moov` box is among them.

    Raises:
        SampleError: kind "not-a-video".
    """
    name = sniff_format(head)
    if name == "mp4":
        return _mp4_header(head)
    if name in {"mkv", "avi"}:
        return VideoHeader(name)
    raise SampleError(f"found {name or 'unknown'} bytes, expected a video file", kind="not-a-video")


_NESTED = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, end) of the content of each box, nested ones included, in file order."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            header = 16
        stop = end if size == 0 else start + size
        if stop > end or stop < start + header:
            return
        yield name, start + header, stop
        if name in _NESTED:
            yield from _boxes(data, start + header, stop)
        start = stop


def _mp4_header(head: bytes) -> VideoHeader:
    """Size, duration and sample count of the first video track."""
    height = width = frames = 0
    duration: float | None = None
    seen_video = False
    for name, start, end in _boxes(head, 0, len(head)):
        if name == b"trak" and not seen_video:
            height = width = frames = 0
        elif name == b"tkhd" and not seen_video and end - start >= 84:
            width, height = (value >> 16 for value in struct.unpack_from(">II", head, end - 8))
        elif name == b"mdhd" and not seen_video:
            duration = _mdhd_seconds(head, start)
        elif name == b"hdlr" and head[start + 8 : start + 12] == b"vide":
            seen_video = True
        elif name == b"stsz" and seen_video and not frames and end - start >= 12:
            (frames,) = struct.unpack_from(">I", head, start + 8)
    if not seen_video:
        return VideoHeader("mp4")
    return VideoHeader("mp4", frames or None, height or None, width or None, duration)


def _mdhd_seconds(head: bytes, start: int) -> float | None:
    layout, offset = (">IQ", 20) if head[start] == 1 else (">II", 12)
    try:
        scale, length = struct.unpack_from(layout, head, start + offset)
    except struct.error:
        return None
    return length / scale if scale else None


def decode_video(data: bytes) -> Array:
    """All frames, uint8 of shape (frames, height, width, 3) in RGB order.

    Needs the package av (PyAV), or opencv-python-headless.

    Raises:
        SampleError: kind "missing-library", "bad-video", "video-too-large" or "not-a-video".
    """
    name = read_video_header(data).format
    frames = _av_frames(data, name)
    if frames is None:
        frames = _opencv_frames(data, name)
    with closing(frames):  # frees the decoder and the temporary file when not all frames are taken
        return _stacked(frames, name)


def _stacked(frames: Iterator[Array], name: str) -> Array:
    kept: list[Array] = []
    size = 0
    for frame in frames:
        size += frame.nbytes
        if size > MAX_BYTES:
            raise SampleError(f"the video decodes to more than {MAX_BYTES} bytes", kind="video-too-large")
        kept.append(frame)
    if not kept:
        raise SampleError(f"the {name} file has no frame that can be decoded", kind="bad-video")
    return np.stack(kept)


def _av_frames(data: bytes, name: str) -> Generator[Array, None, None] | None:
    """Frames by PyAV; None if it is not installed."""
    av = maybe_import("av")
    if av is None:
        return None

    def frames() -> Generator[Array, None, None]:
        try:
            with av.open(io.BytesIO(data)) as container:
                for frame in container.decode(video=0):
                    yield frame.to_ndarray(format="rgb24")
        except (av.error.FFmpegError, IndexError) as error:
            raise SampleError(f"the {name} file cannot be decoded: {error}", kind="bad-video") from error

    return frames()


def _opencv_frames(data: bytes, name: str) -> Generator[Array, None, None]:
    """Frames by OpenCV, which reads files only, so the bytes go through a temporary one."""
    cv2 = maybe_import("cv2") or expect_import("av", name)
    with tempfile.TemporaryDirectory(prefix="lakebed-video-") as folder:
        path = Path(folder, f"video.{name}")
        path.write_bytes(data)
        capture = cv2.VideoCapture(str(path))
        try:
            while (found := capture.read())[0]:
                yield cv2.cvtColor(found[1], cv2.COLOR_BGR2RGB)
        finally:
            capture.release()
