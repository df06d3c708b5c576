"""OTIO, WebVTT, CSV and clips, each read back by other means than ours; and what holds for all formats."""

import csv
import html
import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import av
import pytest
import webvtt

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.export import FORMATS, ExportMoment, export_moments, format_of
from jepa_retrieval.tasks.searching.search import Moment
from tests.jepa_retrieval.report.export.conftest import (
    FILM,
    NTSC,
    ODD,
    ODD_BYTES,
    frames_inside,
    photo,
    video,
)


def test_otio_has_the_frames_of_each_file(library: Any, tmp_path: Path) -> None:
    moments = [video("ntsc.mp4", 1, 3, "a dog"), video("film.mkv", 2, 4), photo(), video(ODD, 0, 1)]
    assert export_moments(tmp_path / "a.otio", moments, library, title="dogs").left_out == ()
    timeline = json.loads((tmp_path / "a.otio").read_text("utf-8"))
    assert timeline["name"] == "dogs"
    pictures, sound = timeline["tracks"]["children"]
    assert [item["OTIO_SCHEMA"].split(".")[0] for item in sound["children"]] == ["Clip", "Gap", "Gap", "Gap"]
    clips = pictures["children"]
    for clip, moment, rate in zip(clips[:2], moments, (NTSC, FILM), strict=False):
        place = clip["source_range"]
        first, last = frames_inside(rate, moment.start or 0, moment.end or 0)
        assert (place["start_time"]["value"], place["duration"]["value"]) == (first, last - first)
        assert place["start_time"]["rate"] == pytest.approx(float(rate), abs=1e-9)
    assert clips[0]["metadata"]["jepa_retrieval"] == {"path": "ntsc.mp4", "label": "a dog"}
    assert clips[2]["source_range"]["duration"]["value"] == 150
    target = next(iter(clips[3]["media_references"].values()))["target_url"]
    assert unquote_to_bytes(target.removeprefix("file://")).endswith(ODD_BYTES)


def test_sound_only_is_an_audio_clip_in_every_edit(library: Any, tmp_path: Path) -> None:
    talk = ExportMoment("talk.mp3", "audio", 1.02, 3.5, "good evening")
    for name in ("a.edl", "a.otio", "a.fcpxml"):
        assert export_moments(tmp_path / name, [video("ntsc.mp4", 1, 3), talk], library).left_out == ()
    # At 29.97 frames a second the moment touches frames 30 to 104.
    events = [line for line in (tmp_path / "a.edl").read_text().splitlines() if line[:3].isdigit()]
    assert events[1].split()[2:6] == ["AA", "C", "00:00:01;00", "00:00:03;15"]
    pictures, sound = json.loads((tmp_path / "a.otio").read_text())["tracks"]["children"]
    assert [item["OTIO_SCHEMA"].split(".")[0] for item in pictures["children"]] == ["Clip", "Gap"]
    place = sound["children"][1]["source_range"]
    assert (place["start_time"]["value"], place["duration"]["value"]) == (30, 75)
    root = ElementTree.parse(tmp_path / "a.fcpxml").getroot()
    asset = root.findall("resources/asset")[1]
    assert (asset.get("hasAudio"), asset.get("hasVideo"), asset.get("audioRate")) == ("1", None, "16000")
    clip = root.findall(".//spine/asset-clip")[1]
    assert (clip.get("start"), clip.get("duration")) == ("1001/1000s", "1001/400s")
    assert clip.get("ref") == asset.get("id") and clip.get("format") is None


def test_an_edit_may_have_nothing_but_sound(library: Any, tmp_path: Path) -> None:
    talk = ExportMoment("talk.mp3", "audio", 0.0, None)
    for name in ("a.edl", "a.otio", "a.fcpxml"):
        assert export_moments(tmp_path / name, [talk], library).moments == 1
    (track,) = json.loads((tmp_path / "a.otio").read_text())["tracks"]["children"]
    assert track["kind"] == "Audio" and track["children"][0]["source_range"]["duration"]["value"] >= 200


