"""`jepa search` on an index with speech: what it prints, and what it refuses."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Jepa
from tests.media_factory import make_video

pytest.importorskip("faster_whisper", reason="the extra 'speech' is not installed")


@pytest.fixture
def index(jepa: Jepa, tmp_path: Path) -> Path:
    make_video(tmp_path / "talk.mp4", seconds=6.0, fps=5.0)
    (tmp_path / "talk.srt").write_text("1\n00:00:03,000 --> 00:00:05,000\nGood evening, ladies\n")
    make_video(tmp_path / "other.mp4", seconds=2.0, fps=5.0)
    assert jepa("index", tmp_path, "--speech").status == 0
    return tmp_path / ".jepa"


def test_hits_say_what_was_said(jepa: Jepa, index: Path) -> None:
    (line,) = jepa("search", "ladies", "--in", "said", "--index", index).out.splitlines()
    assert line.split("\t")[3:] == ["talk.mp4", "said: Good evening, ladies"]
    both = json.loads(jepa("search", '"good evening"', "--json", "--index", index).out)["hits"]
    assert [(hit["path"], hit["said"], hit["found_by"]) for hit in both] == [
        ("talk.mp4", "Good evening, ladies", ["said"])
    ]
    assert abs(both[0]["start"] - 3.0) < 1
    seen = json.loads(jepa("search", "ladies", "--in", "seen", "--json", "--index", index).out)["hits"]
    assert {hit["path"] for hit in seen} == {"talk.mp4", "other.mp4"}
    assert all("said" not in hit and "found_by" not in hit for hit in seen)


def test_exports_and_pages_show_it(jepa: Jepa, index: Path, tmp_path: Path) -> None:
    files = tmp_path / "out.vtt", tmp_path / "out.html"
    jepa("search", "ladies", "--in", "said", "--index", index, "--export", files[0], "--html", files[1])
    assert "Good evening, ladies" in files[0].read_text()
    assert "“Good evening, ladies”" in files[1].read_text()


def test_what_cannot_be_looked_for_is_refused(jepa: Jepa, index: Path, tmp_path: Path) -> None:
    assert (
        "must be seen, said, written, or several"
        in jepa("search", "a", "--in", "heard", "--index", index).err
    )
    nothing = jepa("search", '"!!!"', "--index", index)
    assert nothing.status == 2 and 'there is no word in "!!!"' in nothing.err
    image = jepa("search", "--video", tmp_path / "talk.mp4", "--in", "said", "--index", index)
    assert image.status == 2 and "only texts" in image.err


def test_status_says_of_how_many_files_speech_is_known(jepa: Jepa, index: Path) -> None:
    known = " ".join(jepa("status", "--index", index).out.split())
    assert "speech of 2 of 2 files clips" in known
    make_video(index.parent / "new.mp4", seconds=1.0, fps=5.0)
    planned = jepa("index", index.parent, "--dry-run")
    assert "Would look for speech in 1 file." in planned.err
    jepa("index", index.parent, "--no-speech")
    assert "of 2 of 3 files (see 'jepa status --without-speech')" in jepa("status", "--index", index).out
    listed = jepa("status", "--without-speech", "--index", index)
    assert listed.out.startswith("new.mp4\tit is not known what is said in it")
    refused = jepa("status", "--without-writing", "--index", index)
    assert refused.status == 2 and "has no writing" in refused.err


def test_answers_and_chapters_come_with_what_is_said(jepa: Jepa, index: Path) -> None:
    items = json.loads(jepa("ask", "What is it?", "--json", "--per", "file", "--index", index).out)
    assert {item["path"]: item.get("said") for item in items} == {
        "talk.mp4": "Good evening, ladies",
        "other.mp4": None,
    }
    (chapter,) = json.loads(jepa("chapters", index.parent / "talk.mp4", "--json").out)["chapters"]
    assert chapter["said"] == "Good evening, ladies"
