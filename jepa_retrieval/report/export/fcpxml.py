"""Final Cut Pro's XML, version 1.9, which DaVinci Resolve imports too.

Reference: https://developer.apple.com/documentation/professional-video-applications/fcpxml-reference. The adapter of
opentimelineio is not used: it knows eight frame rates, states no sound rate, and writes no photographs.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from jepa_retrieval.report.export.moments import Edit, LeftOutMoment, PlacedMoment
from jepa_retrieval.report.export.timecode import drops_frames
from jepa_retrieval.visible import visible

_VERSION = "1.9"
_STILL_FORMAT = "FFVideoFormatRateUndefined"
_NO_XML = re.compile("[\ufffe\uffff]")  # that `visible` leaves, and XML forbids


def write_fcpxml(edit: Edit, out: Path) -> list[LeftOutMoment]:
    """Write a project with one sequence: each moment at its file's own rate, placed on the sequence's frames."""
    root = Element("fcpxml", version=_VERSION)
    resources = _Resources(SubElement(root, "resources"))
    title = _text(edit.title) or "moments"
    event = SubElement(SubElement(root, "library"), "event", name=title)
    rate = edit.rate
    size = next(((moment.width, moment.height) for moment in edit.moments if moment.timing), (1920, 1080))
    sequence = SubElement(
        SubElement(event, "project", name=title),
        "sequence",
        format=resources.format_id(rate, *size),
        tcStart="0s",
        tcFormat="DF" if drops_frames(rate) else "NDF",
    )
    spine = SubElement(sequence, "spine")
    offset = 0
    for moment in edit.moments:
        length = moment.length_at(rate)
        _add_clip(spine, moment, resources, rate, offset=_time(offset / rate), duration=_time(length / rate))
        offset += length
    sequence.set("duration", _time(offset / rate))
    ElementTree.indent(root)
    xml = ElementTree.tostring(root, encoding="unicode")
    out.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{xml}\n', "utf-8", newline="")
    return []


class _Resources:
    """The formats and files that clips refer to, each once."""

    def __init__(self, element: Element) -> None:
        self._element = element
        self._ids: dict[object, str] = {}
        self._assets: dict[Path, tuple[Element, Fraction]] = {}  # with their lengths, seconds

    def format_id(self, rate: Fraction | None, width: int, height: int) -> str:
        """A frame rate and size; None for photographs."""
        key = (rate, width, height)
        if key not in self._ids:
            element = self._add("format", key)
            if rate is None:
                element.set("name", _STILL_FORMAT)
            else:
                element.set("frameDuration", _time(1 / rate, always_fraction=True))
            element.set("width", str(width))
            element.set("height", str(height))
        return self._ids[key]

    def asset_id(self, moment: PlacedMoment, sequence_rate: Fraction) -> str:
        """A file, at least as long as its moments."""
        if moment.file not in self._assets:
            self._assets[moment.file] = self._add_asset(moment), Fraction(0)
        asset, before = self._assets[moment.file]
        length = max(before, _asset_length(moment, sequence_rate))
        asset.set("duration", _time(length))
        self._assets[moment.file] = asset, length
        return self._ids[moment.file]

    def _add_asset(self, moment: PlacedMoment) -> Element:
        rate = None if moment.timing is None else moment.timing.rate
        video_format = None
        if moment.audio is None:
            video_format = self.format_id(rate, moment.width, moment.height)
        asset = self._add("asset", moment.file)
        asset.set("name", _text(moment.name))
        asset.set("start", _time(_asset_start(moment)))
        if video_format is not None:
            asset.set("hasVideo", "1")
            asset.set("videoSources", "1")
            asset.set("format", video_format)
        if moment.sound is not None:
            asset.set("hasAudio", "1")
            asset.set("audioSources", "1")
            asset.set("audioChannels", str(moment.sound.channels))
            asset.set("audioRate", str(moment.sound.rate))
        SubElement(asset, "media-rep", kind="original-media", src=moment.file.as_uri())
        return asset

    def _add(self, tag: str, key: object) -> Element:
        self._ids[key] = f"r{len(self._ids) + 1}"
        return SubElement(self._element, tag, id=self._ids[key])


def _add_clip(
    spine: Element,
    moment: PlacedMoment,
    resources: _Resources,
    rate: Fraction,
    *,
    offset: str,
    duration: str,
) -> None:
    places = {
        "ref": resources.asset_id(moment, rate),
        "name": _text(moment.name),
        "offset": offset,
        "duration": duration,
    }
    timing = moment.timing
    if moment.audio is not None:
        start = _time(moment.audio_range_at(rate)[0] / rate)
        clip = SubElement(spine, "asset-clip", {**places, "start": start, "audioRole": "dialogue"})
    elif timing is None:
        clip = SubElement(spine, "video", {**places, "start": "0s"})
    else:
        clip = SubElement(
            spine,
            "asset-clip",
            {
                **places,
                "start": _time(_asset_start(moment) + moment.first / timing.rate),
                "format": resources.format_id(timing.rate, moment.width, moment.height),
                "tcFormat": "DF" if moment.drops_numbers else "NDF",
            },
        )
    if moment.moment.label:
        SubElement(clip, "note").text = _text(moment.moment.label)


def _asset_start(moment: PlacedMoment) -> Fraction:
    """The file's own timecode of its first frame, in seconds."""
    return Fraction(0) if moment.timing is None else moment.source_offset / moment.timing.rate


def _asset_length(moment: PlacedMoment, sequence_rate: Fraction) -> Fraction:
    """How long the file is, as far as that is known, in seconds; 0 for a photograph.

    A clip of sound only covers whole frames of the sequence, and may end after its file.
    """
    if moment.audio is not None:
        milliseconds = round(1000 * (moment.audio.seconds or 0.0))
        return max(Fraction(milliseconds, 1000), moment.audio_range_at(sequence_rate)[1] / sequence_rate)
    if moment.timing is None:
        return Fraction(0)
    return (moment.timing.frames or moment.last) / moment.timing.rate


def _time(seconds: Fraction, *, always_fraction: bool = False) -> str:
    """Seconds as FCPXML writes them: `5s`, `1001/30000s`."""
    if seconds.denominator == 1 and not always_fraction:
        return f"{seconds.numerator}s"
    return f"{seconds.numerator}/{seconds.denominator}s"


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", visible(text))
