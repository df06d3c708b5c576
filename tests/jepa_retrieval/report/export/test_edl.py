"""EDLs, read line by line, and by opentimelineio's adapter."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from jepa_retrieval.report.export import export_moments
from tests.jepa_retrieval.report.export.conftest import NTSC, ODD, frames_inside, photo, video

EVENT = re.compile(r"(\d{3})  AX {6} (V|AA/V) +C {8}(\S{11}) (\S{11}) (\S{11}) (\S{11})")


def read(file: Path) -> tuple[list[str], list[re.Match[str]]]:
    """Lines and events; line endings are those of the format."""
    content = file.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n") and content.endswith(b"\r\n")
    lines = content.decode().split("\r\n")
    return lines, [match for line in lines if (match := EVENT.fullmatch(line))]


def number(text: str, rate: Fraction) -> int:
    """The frame of a timecode, as opentimelineio reads it."""
    return int(otio.opentime.from_timecode(text, float(rate)).value)


def test_source_and_record_are_exact_with_dropped_numbers(library: Any, tmp_path: Path) -> None:
    moments = [video("ntsc.mp4", 1.0, 3.0), video(ODD, 0.5, 2.5, "a\ncat")]
    report = export_moments(tmp_path / "a.edl", moments, library, title="cats & dogs")
    assert (report.moments, report.left_out) == (2, ())
    lines, events = read(tmp_path / "a.edl")
    assert lines[:3] == ["TITLE: cats & dogs", "FCM: DROP FRAME", ""]
    record = number("01:00:00;00", NTSC)
    for event, moment in zip(events, moments, strict=True):
        first, last = frames_inside(NTSC, moment.start or 0, moment.end or 0)
        assert [number(event[place], NTSC) for place in (3, 4)] == [first, last]
        assert [number(event[place], NTSC) for place in (5, 6)] == [record, record + last - first]
        record += last - first
    assert [event[2] for event in events] == ["AA/V", "V"]  # one has sound
    assert r"* SOURCE FILE: trip/" in "\n".join(lines)
    assert r'* FROM CLIP NAME: "cat" & <b>\n100% #1\xff.mp4' in lines
    assert r"* COMMENT: a\ncat" in lines


def test_opentimelineio_reads_it(library: Any, tmp_path: Path) -> None:
    export_moments(tmp_path / "a.edl", [video("offset.ts", 1, 2), video("offset.ts", 3, 5)], library)
    timeline = otio.adapters.read_from_file(str(tmp_path / "a.edl"), rate=25)
    found = [clip.source_range for clip in timeline.find_clips()]
    assert [(r.start_time.value, r.duration.value) for r in found] == [(25, 25), (75, 50)]
    assert [clip.name for clip in timeline.find_clips()] == ["offset.ts", "offset.ts"]


def test_the_timecode_of_the_camera_is_used(library: Any, tmp_path: Path) -> None:
    export_moments(tmp_path / "a.edl", [video("camera.mov", 1.001, 2.002)], library)
    event = read(tmp_path / "a.edl")[1][0]
    assert event[3] == "10:00:01;00" and event[4] == "10:00:02;00"


def test_what_an_edl_cannot_hold_is_named(library: Any, tmp_path: Path) -> None:
    moments = [
        video("film.mkv", 0, 1),
        photo(),
        video("ntsc.mp4", 0, 1),
        video("ntsc.mp4", 2, 3),
        video("gone.mp4", 0, 1),
    ]
    report = export_moments(tmp_path / "a.edl", moments, library)
    assert report.moments == len(read(tmp_path / "a.edl")[1]) == 2
    assert {item.moment.path: item.reason for item in report.left_out} == {
        "film.mkv": "the file has 23.976 frames per second, but an EDL has only one frame rate, here 29.97",
        "photo.jpg": "an EDL holds no photographs",
        "gone.mp4": "no such file or folder",
    }
