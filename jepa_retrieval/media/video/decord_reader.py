"""Reads sampled frames of a video with decord, the alternative to libav through PyAV.

decord has wheels for Linux x86_64 only, lists all frames of a file before it decodes one, and knows fewer codecs.
The frames are chosen by the same plan. Key frames are the same ones; between them PyAV takes the nearest frame that
others refer to, decord the nearest of all.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from jepa_retrieval.errors import MediaError, UnreadableMediaError
from jepa_retrieval.media.sampling import SamplingPlan, SlotPicker
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.media.video.container import VideoFile

if TYPE_CHECKING:
    from jepa_retrieval.media.types import DecodeRequest

_BATCH_FRAMES = 16


def read_frames(
    file: VideoFile, request: DecodeRequest, *, report: ReadReport, on_tick: Callable[[], None] | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (presentation time, uint8 [S, S, 3] RGB) of the frames that `request` asks for, in order of time.

    Raises:
        MediaError: decord is not installed.
        UnreadableMediaError: decord cannot read the file.
    """
    decord = _import_decord()
    size = request.image_size
    try:
        reader = decord.VideoReader(str(file.path), ctx=decord.cpu(0), width=size, height=size)
        spans = np.asarray(reader.get_frame_timestamp(range(len(reader))), np.float64).reshape(-1, 2)
        keys = np.asarray(reader.get_key_indices(), np.int64)
        # decord counts from the video's first frame, we from the start of the container
        spans += (file.stream.start_time or 0) * file.time_base - file.origin
        report.duration = float(spans[-1, 1]) if len(spans) else None
        chosen = choose(spans[:, 0], keys, SamplingPlan.of(request), start=request.start, end=request.end)
        for first in range(0, len(chosen), _BATCH_FRAMES):
            if on_tick is not None:
                on_tick()
            batch = chosen[first : first + _BATCH_FRAMES]
            frames = reader.get_batch(batch).asnumpy()
            yield from zip(spans[batch, 0].tolist(), frames, strict=True)
    except decord.DECORDError as error:
        reason = "decord cannot read it; the back end pyav may be able to"
        raise UnreadableMediaError(file.path, reason) from error


def _import_decord() -> Any:
    try:
        import decord
    except ImportError as error:
        raise MediaError(
            "the back end decord is not installed here: `pip install decord` (Linux x86_64), or use pyav"
        ) from error
    decord.logging.set_level(decord.logging.QUIET)
    return decord


def choose(
    times: np.ndarray, keys: np.ndarray, plan: SamplingPlan, *, start: float | None, end: float | None
) -> list[int]:
    """The frames to decode, as their numbers.

    Args:
        times: presentation time of each frame, float64 [N], rising.
        keys: numbers of the key frames, int [K], rising.
        plan: what to sample.
        start: seconds where reading starts, or None.
        end: seconds where reading ends, or None.
    """
    begin = start or 0.0
    picker: SlotPicker[int] = SlotPicker(plan, begin)
    chosen: list[int | None] = []
    for number in _candidates(times, keys, plan, begin):
        if begin <= times[number] < (math.inf if end is None else end):
            picked = picker.offer(float(times[number]), number)
            chosen.append(None if picked is None else picked[1])
    last = picker.close()
    chosen.append(None if last is None else last[1])
    found = [number for number in chosen if number is not None]
    if not found and len(times):  # the frame that is on screen then
        shown = int(np.searchsorted(times, begin, side="right")) - 1
        found = [shown] if shown >= 0 else []
    return found


def _candidates(times: np.ndarray, keys: np.ndarray, plan: SamplingPlan, begin: float) -> Iterator[int]:
    """Frames worth a look: of groups shorter than the plan's `key_gap` a key frame per slot, of others all."""
    bounds = [*keys.tolist(), len(times)]
    if not plan.keys_only:
        yield from range(bounds[0])
    last_slot = None
    for first, following in itertools.pairwise(bounds):
        is_last = following == len(times)
        if plan.keys_only or (not is_last and times[following] - times[first] <= plan.key_gap):
            slot = plan.slot(times[first], begin)
            if slot != last_slot:
                yield first
            last_slot = slot
        else:
            yield from range(first, following)
