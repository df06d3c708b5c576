"""Timelines of OpenTimelineIO."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.export.moments import Edit, LeftOutMoment, PlacedMoment
from jepa_retrieval.visible import visible


def write_otio(edit: Edit, out: Path) -> list[LeftOutMoment]:
    """Write a track of clips, each at its file's own rate, and a track of their sound if any has some.

    A moment of sound only is a gap in the first track, and counted at the rate of the edit.

    Raises:
        UsageError: opentimelineio is not installed.
    """
    try:
        import opentimelineio as otio
    except ModuleNotFoundError as error:
        raise UsageError(
            "OTIO files need the package opentimelineio: pip install 'jepa-retrieval[export]'"
        ) from error
    timeline = otio.schema.Timeline(name=visible(edit.title) or "moments")
    kinds = []
    if any(moment.audio is None for moment in edit.moments):
        kinds.append(otio.schema.TrackKind.Video)
    if any(moment.sound for moment in edit.moments):
        kinds.append(otio.schema.TrackKind.Audio)
    for kind in kinds:
        track = otio.schema.Track(name=kind, kind=kind)
        for moment in edit.moments:
            missing = (
                moment.sound is None if kind == otio.schema.TrackKind.Audio else moment.audio is not None
            )
            span = _source_range(otio, moment, edit.rate)
            if missing:
                track.append(otio.schema.Gap(duration=span.duration))
            else:
                track.append(_clip(otio, moment, span))
        timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(out), adapter_name="otio_json")
    return []


def _clip(otio: Any, moment: PlacedMoment, source_range: Any) -> Any:
    metadata = {
        "path": moment.moment.path,
        "label": moment.moment.label,
        "score": moment.moment.score,
        "confidence": moment.moment.confidence,
    }
    media = otio.schema.ExternalReference(
        target_url=moment.file.as_uri(), available_range=_available_range(otio, moment, source_range)
    )
    media.name = visible(moment.name)
    return otio.schema.Clip(
        name=visible(moment.name),
        media_reference=media,
        source_range=source_range,
        metadata={"jepa_retrieval": {key: value for key, value in metadata.items() if value is not None}},
    )


def _source_range(otio: Any, moment: PlacedMoment, edit_rate: Fraction) -> Any:
    if moment.audio is not None:
        first, last = moment.audio_range_at(edit_rate)
        return _range(otio, first, last - first, edit_rate)
    if moment.timing is None:
        return _range(otio, 0, moment.length_at(edit_rate), edit_rate)
    return _range(otio, moment.source_offset + moment.first, moment.last - moment.first, moment.timing.rate)


def _available_range(otio: Any, moment: PlacedMoment, source_range: Any) -> Any:
    if moment.audio is not None and moment.audio.seconds is not None:
        rate = source_range.duration.rate
        length = max(round(moment.audio.seconds * rate), source_range.end_time_exclusive().value)
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(length, rate)
        )
    if moment.timing is None or moment.timing.frames is None:
        return None
    return _range(otio, moment.source_offset, moment.timing.frames, moment.timing.rate)


def _range(otio: Any, start: int, length: int, rate: Fraction) -> Any:
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, float(rate)), time(length, float(rate)))
