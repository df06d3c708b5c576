"""`jepa transcript`, and `jepa index --speech` as the command line reports it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Jepa
from tests.media_factory import make_picture
from tests.spoken import RATE, make_spoken_video, with_tracks

pytest.importorskip("faster_whisper", reason="the extra 'speech' is not installed")

SRT = "1\n00:00:00,500 --> 00:00:01,500\nFish & chips\n\n2\n00:00:01,600 --> 00:00:02,000\nTo go\n"


@pytest.fixture
def told(tmp_path: Path) -> Path:
    path = make_spoken_video(tmp_path / "told.mp4", None)
    (tmp_path / "told.srt").write_text(SRT)
    return path


def test_the_forms_of_a_transcript(jepa: Jepa, told: Path) -> None:
    assert jepa("transcript", told).out == "0:00 Fish & chips\n0:01 To go\n"
    srt, vtt = jepa("transcript", told, "--srt").out, jepa("transcript", told, "--vtt").out
    assert srt.startswith("1\n00:00:00,500 --> 00:00:01,500") and "\nFish & chips\n\n2\n" in srt
    assert vtt.startswith("WEBVTT\n\n00:00:00.500 --> 00:00:01.500") and "\nFish &amp; chips\n\n" in vtt
    document = json.loads(jepa("transcript", told, "--json").out)
    assert document["source"] == "told.srt" and document["lines"][0]["words"][1]["text"] == "&"
    refused = jepa("transcript", told, "--srt", "--json")
    assert refused.status == 2 and "cannot be used together" in refused.err


def test_speech_is_indexed_and_then_read_from_the_index(jepa: Jepa, told: Path) -> None:
    done = jepa("index", told.parent, "--speech")
    assert done.status == 0 and "speech of 1 file" in done.out
    (told.parent / "told.srt").unlink()
    assert "Fish & chips" in jepa("transcript", told).out
    assert "Fish & chips" in jepa("transcript", "told.mp4", "--index", told.parent / ".jepa").out
    summary = json.loads(jepa("index", told.parent, "--json").out)
    assert "spoken" not in summary


def test_a_damaged_index_is_named_and_the_other_one_asked(
    jepa: Jepa, told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jepa("index", told.parent, "--speech").status == 0
    told.with_suffix(".srt").unlink()
    damaged = tmp_path / "elsewhere" / ".jepa"
    damaged.mkdir(parents=True)
    (damaged / "manifest.json").write_text("{")
    monkeypatch.chdir(damaged.parent)
    done = jepa("transcript", told)
    assert done.status == 0 and "Fish & chips" in done.out
    assert f"Warning: what is said is left out, as far as the index {damaged} knows it: " in done.err
    assert jepa("transcript", told, "--index", damaged).status == 2


def test_what_cannot_be_listened_to_is_named(jepa: Jepa, told: Path) -> None:
    (told.parent / "told.srt").write_bytes(b"\x00\xff" * 100)
    done = jepa("index", told.parent, "--speech")
    assert done.status == 1 and "told.srt" in done.err
    assert jepa("transcript", told).status == 2
    assert "no such file" in jepa("transcript", told.parent / "missing.mp4").err
    for name in ("vljepa", "nonsense", "open_clip:x/y"):  # a model of another kind is not fetched either
        for command in (("transcript", told), ("index", told.parent)):
            other = jepa(*command, "--speech-model", name)
            assert (other.status, other.out) == (2, "")
            assert other.err.startswith(f"Error: unknown model for speech {name!r} (allowed: whisper:")
    unknown = jepa("index", told.parent, "--speech-model", "whisper:huge")
    assert unknown.status == 2 and "whisper:tiny.en" in unknown.err


def test_a_video_without_speech_says_so(jepa: Jepa, tmp_path: Path) -> None:
    done = jepa("transcript", make_spoken_video(tmp_path / "silent.mp4", None))
    assert done.out == "" and "Nothing is said" in done.err


def test_subtitles_end_with_their_file(jepa: Jepa, told: Path) -> None:
    told.with_suffix(".srt").write_text(SRT.replace("00:00:02,000", "50:00:00,000"))
    done = jepa("transcript", told, "--srt")
    assert done.status == 0 and "00:00:01,600 --> 00:00:02," in done.out
    assert f"{told}: 1 line ends in its told.srt after the end of the file at 0:02" in done.err


def test_a_still_picture_is_called_one(jepa: Jepa, tmp_path: Path) -> None:
    done = jepa("transcript", make_picture(tmp_path / "a.png"))
    assert (done.status, done.out) == (2, "")
    assert done.err.strip().endswith("a.png: is a still picture: there is no sound in it")


def test_a_transcript_with_a_part_missing_ends_with_1(jepa: Jepa, told: Path, tmp_path: Path) -> None:
    told.with_suffix(".srt").write_text(f"00:00:x --> 00:00:01,000\nlost\n\n{SRT}")
    done = jepa("transcript", told)
    assert done.status == 1 and "Fish & chips" in done.out
    assert f"{told}: told.srt has 1 cue" in done.err
    assert jepa("index", told.parent, "--speech").status == 1
    for known in (jepa("transcript", told), jepa("transcript", "told.mp4", "--index", told.parent / ".jepa")):
        assert known.status == 1 and "Fish & chips" in known.out and "told.srt has 1 cue" in known.err
    listed = jepa("status", "--without-speech", "--index", told.parent)
    assert listed.status == 0 and listed.out.startswith("told.mp4\ttold.srt has 1 cue")


def make_damaged_video(folder: Path) -> Path:
    """Noise of two seconds, of which some packets cannot be decoded."""
    noise = (np.random.default_rng(0).standard_normal(RATE * 2) * 900).astype(np.int16)
    damaged = make_spoken_video(folder / "damaged.mkv", noise, codec="flac")
    content = bytearray(damaged.read_bytes())
    for at in range(len(content) // 2, len(content) // 2 + 4000, 7):
        content[at] ^= 0x55
    damaged.write_bytes(content)
    return damaged


def test_damaged_sound_is_told_of_again_where_the_index_has_the_transcript(
    jepa: Jepa, tmp_path: Path
) -> None:
    damaged = make_damaged_video(tmp_path)
    missing = "packets of its sound cannot be decoded; the rest was listened to"
    alone = jepa("transcript", damaged)
    assert alone.status == 1 and missing in alone.err
    done = jepa("index", tmp_path, "--speech")
    assert done.status == 1 and "Indexed 1 file (1 in part)" in done.out
    assert done.err.count(missing) == 1 and f"{missing}; indexed in part" in done.err
    known = jepa("transcript", damaged)
    assert (known.status, known.err) == (1, alone.err)
    listed = jepa("status", "--partial", "--index", tmp_path / ".jepa")
    assert listed.out.startswith("damaged.mkv") and listed.out.count(missing) == 1
    assert "1 unchanged (1 in part)" in jepa("index", tmp_path).out


def test_a_file_that_turns_out_to_be_partial_when_speech_is_added_later_is_counted(
    jepa: Jepa, tmp_path: Path
) -> None:
    make_damaged_video(tmp_path)
    assert jepa("index", tmp_path).status == 0
    done = jepa("index", tmp_path, "--speech")
    assert done.status == 1 and "Indexed 0 files" in done.out and "1 unchanged (1 in part)" in done.out
    assert json.loads(jepa("index", tmp_path, "--json").out)["partial_before"] == 1


def test_sound_that_is_cut_off_is_told_of_indexed_or_not(jepa: Jepa, tmp_path: Path) -> None:
    path = make_spoken_video(
        tmp_path / "cut.wav", np.zeros(RATE * 6, np.int16), codec="pcm_s16le", pictures=False
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    told = f"{path}: is cut off: 3.0 of 6.0 seconds are there"
    alone = jepa("transcript", path)
    assert alone.status == 1 and told in alone.err
    assert jepa("index", tmp_path, "--speech").status == 1
    known = jepa("transcript", path)
    assert known.status == 1 and told in known.err


def test_sound_that_breaks_off_is_told_of_with_its_time(jepa: Jepa, tmp_path: Path) -> None:
    noise = (np.random.default_rng(0).standard_normal(RATE * 8) * 900).astype(np.int16)
    path = make_spoken_video(tmp_path / "broken.wv", noise, codec="wavpack", rate=48_000, pictures=False)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\xff"))
    told = re.compile(r"broken\.wv: its sound is damaged from 0:0\d on")
    alone = jepa("transcript", path)
    (once,) = told.findall(alone.err)
    done = jepa("index", tmp_path, "--speech")
    assert (alone.status, done.status) == (1, 1) and set(told.findall(done.err)) == {once}
    assert jepa("transcript", path).err == alone.err


def test_a_model_that_is_named_listens_although_there_are_subtitles(jepa: Jepa, told: Path) -> None:
    assert "Fish & chips" in jepa("transcript", told).out
    done = jepa("transcript", told, "--speech-model", "whisper:tiny.en", "--json")
    assert done.status == 0 and "Fish" not in done.out
    assert json.loads(done.out)["source"] == "no sound"
    sound = (np.random.default_rng(0).standard_normal(RATE * 2) * 900).astype(np.int16)
    make_spoken_video(told, sound)
    assert "told.srt" in jepa("transcript", told, "--json").out
    heard = json.loads(jepa("transcript", told, "--speech-model", "whisper:tiny.en", "--json").out)
    assert heard["source"] == "whisper:tiny.en"


def test_a_video_is_indexed_although_its_subtitles_cannot_be_read(jepa: Jepa, told: Path) -> None:
    told.with_suffix(".srt").write_bytes(b"Hello\n")
    done = jepa("index", told.parent, "--speech")
    assert done.status == 1 and "told.mp4: its subtitles cannot be read: told.srt has no cue" in done.err
    assert "Indexed 1 file" in done.out
    told.with_suffix(".srt").write_bytes(SRT.replace("&", "é").encode("cp1252"))
    done = jepa("index", told.parent)
    assert done.status == 0 and "told.srt is not in Unicode and was read as Windows-1252" in done.err
    assert "Fish é chips" in jepa("transcript", told).out


def test_no_speech_and_a_model_for_it_contradict_each_other(jepa: Jepa, told: Path) -> None:
    done = jepa("index", told.parent, "--no-speech", "--speech-model", "whisper:tiny.en")
    assert done.status == 2 and "--no-speech and --speech-model" in done.err
    assert not (told.parent / ".jepa").exists()


def test_subtitles_are_written_beside_the_video_by_redirection(tmp_path: Path) -> None:
    film = with_tracks(tmp_path / "talk.mkv", ("default", SRT, "eng"))
    beside = film.with_suffix(".srt")
    command = [sys.executable, "-m", "cli.main", "transcript", str(film), "--srt"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with beside.open("w") as out:  # which makes an empty file first, as the shell does
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Fish & chips" in beside.read_text() and "To go" in beside.read_text()


def test_an_index_passes_over_empty_subtitles_and_says_so(jepa: Jepa, told: Path) -> None:
    told.with_suffix(".srt").write_bytes(b"")
    done = jepa("index", told.parent, "--speech")
    assert done.status == 0 and "told.mp4: told.srt is empty and was passed over" in done.err
