"""Files that commands write: none replaces media, an input or another output, and nothing is touched before."""

import shutil
import tarfile
from pathlib import Path

import pytest

from cli.paths import OutputFile, require_outputs, require_writable
from cli.watch_output import Output, SentenceFiles
from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.timeline import Timeline, write_png
from jepa_retrieval.tasks.watching.watch import Described, Observed
from jepa_retrieval.user_paths import user_path
from tests.cli.conftest import Jepa
from tests.media_factory import make_audio, make_picture, make_video


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Path, bytes]:
    """A video, a photograph and sound in the working directory, with other names and links, and their content."""
    monkeypatch.chdir(tmp_path)
    make_video(Path("v.mp4"), seconds=0.5)
    make_picture(Path("p.png"))
    make_audio(Path("s.mp3"), seconds=0.5)
    shutil.copy("v.mp4", "video.csv")
    shutil.copy("p.png", "photo.html")
    shutil.copy("s.mp3", "sound.vtt")
    Path("link.srt").symlink_to("v.mp4")
    Path("hard.csv").hardlink_to("v.mp4")
    Path("chart.png").symlink_to("p.png")
    Path("truth.csv").write_text("p.png,a\n")
    Path("list.jsonl").write_text('no line\n{"file": "on/another/disk.mp4", "caption": "x"}\n')
    Path("list.ndjson").write_text('"p.png"\n"s3://bucket/b.png"\n')
    Path("linked.jsonl").symlink_to("list.jsonl")
    Path("list.txt").write_text('{"path": "v.mp4"}\n')
    Path("named.jsonl").symlink_to("list.txt")
    Path("numbered.jsonl").write_text('{"path": "v.mp4", "clip_id": 3}\n')
    Path("sentences.txt").write_text("A dog.\n")
    with tarfile.open("shard.tar", "w") as shard:
        shard.add("v.mp4")
        shard.add("p.png")
    Path("index/clips.lance").mkdir(parents=True)
    Path("index/manifest.json").write_text("{}")
    return contents()


def contents() -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}


REPLACED = [
    *((["watch", "v.mp4", option, "v.mp4"], option) for option in ("--srt", "--vtt", "--csv", "--timeline")),
    (["watch", "v.mp4", "--srt", "./link.srt"], "the command reads this file"),
    (["watch", "v.mp4", "--csv", "hard.csv"], "the command reads this file"),
    (["watch", "v.mp4", "--surprise", "5", "--scene", "v.mp4"], "--scene v.mp4: the command reads"),
    (["watch", "v.mp4", "--sentences", "sentences.txt", "--srt", "sentences.txt"], "the command reads"),
    (["watch", "camera:0", "--csv", "video.csv"], "--csv video.csv: a media file"),
    (["watch", "camera:0", "--vtt", "sound.vtt"], "--vtt sound.vtt: a media file"),
    (["watch", "camera:0", "--srt", "shard.tar"], "a media file or an archive is there"),
    (["watch", "shard.tar/v.mp4", "--srt", "shard.tar"], "the command reads this file"),
    (["watch", "camera:0", "--csv", "index/manifest.json"], "--csv index/manifest.json: a file of an index"),
    (["watch", "camera:0", "--csv", "index/new.csv"], "--csv index/new.csv: is inside an index"),
    (["watch", "camera:0", "--csv", "index/clips.lance/new.csv"], "clips.lance/new.csv: is inside an index"),
    (["watch", "v.mp4", "--timeline", "p.png"], "--timeline p.png: a media file"),
    (["watch", "v.mp4", "--timeline", "chart.png"], "--timeline chart.png: a media file"),
    (["surprise", "v.mp4", "--html", "v.mp4"], "--html v.mp4: the command reads this file"),
    (["surprise", "v.mp4", "--html", "p.png"], "--html p.png: the name must end in .html"),
    (["surprise", "v.mp4", "--html", "photo.html"], "--html photo.html: a media file"),
    (["search", "x", "--html", "p.png"], "--html p.png: the name must end in .html"),
    (["search", "--image", "p.png", "--html", "p.png"], "--html p.png"),
    (["search", "--image", "photo.html", "--html", "photo.html"], "the command reads this file"),
    (["search", "--video", "video.csv@0-1", "--export", "video.csv"], "the command reads this file"),
    (["search", "x", "--export", "video.csv"], "--export video.csv: a media file"),
    (["classify", "p.png", "--labels", "a", "--truth", "truth.csv", "--confusion", "p.png"], "the command reads"),
    (["classify", "v.mp4", "--labels", "a", "--truth", "truth.csv", "--confusion", "p.png"], "a media file"),
    (["classify", "v.mp4", "--labels", "a", "--truth", "truth.csv", "--confusion", "x.csv"], "end in .png"),
    (["export", "video.csv"], "video.csv: a media file"),
    (["export", "list.jsonl"], "list.jsonl: a list of media"),
    (["export", "linked.jsonl"], "linked.jsonl: a list of media"),
    (["export", "named.jsonl"], "named.jsonl: a list of media"),
    (["export", "numbered.jsonl"], "numbered.jsonl: a list of media"),
    (["watch", "camera:0", "--csv", "list.ndjson"], "--csv list.ndjson: a list of media"),
]  # fmt: skip
SAME_NAME = [
    (["watch", "v.mp4", "--timeline", "t.html", "--srt", "t.html"], ("--srt", "--timeline")),
    (["watch", "v.mp4", "--csv", "truth.csv", "--vtt", "./truth.csv"], ("--vtt", "--csv")),
    (["search", "x", "--export", "n.csv", "--html", "n.csv"], ("--export", "--html")),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "named"), REPLACED, ids=lambda value: " ".join(value))
