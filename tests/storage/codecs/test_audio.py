"""Sound files: headers, WAV samples, and what is said where a library is missing."""

from __future__ import annotations

import io
import struct
import wave
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.storage.codecs import optional
from lakebed.storage.codecs.audio import AudioHeader, decode_audio, read_audio_header
from lakebed.storage.errors import SampleError


def wav(samples: np.ndarray[Any, Any], rate: int = 8000) -> bytes:
    """Samples (n, channels) of an integer dtype as a WAV file of the standard library."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(samples.dtype.itemsize)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def riff(coding: int, channels: int, bits: int, sound: bytes, extra: bytes = b"") -> bytes:
    """A WAV file put together by hand."""
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", coding, channels, 8000, 8000 * block, block, bits) + extra
    chunks = (
        b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"LIST\3\0\0\0abc\0" + b"data" + struct.pack("<I", len(sound))
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + len(sound) + 4) + b"WAVE" + chunks + sound


@given(st.integers(0, 50), st.integers(1, 4), st.sampled_from(["int16", "int32"]), st.integers(0, 2**32 - 1))
def test_wav_samples_come_back_at_full_scale_one(count: int, channels: int, dtype: str, seed: int) -> None:
    limits = np.iinfo(dtype)
    samples = np.random.default_rng(seed).integers(limits.min, limits.max, (count, channels), dtype, endpoint=True)
    sound = decode_audio(wav(samples))
    assert sound.dtype == np.float64
    assert sound.flags.writeable
    assert np.array_equal(sound, samples / -float(limits.min))


def test_eight_bit_wav_is_centred_on_128() -> None:
    assert decode_audio(wav(np.array([[0], [128], [255]], np.uint8))).tolist() == [[-1.0], [0.0], [127 / 128]]


def test_twenty_four_bit_and_float_wav_are_read() -> None:
    lowest_and_one = b"\0\0\x80" + b"\1\0\0"
    assert decode_audio(riff(1, 1, 24, lowest_and_one)).tolist() == [[-1.0], [2.0**-23]]
    floats = np.array([[0.5, -0.25]], "<f4")
    assert decode_audio(riff(3, 2, 32, floats.tobytes())).tolist() == [[0.5, -0.25]]


def test_extensible_wav_is_read_by_its_subformat() -> None:
    extra = struct.pack("<HHI", 22, 16, 0) + struct.pack("<H", 1) + bytes(14)
    assert decode_audio(riff(0xFFFE, 1, 16, struct.pack("<h", -32768), extra)).tolist() == [[-1.0]]


def test_a_wav_header_tells_shape_and_seconds() -> None:
    header = read_audio_header(wav(np.zeros((4000, 2), np.int16))[:100])
    assert header == AudioHeader("wav", 8000, 2, 4000)
    assert (header.shape, header.duration) == ((4000, 2), 0.5)


def test_a_flac_header_tells_shape_and_seconds() -> None:
    packed = (44100 << 44) | (1 << 41) | (15 << 36) | 88200
    header = read_audio_header(b"fLaC" + b"\0\0\0\x22" + bytes(10) + packed.to_bytes(8, "big") + bytes(16))
    assert (header.rate, header.shape, header.duration) == (44100, (88200, 2), 2.0)


def test_a_cut_wav_is_refused() -> None:
    with pytest.raises(SampleError) as caught:
        decode_audio(wav(np.zeros((100, 1), np.int16))[:-1])
    assert caught.value.kind == "bad-audio"


def test_a_wav_of_another_coding_is_refused_with_its_coding() -> None:
    with pytest.raises(SampleError, match="coding 85"):
        decode_audio(riff(85, 2, 16, b""))


def test_other_formats_say_which_library_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional, "maybe_import", lambda package: None)
    with pytest.raises(SampleError) as caught:
        decode_audio(b"ID3" + bytes(100))
    assert caught.value.kind == "missing-library"
    assert "pip install soundfile" in caught.value.hint


def test_a_picture_is_no_sound() -> None:
    with pytest.raises(SampleError, match="found gif bytes"):
        read_audio_header(b"GIF89a")
