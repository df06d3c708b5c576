"""`jepa watch` and `jepa chapters` on a small real video."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from cli.alerts import AlertCommand
from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.watching.alerts import Alert
from tests.cli.conftest import Golden, Jepa
from tests.jepa_retrieval.media.streams.stream_server import serve
from tests.language_model import small_language_model
from tests.media_factory import make_animation, make_picture, make_video
from tests.real_media import video
from tests.waiting import wait_for

pytestmark = pytest.mark.long

SENTENCES = """\
Bicycles are parked in a street.
A man is talking on the telephone.
A cat is sleeping on a sofa.
A plate of food is on a table.
"""


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    path = tmp_path / "sentences.txt"
    path.write_text(SENTENCES)
    return path


def test_sentences_as_lines_and_counters(jepa: Jepa, sentences: Path, golden: Golden) -> None:
    sentences.write_text("Bicycles are parked in a street.")
    done = jepa("watch", video("bikes.mp4"), "--sentences", sentences, "--max-silence", 4, "--threshold", 0.9)
    assert done.status == 0
    golden("watch", done.out)
    assert "20 windows, 10.0 s of video; 3 decodes instead of 10 at one per second" in done.err


def test_one_json_object_per_segment(jepa: Jepa, sentences: Path) -> None:
    done = jepa("watch", video("bikes.mp4"), "--sentences", sentences, "--max-silence", 4, "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert all(list(row) == ["start", "end", "text", "score", "windows"] for row in rows)
    assert rows[0]["start"] == 0.0 and sum(row["windows"] for row in rows) == 20
    assert {row["text"] for row in rows} <= set(SENTENCES.splitlines())


def test_files_beside_the_output(jepa: Jepa, sentences: Path, tmp_path: Path) -> None:
    names = {name: tmp_path / f"a.{name}" for name in ("srt", "vtt", "csv")}
    files = [part for name, path in names.items() for part in (f"--{name}", path)]
    timelines = ["--timeline", tmp_path / "a.html"]
    done = jepa("watch", video("bikes.mp4"), "--sentences", sentences, *files, *timelines, "--json")
    count = len(done.out.splitlines())
    assert names["srt"].read_text().count("-->") == names["vtt"].read_text().count("-->") == count
    assert len(list(csv.reader(names["csv"].open()))) == count + 1
    assert (tmp_path / "a.html").read_text().count("<img") == count


def test_a_voice_sums_up_what_was_seen(jepa: Jepa, sentences: Path) -> None:
    voice = small_language_model()
    done = jepa("watch", video("bikes.mp4"), "--sentences", sentences, "--voice", voice, "--json")
    *rows, last = [json.loads(line) for line in done.out.splitlines()]
    assert rows and all("text" in row for row in rows)
    assert list(last) == ["summary"] and last["summary"]


def test_a_timeline_is_drawn_though_the_stream_is_lost_for_good(
    jepa: Jepa, sentences: Path, tmp_path: Path
) -> None:
    data = make_video(tmp_path / "a.ts", seconds=4).read_bytes()

    def send(connection: int, file: IO[bytes]) -> None:
        if connection == 0:
            file.write(data)

    with serve(send) as url:
        done = jepa(
            "watch", url, "--sentences", sentences, "--give-up", 0.3, "--timeline", tmp_path / "a.html"
        )
    assert done.status == 2 and "was given up" in done.err
    assert "1 lost connection." in done.err and "8 windows" in done.err
    assert len(done.out.splitlines()) == (tmp_path / "a.html").read_text().count("<img") > 0


def test_alerts_run_a_command(jepa: Jepa, sentences: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"import os, pathlib; pathlib.Path({str(told)!r}).write_text(os.environ['JEPA_ALERT_TEXT'])"
    command = f'{sys.executable} -c "{script}"'
    done = jepa(
        "watch", video("bikes.mp4"), "--sentences", sentences, "--json", "--alert", "bicycles in a street",
        "--alert-at", 0.01, "--alert-command", command,
    )  # fmt: skip
    alerts = [row for row in map(json.loads, done.out.splitlines()) if "alert" in row]
    assert {row["alert"] for row in alerts} == {"bicycles in a street"}
    assert wait_for(lambda: told.is_file() and told.read_text()) == "bicycles in a street"


def test_a_command_that_cannot_be_run_is_a_warning(capfd: pytest.CaptureFixture[str]) -> None:
    AlertCommand("/nowhere/at/all").run(Alert("x", 0.0, 0.5, 0.9))
    assert "/nowhere/at/all: no such file or folder" in capfd.readouterr().err


def test_commands_that_hang_do_not_pile_up(capfd: pytest.CaptureFixture[str]) -> None:
    command = AlertCommand(f"{sys.executable} -c 'import time; time.sleep(120)'")
    for _ in range(9):
        command.run(Alert("x", 0.0, 0.5, 0.9))
    assert "still running" in capfd.readouterr().err
    for process in command._running:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.mp4"], "nowhere.mp4: no such file or folder"),
        (["ftp://host/a"], "ftp:// cannot be watched"),
        (["a.mp4", "--timeline", "a.pdf"], "must end in .png or .html"),
        (["a.mp4", "--timeline", "nowhere/a.png"], "nowhere/a.png: cannot be written: nowhere: no such"),
        (["a.mp4", "--voice", __file__], "is not a language model in GGUF format"),
        (["a.mp4", "--input-option", "x"], "KEY=VALUE"),
        (["a.mp4", "--max-silence", "0"], "'--max-silence': must be greater than or equal to 1"),
        (["a.mp4", "--alert-command", "x"], "requires --alert"),
    ],
)
def test_what_cannot_be_done(jepa: Jepa, sentences: Path, arguments: list[str], message: str) -> None:
    done = jepa("watch", *arguments, "--sentences", sentences)
    assert (done.status, done.out) == (2, "")
    assert message in done.err


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(UsageError):
        AlertCommand(" ")


def test_ctrl_c_leaves_whole_files(sentences: Path, tmp_path: Path) -> None:
    """A source that never ends: a named pipe would do, a growing file does."""
    growing = tmp_path / "growing.ts"
    make_video(growing, seconds=6)
    command = [sys.executable, "-m", "cli.main", "watch", str(growing), "--follow", "--timeout", "60"]
    arguments = [
        "--sentences",
        str(sentences),
        "--srt",
        str(tmp_path / "a.srt"),
        "--max-silence",
        "2",
        "--rate",
        "4",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(2)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert first.startswith("0:00-0:0")
    assert (tmp_path / "a.srt").read_text().startswith("1\n00:00:00,000 --> 00:00:0")
    assert "decode" in err


@pytest.mark.parametrize("command", ["watch", "chapters"])
def test_a_half_downloaded_file_is_named(jepa: Jepa, sentences: Path, tmp_path: Path, command: str) -> None:
    whole = make_video(tmp_path / "a.mp4", seconds=12, gop=25, container_options={"movflags": "faststart"})
    half = tmp_path / "half.mp4"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = jepa(command, half, "--sentences", sentences)
    assert done.status == 1 and done.out
    assert f"Warning: {half}: is cut off: " in done.err


@pytest.mark.parametrize("command", ["watch", "chapters"])
def test_animated_pictures_are_videos_and_photographs_are_not(
    jepa: Jepa, sentences: Path, tmp_path: Path, command: str
) -> None:
    done = jepa(command, make_animation(tmp_path / "a.webp", delays=[0.5] * 4), "--sentences", sentences)
    assert done.status == 0 and done.out.startswith("0:00")
    done = jepa(command, make_picture(tmp_path / "b.webp"), "--sentences", sentences)
    assert done.status == 2 and f"{tmp_path / 'b.webp'}: is a still picture" in done.err


def test_chapters(jepa: Jepa, sentences: Path) -> None:
    done = jepa("chapters", video("bikes.mp4"), "--sentences", sentences, "--json")
    document = json.loads(done.out)
    assert document["duration"] == pytest.approx(10.0, abs=0.1)
    assert [chapter["start"] for chapter in document["chapters"]] == [0.0]
    title = document["chapters"][0]["title"]
    assert jepa("chapters", video("bikes.mp4"), "--sentences", sentences).out == f"0:00 {title}\n"
    metadata = jepa("chapters", video("bikes.mp4"), "--sentences", sentences, "--ffmetadata").out
    assert metadata.startswith(";FFMETADATA1\n[CHAPTER]\n") and f"title={title}" in metadata


def test_chapters_do_not_need_the_index_beside_the_video(jepa: Jepa, sentences: Path, tmp_path: Path) -> None:
    film = make_animation(tmp_path / "a.webp", delays=[0.5] * 4)
    (tmp_path / ".jepa").mkdir()
    (tmp_path / ".jepa" / "manifest.json").write_text("{")
    done = jepa("chapters", film, "--sentences", sentences, "--json")
    assert (done.status, len(json.loads(done.out)["chapters"])) == (1, 1)
    assert "what is said and written is left out" in done.err
