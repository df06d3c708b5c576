"""Animated GIF, WebP, PNG and AVIF: sampled frames in order of time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.limits import MAX_ANIMATION_FRAMES, MAX_ANIMATION_PIXELS, Limit, size_problem
from jepa_retrieval.media.pictures.delays import gif_extents, read_delays
from jepa_retrieval.media.pictures.opening import own_limit
from jepa_retrieval.media.pictures.still import decode_reason, scale
from jepa_retrieval.media.sampling import SamplingPlan, SlotPicker
from jepa_retrieval.media.types import DecodeRequest, ReadReport

Tick = Callable[[], None]

_MIN_DELAY = 0.011  # seconds; browsers show a frame with a shorter delay for a tenth of a second
_DEFAULT_DELAY = 0.1


class Timing(NamedTuple):
    """How an animated picture runs."""

    frames: int
    duration: float  # seconds


def timing(path: Path, image: Image.Image, *, on_tick: Tick | None = None) -> Timing:
    """The timing of an animated picture; where its chunks do not tell, all frames are decoded, up to the limits.

    Raises:
        UnreadableMediaError: its first frame is damaged.
    """
    delays = [_shown(delay) for delay in read_delays(path, image.format)]
    if not delays:
        delays = [end - start for start, end in _visit(path, image, ReadReport(), on_tick)]
    return Timing(len(delays), sum(delays))


def sample_animation(
    path: Path,
    image: Image.Image,
    request: DecodeRequest,
    *,
    transfer: int | None,
    report: ReadReport,
    on_tick: Tick | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (time, uint8 [h, w, 3]) of the frames that `request` asks for; an interval works as in a video.

    `transfer` is the `hdr_transfer` of the picture.

    Raises:
        UnreadableMediaError: the first frame is damaged.
    """
    start, end = request.start or 0.0, math.inf if request.end is None else request.end
    picker: SlotPicker[np.ndarray] = SlotPicker(SamplingPlan.of(request), start)
    on_screen: tuple[float, np.ndarray] | None = None
    found = False
    for shown_from, shown_to in _visit(path, image, report, on_tick):
        report.duration = shown_to
        if shown_from >= end:
            break
        if shown_from < start:
            if shown_to > start:
                on_screen = (shown_from, scale(image, request, transfer))
            continue
        if not picker.wants(shown_from):  # so it need not be scaled
            continue
        if chosen := picker.offer(shown_from, scale(image, request, transfer)):
            found = True
            yield chosen
    last = picker.close() or (None if found else on_screen)
    if last is not None:
        yield last


def _visit(
    path: Path, image: Image.Image, report: ReadReport, on_tick: Tick | None
) -> Iterator[tuple[float, float]]:
    """Decode one frame after the other into `image`: when it is shown from and to, seconds. Stops at damage."""
    start = 0.0
    pixels = 0  # of the frames so far
    extents = gif_extents(path) if image.format == "GIF" else []
    width, height = image.size
    for number in itertools.count():
        if on_tick is not None:
            on_tick()
        if number < len(extents):  # a frame that is larger than the picture makes it larger
            width, height = max(width, extents[number][0]), max(height, extents[number][1])
            if problem := size_problem(width, height):
                _stop_at_size(path, number, start, problem, report)
                return
        if exceeded := _exceeded(number, pixels):
            if _has(image, number):
                report.partial.append(f"{start:.1f} seconds were read; {exceeded}")
            return
        try:
            with own_limit:
                image.seek(number)
                image.load()
        except EOFError:
            return
        except Exception as error:
            if number == 0:
                raise UnreadableMediaError(path, decode_reason(error)) from error
            report.partial.append(f"is damaged: {start:.1f} seconds are there")
            return
        pixels += width * height
        end = start + _shown(float(image.info.get("duration") or 0) / 1000.0)
        yield start, end
        start = end


def _stop_at_size(path: Path, number: int, start: float, problem: str, report: ReadReport) -> None:
    """Say that a frame is too large; of the first one raise `UnreadableMediaError`."""
    if number == 0:
        raise UnreadableMediaError(path, problem)
    report.partial.append(f"is damaged: {start:.1f} seconds are there; then {problem}")


def _exceeded(frames: int, pixels: int) -> str | None:
    """Which limit is reached after `frames` frames of `pixels` pixels together."""

    def told(limit: Limit, of: str) -> str:
        return f"the limit of an animated picture is {limit.value:,} {of} (${limit.variable} raises it)"

    if frames >= MAX_ANIMATION_FRAMES.value:
        return told(MAX_ANIMATION_FRAMES, "frames")
    if pixels >= MAX_ANIMATION_PIXELS.value:
        return told(MAX_ANIMATION_PIXELS, "pixels in all frames")
    return None


def _has(image: Image.Image, number: int) -> bool:
    try:
        image.seek(number)
    except Exception:  # the end, or damage
        return False
    return True


def _shown(delay: float) -> float:
    """Seconds that a frame with this delay is shown."""
    return delay if delay > _MIN_DELAY else _DEFAULT_DELAY
