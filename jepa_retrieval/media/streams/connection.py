"""One connection to a source, from opening it to its end: decoded frames and their stamps."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.streams.catch_up import CatchUp
from jepa_retrieval.media.streams.source import StreamSource, stream_reason
from jepa_retrieval.media.streams.types import StreamCounters

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

logger = logging.getLogger(__name__)

_MAX_ERRORS = 100  # in a row, without a packet between; after that a file counts as unreadable from there on
_CAMERA_PAUSE = 0.005  # seconds until a camera without a new picture is asked again


class Connection:
    """An open source. Use as a context manager, and take its frames once.

    Damaged packets are left out and counted.

    Args:
        source: what to open.
        timeout: seconds that opening and every later read may take.
        counters: its `connections` and `damaged` are kept up to date.
        catch_up: says which packets to leave out.

    Raises:
        UnreadableMediaError: the source cannot be opened, or has no video.
    """

    def __init__(
        self, source: StreamSource, *, timeout: float, counters: StreamCounters, catch_up: CatchUp
    ) -> None:
        self._source = source
        self._counters = counters
        self._catch_up = catch_up
        self.video = source.open(timeout=timeout)
        counters.connections += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.video.container.close()

    def frames(self) -> Iterator[tuple[float | None, VideoFrame]]:
        """Yield (stamp in seconds, frame) until the source ends.

        Raises:
            UnreadableMediaError: the connection broke off.
        """
        context = self.video.stream.codec_context
        for packet in self._packets():
            try:
                frames = context.decode(packet)
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                self._counters.damaged += 1
                continue
            for frame in frames:
                yield self.video.frame_time(frame), frame

    def _packets(self) -> Iterator[Packet | None]:
        """Packets to decode; at last None, which makes the decoder return the frames that it holds."""
        errors = 0
        while errors < _MAX_ERRORS:
            try:
                for packet in self.video.packets():
                    errors = 0
                    if not self._catch_up.leaves_out(packet):
                        yield packet
                break
            except av.error.MemoryError:
                raise
            except av.error.BlockingIOError:
                time.sleep(_CAMERA_PAUSE)
            except av.error.InvalidDataError:
                errors += 1
                self._counters.damaged += 1
            except (av.error.FFmpegError, OSError) as error:
                if self._source.kind == "file":
                    logger.info("%s: %s", self._source.name, error)
                    break
                yield None
                raise UnreadableMediaError(self._source.name, stream_reason(error)) from error
        yield None