def test_webvtt_has_a_cue_for_each_moment(library: Any, tmp_path: Path) -> None:
    moments = [video("long.mp4", 3725.5, 3730, "a <b> --> & c\n\nd"), video("long.mp4", 1.25, 2)]
    report = export_moments(tmp_path / "a.vtt", [*moments, photo()], library, title="dogs")
    assert [item.reason for item in report.left_out] == ["WebVTT holds no photographs"]
    cues = webvtt.read(str(tmp_path / "a.vtt"))
    assert [(cue.start, cue.end) for cue in cues] == [
        ("00:00:01.250", "00:00:02.000"),
        ("01:02:05.500", "01:02:10.000"),
    ]
    assert [html.unescape(cue.text) for cue in cues] == ["dogs", "a <b> --> & c d"]
    with pytest.raises(UsageError, match=r"these moments lie in 2: long\.mp4, film\.mkv"):
        export_moments(tmp_path / "b.vtt", [moments[0], video("film.mkv", 0, 1)], library)
    assert not (tmp_path / "b.vtt").exists()


def test_csv_has_a_row_for_each_moment_readable_or_not(library: Any, tmp_path: Path) -> None:
    hit = Moment(1, 0.5, 0.25, ODD, "video", 1.0, 2.0, 7, caption='a "cat", asleep')
    moments = [ExportMoment.of(hit, label="cats"), photo(), video("gone.mp4", 1, 2)]
    report = export_moments(tmp_path / "a.csv", moments, library)
    assert (report.moments, report.left_out) == (3, ())
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        first, second, third = csv.DictReader(file)
    assert (first["path"], first["label"], first["frame_rate"]) == (ODD, 'a "cat", asleep', "29.97")
    assert (int(first["first_frame"]), int(first["last_frame"]) + 1) == frames_inside(NTSC, 1, 2)
    assert (first["score"], first["confidence"], first["problem"]) == ("0.500000", "0.2500", "")
    assert second["start"] == second["first_frame"] == second["problem"] == ""
    assert (third["first_frame"], third["problem"]) == ("", "no such file or folder")


def test_zip_has_the_clips_and_photographs(library: Any, tmp_path: Path) -> None:
    moments = [
        video("ntsc.mp4", 1, 3),
        video("film.mkv", 0.5, 2.5),
        video(ODD, 3, 4),
        photo(),
        video("offset.ts", 1, 2),
        video("long.mp4", 3725, 3726),
    ]
    (tmp_path / "a.zip").write_text("what was there before")
    assert export_moments(tmp_path / "a.zip", moments, library).left_out == ()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        archive.extractall(tmp_path / "out")
    assert names == [
        "001 ntsc 0-01.0.mp4",
        "002 film 0-00.5.mp4",
        "003 _cat_ & _b__n100% #1_xff 0-03.0.mp4",
        "004 photo.jpg",
        "005 offset 0-01.0.mp4",
        "006 long 1-02-05.0.mp4",
        "moments.csv",
    ]
    counts = []
    for name in (names[0], names[1], names[4]):
        with av.open(str(tmp_path / "out" / name)) as container:
            counts.append(sum(1 for _ in container.decode(video=0)))
    assert counts == [60, 48, 25]
    assert (tmp_path / "out" / "004 photo.jpg").read_bytes() == library.resolve("photo.jpg").read_bytes()
    assert list(tmp_path.glob(".jepa-export-*")) == []


def test_formats_are_found_by_ending_and_by_name(library: Any, tmp_path: Path) -> None:
    assert [format_of(f"a.{name.upper()}").name for name in FORMATS] == list(FORMATS)
    with pytest.raises(
        UsageError, match=r"a\.avi: the name must end in one of \.edl, \.otio, \.fcpxml, \.vtt"
    ):
        format_of("a.avi")
    with pytest.raises(
        UsageError, match="no export format 'avi'; the formats are edl, otio, fcpxml, vtt, csv, zip"
    ):
        format_of("a.edl", "avi")
    assert (
        export_moments(tmp_path / "a.txt", [video("ntsc.mp4", 1, 2)], library, format="csv").format == "csv"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_to_export_leaves_the_old_file(library: Any, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"a.{name}"
    file.write_text("before")
    with pytest.raises(UsageError, match=r"nothing to export to .*: there are no moments"):
        export_moments(file, [], library)
    if name not in ("csv", "vtt"):
        with pytest.raises(UsageError, match=r"nothing to export .*gone\.mp4: no such file or folder"):
            export_moments(file, [video("gone.mp4", 0, 1)], library)
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]
