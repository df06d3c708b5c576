"""Measures how much of an MPEG transport stream belongs to no packet; libav skips such bytes without a message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import IS_EMPTY, os_reason
from jepa_retrieval.media.sources.opening import place_in_shard
from jepa_retrieval.source_paths import is_remote

_SYNC = 0x47  # ISO/IEC 13818-1, 2.4.3.3
_SIZES = (188, 192, 204)  # bytes of a packet: plain, with a time code, with error correction
_AGREEING = 5  # sync bytes in a row that make a packet size believable
_BLOCK_PACKETS = 1 << 14
_SEARCH_BYTES = 1 << 16
_TAIL_BYTES = 1 << 13


def bytes_without_sync(path: Path, *, on_tick: Callable[[], None] | None = None) -> tuple[int, int]:
    """The bytes of a transport stream that belong to no packet, and all its bytes.

    A file in a store is not looked at, since it would be fetched once more: it counts as whole, (0, 0).

    Raises:
        UnreadableMediaError: the file cannot be read.
    """
    data = _mapped(path)
    return (_lost_bytes(data, on_tick or _nothing), len(data)) if len(data) else (0, 0)


def ends_within_packet(path: Path) -> bool:
    """Whether the last packet of a transport stream is not whole, so that the file was cut off; errors as above."""
    data = _mapped(path)
    found = _find_packets(data, max(0, len(data) - _TAIL_BYTES), _nothing)
    if found is None:
        return False
    start, size = found
    syncs = data[start::size]
    last = len(data) - (start + size * (len(syncs) - 1))  # bytes of it
    # The time code or error correction after the 188 bytes may be missing.
    return last < min(_SIZES) and bool((syncs == _SYNC).all())


def _mapped(path: Path) -> np.ndarray:
    """The bytes of a file, alone or in a shard, uint8; none of a file in a store."""
    try:
        if is_remote(path):
            return np.empty(0, np.uint8)
        place = place_in_shard(path)
        if place is None:
            return np.memmap(path, np.uint8, mode="r")
        return np.memmap(place.shard, np.uint8, mode="r", offset=place.begin, shape=(place.size,))
    except (OSError, ValueError) as error:
        raise UnreadableMediaError(
            path, os_reason(error) if isinstance(error, OSError) else IS_EMPTY
        ) from error


def _nothing() -> None:
    """Do nothing."""


def _lost_bytes(data: np.ndarray, on_tick: Callable[[], None]) -> int:
    position = lost = 0
    while (found := _find_packets(data, position, on_tick)) is not None:
        start, size = found
        lost += start - position
        position = start
        while position < len(data):
            on_tick()
            syncs = data[position : position + size * _BLOCK_PACKETS : size]
            wrong = np.flatnonzero(syncs != _SYNC)
            if not len(wrong):
                position += size * len(syncs)
                continue
            position += size * int(wrong[0])
            following = data[position + size : position + size * (_AGREEING + 1) : size]
            if len(following) == 0 or (following != _SYNC).any():
                break  # the packets are elsewhere from here on
            lost += size
            position += size
        if position >= len(data):
            return lost
    return lost + len(data) - position


def _find_packets(data: np.ndarray, position: int, on_tick: Callable[[], None]) -> tuple[int, int] | None:
    """Where the next packets begin, from `position` on, and their size; None if there are none."""
    for low in range(position, len(data), _SEARCH_BYTES):
        on_tick()
        candidates = low + np.flatnonzero(data[low : low + _SEARCH_BYTES] == _SYNC)
        best: tuple[int, int] | None = None
        for size in _SIZES:
            offsets = candidates[:, None] + size * np.arange(_AGREEING)
            inside = candidates[offsets[:, -1] < len(data)]
            offsets = offsets[: len(inside)]
            agreeing = inside[(data[offsets] == _SYNC).all(axis=1)]
            if len(agreeing) and (best is None or agreeing[0] < best[0]):
                best = int(agreeing[0]), size
        if best is not None:
            return best
    return None
