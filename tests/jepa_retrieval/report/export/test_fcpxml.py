"""FCPXML, checked against what its DTD demands, and read by opentimelineio's adapter."""

from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import opentimelineio as otio

from jepa_retrieval.report.export import ExportMoment, export_moments
from tests.jepa_retrieval.report.export.conftest import (
    FILM,
    NTSC,
    ODD,
    ODD_BYTES,
    frames_inside,
    photo,
    video,
)

# Of the DTD of FCPXML 1.9: which attributes the elements used here may have, and which they must.
ALLOWED = {
    "fcpxml": ({"version"}, set()),
    "resources": (set(), set()),
    "format": ({"id"}, {"name", "frameDuration", "width", "height"}),
    "asset": (
        {"id"},
        {"name", "start", "duration", "hasVideo", "format", "videoSources", "hasAudio", "audioSources"}
        | {"audioChannels", "audioRate"},
    ),
    "media-rep": ({"src"}, {"kind"}),
    "library": (set(), set()),
    "event": (set(), {"name"}),
    "project": (set(), {"name"}),
    "sequence": ({"format"}, {"duration", "tcStart", "tcFormat"}),
    "spine": (set(), set()),
    "asset-clip": ({"ref"}, {"name", "offset", "duration", "start", "format", "tcFormat", "audioRole"}),
    "video": ({"ref"}, {"name", "offset", "duration", "start"}),
    "note": (set(), set()),
}


def seconds(text: str | None) -> Fraction:
    assert text is not None and text.endswith("s")
    return Fraction(text[:-1])


def read(file: Path) -> ElementTree.Element:
    """The document, if it follows the rules: attributes, references, and edits on frames of the sequence."""
    assert file.read_text("utf-8").startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n')
    root = ElementTree.parse(file).getroot()
    for element in root.iter():
        required, optional = ALLOWED[element.tag]
        assert required <= set(element.attrib) <= required | optional, element.attrib
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(set(ids)) == len(ids)
    for element in root.iter():
        assert all(element.get(name) in ids for name in ("ref", "format") if element.get(name))
    formats = {element.get("id"): element for element in root.iter("format")}
    sequence = root.find("library/event/project/sequence")
    assert sequence is not None
    frame = seconds(formats[sequence.get("format")].get("frameDuration"))
    offset = Fraction(0)
    for clip in sequence.findall("spine/*"):
        assert seconds(clip.get("offset")) == offset
        assert (seconds(clip.get("duration")) / frame).denominator == 1
        offset += seconds(clip.get("duration"))
    assert seconds(sequence.get("duration")) == offset
    return root


def test_each_file_is_counted_at_its_own_rate(library: Any, tmp_path: Path) -> None:
    moments = [
        video("ntsc.mp4", 1, 3, "a <b>\n& c"),
        video("film.mkv", 2, 4),
        video("ntsc.mp4", 4, 5),
        video("double.mp4", 1, 2),
        video("offset.ts", 1, 2),
    ]
    assert export_moments(tmp_path / "a.fcpxml", moments, library, title="\x1b]0;<x>").left_out == ()
    root = read(tmp_path / "a.fcpxml")
    assets = {asset.get("id"): asset for asset in root.iter("asset")}
    assert [asset.get("name") for asset in assets.values()] == [
        "ntsc.mp4",
        "film.mkv",
        "double.mp4",
        "offset.ts",
    ]
    rates = {"ntsc.mp4": NTSC, "film.mkv": FILM, "double.mp4": NTSC * 2, "offset.ts": Fraction(25)}
    clips = list(root.iter("asset-clip"))
    for clip, moment in zip(clips, moments, strict=True):
        rate = rates[moment.path]
        first, last = frames_inside(rate, moment.start or 0, moment.end or 0)
        assert seconds(clip.get("start")) == first / rate
        assert abs(seconds(clip.get("duration")) - (last - first) / rate) <= 1 / (2 * NTSC)
        asset = assets[clip.get("ref")]
        assert seconds(asset.get("start")) <= seconds(clip.get("start"))
        assert seconds(asset.get("duration")) >= last / rate - Fraction(1, 1000)
    assert clips[0].findtext("note") == r"a <b>\n& c"
    assert [clip.get("tcFormat") for clip in clips] == ["DF", "NDF", "DF", "DF", "NDF"]
    sound = assets[clips[0].get("ref")]
    assert (sound.get("hasAudio"), sound.get("audioRate")) == ("1", "16000")


def test_names_and_photographs(library: Any, tmp_path: Path) -> None:
    report = export_moments(
        tmp_path / "a.fcpxml", [photo(), video(ODD, 0, 1), video("camera.mov", 1.001, 2.002)], library
    )
    assert report.moments == 3
    root = read(tmp_path / "a.fcpxml")
    sources = [element.get("src") or "" for element in root.iter("media-rep")]
    assert unquote_to_bytes(sources[1].removeprefix("file://")).endswith(ODD_BYTES)
    still = next(root.iter("video"))
    # The edit has the rate of its videos: the nearest frame to five seconds.
    assert seconds(still.get("duration")) == 150 / NTSC and still.get("start") == "0s"
    camera = list(root.iter("asset-clip"))[1]
    assert seconds(camera.get("start")) == (10 * 107_892 + 30) / NTSC  # from 10:00:00;00 on


def test_an_audio_file_is_as_long_as_the_last_of_its_moments(library: Any, tmp_path: Path) -> None:
    talk = [ExportMoment("talk.mp3", "audio", 0, 2), ExportMoment("talk.mp3", "audio", 6, 8.07)]
    moments = [video("ntsc.mp4", 1, 3), *talk]
    export_moments(tmp_path / "a.fcpxml", moments, library)
    root = read(tmp_path / "a.fcpxml")
    (asset,) = (asset for asset in root.iter("asset") if asset.get("name") == "talk.mp3")
    clip = [clip for clip in root.iter("asset-clip") if clip.get("ref") == asset.get("id")][-1]
    assert seconds(clip.get("start")) + seconds(clip.get("duration")) <= seconds(asset.get("duration"))


def test_opentimelineio_reads_it(library: Any, tmp_path: Path) -> None:
    moments = [video("offset.ts", 1, 2), video("offset.ts", 3, 5)]
    export_moments(tmp_path / "a.fcpxml", moments, library, title="t")
    found = otio.adapters.read_from_file(str(tmp_path / "a.fcpxml"), adapter_name="fcpx_xml")
    ranges = [clip.source_range for clip in found.find_children(descended_from_type=otio.schema.Clip)]
    video_ranges = [(r.start_time.value, r.duration.value) for r in ranges]
    assert (25, 25) in video_ranges and (75, 50) in video_ranges
