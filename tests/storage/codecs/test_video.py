"""Films: headers of MP4 and frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lakebed.storage.codecs import optional
from lakebed.storage.codecs import video as video_codec
from lakebed.storage.codecs.video import decode_video, read_video_header
from lakebed.storage.errors import SampleError


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Six frames of 32 x 48 pixels at 3 per second, each of one brightness."""
    cv2 = pytest.importorskip("cv2")
    path = Path(tmp_path_factory.mktemp("film"), "film.mp4")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 3.0, (48, 32))
    if not writer.isOpened():
        pytest.skip("this OpenCV cannot write MP4")
    for level in range(6):
        frame = np.zeros((32, 48, 3), np.uint8)
        frame[:, :, 2] = 40 * level  # OpenCV writes blue, green, red
        writer.write(frame)
    writer.release()
    return path.read_bytes()


def test_an_mp4_header_tells_shape_and_seconds(film: bytes) -> None:
    header = read_video_header(film)
    assert header.shape == (6, 32, 48, 3)
    assert header.duration == pytest.approx(2.0)


def test_frames_are_decoded_in_rgb_order(film: bytes) -> None:
    frames = decode_video(film)
    assert frames.shape == (6, 32, 48, 3)
    assert frames.dtype == np.uint8
    assert frames.flags.writeable
    assert np.abs(frames[:, :, :, 0].mean(axis=(1, 2)) - 40 * np.arange(6)).max() < 6
    assert frames[:, :, :, 2].mean() < 6


def test_an_mp4_whose_facts_stand_at_the_end_is_known_as_mp4_from_its_start(film: bytes) -> None:
    assert read_video_header(film[:64]).shape is None
    assert read_video_header(film[:64]).format == "mp4"


def test_a_film_that_decodes_to_more_than_the_limit_is_refused(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_codec, "MAX_BYTES", 32 * 48 * 3 * 4)
    with pytest.raises(SampleError) as caught:
        decode_video(film)
    assert caught.value.kind == "video-too-large"


def test_a_broken_film_is_refused(film: bytes) -> None:
    with pytest.raises(SampleError) as caught:
        decode_video(film[:40] + bytes(500))
    assert caught.value.kind == "bad-video"


def test_a_missing_library_is_named(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional, "maybe_import", lambda package: None)
    monkeypatch.setattr(video_codec, "maybe_import", lambda package: None)
    with pytest.raises(SampleError, match="needs the package av"):
        decode_video(film)


def test_sound_is_no_film() -> None:
    with pytest.raises(SampleError, match="found wav bytes"):
        read_video_header(b"RIFF\0\0\0\0WAVE")
