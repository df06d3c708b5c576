"""Decodes key frames independently of each other, several at a time.

A decoder that is fed key frames alone may drop some or change their order: a key frame need not reset it (open
groups). So each is decoded by a decoder that is reset before the next, which leaves the threads of one decoder
nothing to share. Several decoders side by side keep the cores busy all the same.
"""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.video.frame import PictureType

from jepa_retrieval.media.video.video_file import VideoFile

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

_MAX_DECODERS = 2  # each holds the file open, and with it the index of its packets
_AHEAD = 2  # key frames per decoder that wait to be decoded or taken


class FalseKeyFrameError(Exception):
    """A packet that is marked as a key frame cannot be decoded alone, though it is not damaged."""


class KeyFrameDecoders:
    """Decoders for one file; opened as they are needed, closed by `close`.

    Args:
        path: the file.
        deblock: see `VideoFile`.
    """

    def __init__(self, path: Path, *, deblock: bool = True) -> None:
        self._path = path
        self._deblock = deblock
        self._count = min(_MAX_DECODERS, os.cpu_count() or 1)
        self._executor = ThreadPoolExecutor(self._count)
        self._idle: queue.LifoQueue[VideoFile] = queue.LifoQueue()
        self._pending: deque[Future[VideoFrame | None]] = deque()
        self.errors = 0  # packets that could not be decoded

    def decode(self, packet: Packet) -> Iterator[VideoFrame]:
        """Take a key frame's packet; yield pictures that are due, in the order of their packets.

        Raises:
            FalseKeyFrameError: a packet needs others before it.
        """
        self._pending.append(self._executor.submit(self._decode, packet))
        while len(self._pending) > self._count * _AHEAD:
            yield from self._next()

    def finish(self) -> Iterator[VideoFrame]:
        """Yield the pictures of all packets taken so far.

        Raises:
            FalseKeyFrameError: a packet needs others before it.
        """
        while self._pending:
            yield from self._next()

    def close(self) -> None:
        """Forget what is pending and release the decoders."""
        self._executor.shutdown(cancel_futures=True)
        self._pending.clear()
        while not self._idle.empty():
            self._idle.get().container.close()

    def _next(self) -> Iterator[VideoFrame]:
        frame = self._pending.popleft().result()
        if frame is None:
            self.errors += 1
        else:
            yield frame

    def _decode(self, packet: Packet) -> VideoFrame | None:
        """The picture of a key frame's packet; None if the packet is damaged. Runs in a thread."""
        try:
            decoder = self._idle.get_nowait()
        except queue.Empty:
            decoder = VideoFile(self._path, threads=1, deblock=self._deblock)
        context = decoder.stream.codec_context
        try:
            frames = [*context.decode(packet), *context.decode(None)]
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            return None
        finally:
            context.flush_buffers()
            self._idle.put(decoder)
        if not frames or (not frames[0].key_frame and frames[0].pict_type in (PictureType.P, PictureType.B)):
            raise FalseKeyFrameError
        return frames[0]
