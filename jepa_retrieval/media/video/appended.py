"""Finds a picture that was appended to a video: libav reads such a file without an end."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.source_paths import is_ordinary

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif")  # ISO/IEC 23008-12
_MAX_BOXES = 1000  # of a fragmented file; there is no end to them
_HEADER_BYTES = 16


def appended_picture(path: Path) -> int | None:
    """Where a HEIF picture follows the video in an MP4 or MOV file on disk, in bytes; None if none does.

    Raises:
        OSError: the file cannot be read.
    """
    if not is_ordinary(path):
        return None
    at, seen_film = 0, False
    with path.open("rb") as file:
        for _ in range(_MAX_BOXES):
            file.seek(at)
            header = file.read(_HEADER_BYTES)
            kind, size = header[4:8], int.from_bytes(header[:4])
            if len(header) < _HEADER_BYTES or (at == 0 and kind != b"ftyp"):
                return None
            if seen_film and kind == b"ftyp" and header[8:12] in _HEIF_BRANDS:
                return at
            seen_film = seen_film or kind == b"moov"
            size = int.from_bytes(header[8:16]) if size == 1 else size
            if size < 8:  # 0: to the end of the file
                return None
            at += size
    return None
