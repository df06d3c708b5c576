"""How much sound the header of a WAV, Wave64 or CAF file states: libav goes by what is there, and does not say."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from jepa_retrieval.media.sources.opening import open_binary

_MAX_CHUNKS = 1000  # that may come before the sound
# What programs write that do not go back to the header, such as to a pipe: nothing, or the most that fits in 32 bits,
# with a sign or without one. Some leave room for a header in it, and round to whole samples.
_UNKNOWN_32 = {0, 2**32 - 1, *range(0x7FFFEFC0, 0x80000000)}
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_W64_HEADER = 24  # bytes of a chunk's name and size, which the size includes


class DataChunk(NamedTuple):
    """The sound of a file, in bytes."""

    stated: int  # by the header
    there: int  # in the file


def data_chunk(path: Path) -> DataChunk | None:
    """The chunk with the sound; None if the file is of another kind, or its header does not say.

    Raises:
        OSError: the file cannot be read.
    """
    with open_binary(path) as file:
        head = file.read(12)
        size = file.seek(0, os.SEEK_END)
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
            return _in_wave(file, size)
        if head[:4] == b"caff":
            return _in_chunks(file, size, begin=8, header=">4sq", name=b"data")
        if head == _W64_RIFF[:12]:
            return _in_wave64(file, size)
    return None


def _in_wave(file: BinaryIO, size: int) -> DataChunk | None:
    found = _in_chunks(file, size, begin=12, header="<4sI", name=b"data", even=True)
    if found is None or found.stated not in _UNKNOWN_32:
        return found
    long = _in_chunks(file, size, begin=12, header="<4sI", name=b"ds64", even=True)
    if long is None:
        return None
    # After the name and the size of ds64: the sizes of the file and of the sound. The file is where ds64 begins.
    raw = file.read(16)
    stated = int.from_bytes(raw[8:], "little")
    return DataChunk(stated, found.there) if len(raw) == 16 and stated else None


def _in_wave64(file: BinaryIO, size: int) -> DataChunk | None:
    at = 40
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(_W64_HEADER)
        if len(head) < _W64_HEADER:
            return None
        length = int.from_bytes(head[16:], "little")
        if head[:4] == b"data":
            stated = length - _W64_HEADER
            return DataChunk(stated, size - at - _W64_HEADER) if stated > 0 else None
        at += max(_W64_HEADER, length + -length % 8)
    return None


def _in_chunks(
    file: BinaryIO, size: int, *, begin: int, header: str, name: bytes, even: bool = False
) -> DataChunk | None:
    """The first chunk of a name; the file is then where its content begins."""
    at, length_of_header = begin, struct.calcsize(header)
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(length_of_header)
        if len(head) < length_of_header:
            return None
        found, length = struct.unpack(header, head)
        at += length_of_header
        if found == name:
            return DataChunk(length, size - at) if length >= 0 else None
        if length < 0:
            return None
        at += length + (length % 2 if even else 0)
    return None
