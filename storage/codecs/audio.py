"""Audio files: facts from the header of WAV and FLAC, samples of WAV here and of the rest through soundfile."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SampleError
from .formats import sniff_format
from .optional import expect_import

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class AudioHeader:
    """Facts of an audio file; None where the header does not say."""

    format: str
    rate: int | None = None
    """Samples per second."""
    channels: int | None = None
    samples: int | None = None
    """Samples of each channel."""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """(samples, channels) of the decoded array."""
        return None if self.samples is None or self.channels is None else (self.samples, self.channels)

    @property
    def duration(self) -> float | None:
        """Seconds."""
        return None if self.samples is None or not self.rate else self.samples / self.rate


def read_audio_header(head: bytes) -> AudioHeader:
    """The facts that the first bytes of an audio file tell.

    Raises:
        SampleError: kind "not-audio" or "bad-audio".
    """
    name = sniff_format(head)
    if name == "wav":
        return _wav_header(head)
    if name == "flac":
        return _flac_header(head)
    if name in {"mp3", "ogg", "mp4"}:
        return AudioHeader(name)
    raise SampleError(f"found {name or 'unknown'} bytes, expected an audio file", kind="not-audio")


@dataclass(frozen=True, slots=True)
class _Wav:
    coding: int
    channels: int
    rate: int
    bits: int
    start: int
    size: int


_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE


def _wav_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        yield name, position + 8, size
        position += 8 + size + size % 2


def _parse_wav(data: bytes) -> _Wav:
    coding = channels = rate = bits = 0
    for name, start, size in _wav_chunks(data):
        if name == b"fmt " and start + 16 <= len(data):
            coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, start)
            if coding == _EXTENSIBLE and start + 26 <= len(data):
                (coding,) = struct.unpack_from("<H", data, start + 24)
        elif name == b"data":
            if not channels or bits not in {8, 16, 24, 32, 64} or coding not in {_PCM, _FLOAT}:
                break
            return _Wav(coding, channels, rate, bits, start, size)
    raise SampleError(
        f"the wav file cannot be read: coding {coding}, {channels} channels, {bits} bits", kind="bad-audio"
    )


def _wav_header(head: bytes) -> AudioHeader:
    wav = _parse_wav(head)
    return AudioHeader("wav", wav.rate, wav.channels, wav.size // (wav.channels * wav.bits // 8))


def _flac_header(head: bytes) -> AudioHeader:
    if len(head) < 26:
        raise SampleError("the flac file ends inside its header", kind="bad-audio")
    packed = int.from_bytes(head[18:26], "big")
    rate, channels, samples = packed >> 44, (packed >> 41 & 7) + 1, packed & (2**36 - 1)
    return AudioHeader("flac", rate, channels, samples or None)


def decode_audio(data: bytes) -> Array:
    """Decode an audio file to float64 of shape (samples, channels), full scale -1 to 1.

    WAV (PCM of 8 to 32 bits, float) needs no library; FLAC, MP3 and OGG need the package soundfile.

    Raises:
        SampleError: kind "missing-library", "bad-audio" or "not-audio".
    """
    header = read_audio_header(data)
    return _decode_wav(data) if header.format == "wav" else _decode_with_soundfile(data, header.format)


def _decode_wav(data: bytes) -> Array:
    wav = _parse_wav(data)
    frame = wav.channels * wav.bits // 8
    if wav.start + wav.size > len(data) or wav.size % frame:
        raise SampleError(
            f"the wav file says {wav.size} bytes of sound, {len(data) - wav.start} are there", kind="bad-audio"
        )
    sound = data[wav.start : wav.start + wav.size]
    return _wav_numbers(sound, wav).reshape(-1, wav.channels)


def _wav_numbers(sound: bytes, wav: _Wav) -> Array:
    if wav.coding == _FLOAT:
        return np.frombuffer(sound, f"<f{wav.bits // 8}").astype(np.float64)
    if wav.bits == 8:
        return (np.frombuffer(sound, np.uint8).astype(np.float64) - 128) / 128
    if wav.bits == 24:
        wide = np.zeros((len(sound) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(sound, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float64) / 2**31
    return np.frombuffer(sound, f"<i{wav.bits // 8}").astype(np.float64) / 2.0 ** (wav.bits - 1)


def _decode_with_soundfile(data: bytes, format: str) -> Array:
    soundfile = expect_import("soundfile", format)
    try:
        sound, _ = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    except RuntimeError as error:  # soundfile's own errors all derive from it
        raise SampleError(f"the {format} file cannot be decoded: {error}", kind="bad-audio") from error
    return np.array(sound)
