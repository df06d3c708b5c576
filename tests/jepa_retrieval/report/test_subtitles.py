import csv
from pathlib import Path

from jepa_retrieval.report.subtitles import CsvWriter, SrtWriter, VttWriter
from jepa_retrieval.tasks.watching.watch import Described

FIRST = Described(0.0, 3661.5, "A <b>man</b> & a\n\ndog.", 0.5, 4, "shift")
SECOND = Described(3661.5, 3662.0, 'He says "hello", twice.', 0.25, 1, "end")


def test_srt(tmp_path: Path) -> None:
    with SrtWriter(tmp_path / "a.srt") as writer:
        writer.add(FIRST)
        writer.add(SECOND)
    assert (tmp_path / "a.srt").read_text() == (
        "1\n00:00:00,000 --> 01:01:01,500\nA <b>man</b> & a dog.\n\n"
        '2\n01:01:01,500 --> 01:01:02,000\nHe says "hello", twice.\n\n'
    )


def test_vtt_escapes_what_would_be_markup(tmp_path: Path) -> None:
    with VttWriter(tmp_path / "a.vtt") as writer:
        writer.add(FIRST)
    assert (tmp_path / "a.vtt").read_text() == (
        "WEBVTT\n\n00:00:00.000 --> 01:01:01.500\nA &lt;b&gt;man&lt;/b&gt; &amp; a dog.\n\n"
    )


def test_csv_is_whole_after_every_sentence(tmp_path: Path) -> None:
    writer = CsvWriter(tmp_path / "a.csv")
    writer.add(SECOND)
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["start", "end", "text", "score", "windows"],
            ["3661.500", "3662.000", 'He says "hello", twice.', "0.2500", "1"],
        ]
    writer.close()