def test_no_output_replaces_media_or_an_input(
    jepa: Jepa, media: dict[Path, bytes], arguments: list[str], named: str
) -> None:
    done = jepa(*arguments)
    assert (done.status, done.out) == (2, "")
    assert named in done.err and len(done.err.splitlines()) == 1
    assert contents() == media


@pytest.mark.parametrize(("arguments", "named"), SAME_NAME, ids=lambda value: " ".join(value))
def test_two_outputs_are_two_files(
    jepa: Jepa, media: dict[Path, bytes], arguments: list[str], named: tuple[str, str]
) -> None:
    done = jepa(*arguments)
    assert (done.status, done.out) == (2, "")
    assert f"{named[0]} and {named[1]} name the same file" in done.err
    assert contents() == media


@pytest.mark.parametrize("name", ["movie.mp4", "photo.TIF", "talk.wav"])
def test_a_damaged_file_with_the_name_of_media_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(UsageError, match="not replaced"):
        require_writable(tmp_path / name)


def test_other_files_are_replaced_and_pipes_are_written_to(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("start,end,text\n")
    (tmp_path / "lecture.ts").write_text("export const times = [];\n")  # TypeScript
    for name in ("old.csv", "lecture.ts", "new.mp4"):
        require_writable(tmp_path / name)
    (tmp_path / "manifest.json").write_text("{}")  # of a program that is not this one
    require_writable(tmp_path / "old.csv")
    device = Path("/dev/null")
    require_outputs(OutputFile("--srt", device), OutputFile("--csv", device), inputs=[device])


@pytest.mark.parametrize("read", ["shard.tar/p.png", "s3://bucket/p.png", "no.png", ""])
def test_inputs_may_lie_in_archives_and_stores_or_be_missing(media: dict[Path, bytes], read: str) -> None:
    Path("old.csv").write_text("rank\n")
    require_outputs(OutputFile("--export", Path("old.csv")), inputs=[user_path(read) if read else None])


@pytest.mark.parametrize(
    ("arguments", "written", "of"),
    [
        (["watch", "v.mp4", "--srt"], "v.srt", "v.mp4"),
        (["watch", "camera:0", "--vtt"], "v.en.vtt", "v.mp4"),
        (["search", "x", "--export"], "s.vtt", "s.mp3"),
        (["watch", "v.mp4", "--srt"], "linked.txt", "v.mp4"),
    ],
)
def test_subtitles_beside_media_are_not_replaced(
    jepa: Jepa, media: dict[Path, bytes], arguments: list[str], written: str, of: str
) -> None:
    kept = Path("v.srt" if written == "linked.txt" else written)
    kept.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    if written == "linked.txt":
        Path(written).symlink_to(kept)
    before = contents()
    done = jepa(*arguments, written)
    assert (done.status, done.out) == (2, "") and len(done.err.splitlines()) == 1
    assert f"{arguments[-1]} {written}: subtitles of {of} are there, which are not replaced" in done.err
    assert f"such as {Path(of).stem}-seen{Path(written).suffix}" in done.err
    assert contents() == before


def test_new_subtitles_beside_media_are_warned_of(
    media: dict[Path, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("v.vtt").touch()  # an empty file is not taken for subtitles
    others = [Path(name) for name in ("v-seen.srt", "vde.srt", "p.srt", "v.csv")]
    require_outputs(*(OutputFile(f"--{path.stem}", path) for path in others))
    assert capsys.readouterr().err == ""
    require_outputs(OutputFile("--srt", Path("v.srt")), OutputFile("--vtt", Path("v.vtt")))
    first, second = capsys.readouterr().err.splitlines()
    assert "--srt v.srt: it will be taken for what is said in v.mp4" in first and "v-seen.srt avoids" in first
    assert "--vtt v.vtt" in second and "v-seen.vtt avoids" in second


def test_a_chart_is_replaced_by_a_chart_only(tmp_path: Path) -> None:
    chart = tmp_path / "chart.png"
    write_png(Timeline("a.mp4", threshold=0.1), chart)
    require_writable(chart, endings=(".png",))
    with pytest.raises(UsageError, match="not replaced"):
        require_writable(chart)
    with pytest.raises(UsageError, match="reads this file"):
        require_outputs(OutputFile("--confusion", chart, (".png",)), inputs=[chart])


def test_lines_that_are_no_list_of_media_are_replaced(media: dict[Path, bytes]) -> None:
    Path("log.jsonl").write_text('{"time": 1.5, "text": "v.mp4"}\n"A dog."\n')
    Path("empty.jsonl").touch()
    for name in ("log.jsonl", "empty.jsonl"):
        require_writable(Path(name))


def test_an_earlier_table_of_clips_is_replaced(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    """It names media as a list does."""
    table = tmp_path / "clips.jsonl"
    assert jepa("export", table, "--index", library).status == 0
    lines = table.read_text().splitlines()
    table.write_text(lines[0] + "\n")
    assert jepa("export", table, "--index", library).status == 0
    assert table.read_text().splitlines() == lines and len(lines) > 1
    table.write_text(lines[0].replace("{", '{"note": "mine", ', 1) + "\n")
    done = jepa("export", table, "--index", library)
    assert done.status == 2 and "a list of media" in done.err


def test_earlier_sentences_are_replaced_with_the_first_window(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"a.{name}" for name in ("srt", "vtt", "csv")}
    for path in paths.values():
        path.write_text("of an earlier run")
    with SentenceFiles(**paths):
        pass  # the source did not open
    assert {path.read_text() for path in paths.values()} == {"of an earlier run"}
    with SentenceFiles(**paths) as files:
        output = Output(json=True, command=None, timeline=None, files=files)
        output.take(Observed(0.0, 0.5, 0.0))
        assert [path.read_text() for path in paths.values()] == [
            "", "WEBVTT\n\n", "start,end,text,score,windows\n",
        ]  # fmt: skip
        output.take(Described(0.0, 0.5, "A dog.", 0.5, 1, "end"))
        assert all("A dog." in path.read_text() for path in paths.values())  # while the stream goes on
