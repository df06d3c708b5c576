import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import FoundFile, Scan, ScanProblem, scan
from tests.media_factory import make_audio, make_picture, make_video
from tests.unprivileged import unprivileged


def names(found: Iterable[FoundFile | ScanProblem], root: Path) -> list[str]:
    return [str(entry.path.relative_to(root)) for entry in found if isinstance(entry, FoundFile)]


def left_out(found: Scan, root: Path) -> dict[str, str]:
    """Walk to the end: what was left out, and why."""
    list(found)
    return {str(item.path.relative_to(root)): item.reason for item in found.left_out}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "b.mp4",
        "a/x.JPG",
        "a/deep/y.mkv",
        "a/notes.txt",
        ".hidden/z.mp4",
        ".dot.mp4",
        ".jepa/t.webp",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")
    return tmp_path


def test_media_are_found_by_suffix_in_any_case(tree: Path) -> None:
    assert names(scan([tree]), tree) == ["b.mp4", "a/x.JPG", "a/deep/y.mkv"]


def test_size_and_time_are_those_of_the_file(tree: Path) -> None:
    found = next(entry for entry in scan(tree) if entry.path.name == "b.mp4")
    status = (tree / "b.mp4").stat()
    assert isinstance(found, FoundFile)
    assert (found.size, found.mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_hidden_files_on_request_but_never_an_index(tree: Path) -> None:
    assert set(names(scan([tree], hidden=True), tree)) == {
        "b.mp4", "a/x.JPG", "a/deep/y.mkv", ".hidden/z.mp4", ".dot.mp4"
    }  # fmt: skip


@pytest.mark.parametrize("name", [".jepa", ".jepa.rebuilding", ".jepa.replaced-1700000000", "library"])
def test_an_index_is_neither_media_nor_left_out(tmp_path: Path, name: str) -> None:
    index = tmp_path / name
    for part in ("media.lance", "clips.lance", "vectors"):
        (index / part).mkdir(parents=True)
        (index / part / "data.png").write_bytes(b"1234")
    (index / "manifest.json").write_text("{}")
    (tmp_path / "a.png").write_bytes(b"1234")
    found = scan([tmp_path], hidden=True)
    assert left_out(found, tmp_path) == {}
    assert names(scan([tmp_path], hidden=True), tmp_path) == ["a.png"]


def test_a_folder_with_a_manifest_of_something_else_is_media(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text("{}")
    (tmp_path / "app" / "icon.png").write_bytes(b"1234")
    assert names(scan([tmp_path]), tmp_path) == ["app/icon.png"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"exclude": ["*.mkv"]}, ["b.mp4", "a/x.JPG"]),
        ({"exclude": ["a/"]}, ["b.mp4"]),
        ({"exclude": ["/b.mp4"]}, ["a/x.JPG", "a/deep/y.mkv"]),
        ({"exclude": ["*", "!*.mp4"]}, ["b.mp4"]),
        ({"include": ["deep/**"]}, []),
        ({"include": ["**/deep/**"]}, ["a/deep/y.mkv"]),
        ({"include": ["a/**"], "exclude": ["*.JPG"]}, ["a/deep/y.mkv"]),
    ],
)
def test_patterns_work_as_in_gitignore(
    tree: Path, options: dict[str, list[str]], expected: list[str]
) -> None:
    assert names(scan([tree], **options), tree) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "pattern", ["{root}/a", "{root}/a/", "{name}/a", "./{name}/a", "{root}/a/*", "../{up}/{name}/a"]
)
def test_a_pattern_may_be_a_path(tree: Path, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.chdir(tree.parent)
    given = pattern.format(root=tree, name=tree.name, up=tree.parent.name)
    found = scan(tree.name, exclude=[given])
    assert names(found, tree) == ["b.mp4"]
    assert found.unmatched_patterns == []
    assert names(scan(tree, include=[given + ("" if given.endswith(("*", "/")) else "/**")]), tree) == (
        ["a/x.JPG", "a/deep/y.mkv"]
    )


def test_a_pattern_may_be_a_path_through_a_link(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(tree)
    assert names(scan(tree, exclude=[f"{link}/a"]), tree) == ["b.mp4"]
    assert names(scan(link, exclude=[f"{tree}/a"]), link) == ["b.mp4"]


def test_patterns_that_match_nothing_are_told(tree: Path) -> None:
    found = scan(tree, exclude=["*.mkv", "private/", "/a/x.*", "*.JPG"], include=["*.mp4", "*.jpeg", "**"])
    list(found)
    assert found.unmatched_patterns == ["*.jpeg", "private/"]


def test_a_named_file_is_taken_whatever_its_name(tree: Path) -> None:
    assert names(scan([tree / "a/notes.txt"], exclude=["*"]), tree) == ["a/notes.txt"]


def test_every_file_once_whatever_the_roots(tree: Path) -> None:
    found = names(scan([tree / "a", tree, tree / "b.mp4", tree / "a" / "deep"]), tree)
    assert sorted(found) == sorted(set(found)) == ["a/deep/y.mkv", "a/x.JPG", "b.mp4"]


def test_a_missing_root_is_named(tree: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        scan([tree / "nowhere"])


def test_linked_folders_only_on_request_each_once(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "film.mp4").write_bytes(b"1")
    (tree / "link").symlink_to(outside)
    (tree / "second").symlink_to(outside)
    (outside / "loop").symlink_to(tree)
    assert "link/film.mp4" not in names(scan([tree]), tree)
    followed = names(scan([tree], follow_links=True), tree)
    assert followed.count("link/film.mp4") + followed.count("second/film.mp4") == 1
    assert len(followed) == 4


def test_linked_files_are_found_and_broken_links_reported(tree: Path) -> None:
    (tree / "linked.mp4").symlink_to(tree / "b.mp4")
    (tree / "broken.mp4").symlink_to(tree / "gone.mp4")
    entries = list(scan([tree]))
    assert "linked.mp4" in names(entries, tree)
    (problem,) = [entry for entry in entries if isinstance(entry, ScanProblem)]
    assert (problem.path.name, problem.reason) == ("broken.mp4", "no such file or folder")


def test_an_unreadable_folder_is_reported(tree: Path) -> None:
    script = """
import sys
from jepa_retrieval.media import ScanProblem, scan
for entry in scan(sys.argv[1]):
    print(entry.path.name, entry.reason if isinstance(entry, ScanProblem) else "found")
"""
    (tree / "a").chmod(0)
    try:
        command = [*unprivileged(), sys.executable, "-c", script, str(tree)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        (tree / "a").chmod(0o755)
    assert done.stdout.splitlines() == ["b.mp4 found", "a permission denied"]


def test_a_folder_that_vanishes_is_reported(tree: Path) -> None:
    entries = scan([tree])
    first = next(entries)
    (tree / "a" / "x.JPG").unlink()
    (tree / "a" / "notes.txt").unlink()
    (tree / "a" / "deep" / "y.mkv").unlink()
    (tree / "a" / "deep").rmdir()
    (tree / "a").rmdir()
    assert isinstance(first, FoundFile)
    assert [entry.reason for entry in entries if isinstance(entry, ScanProblem)] == ["no such file or folder"]


@pytest.mark.parametrize(
    "name", [b"sp ace.mp4", b"quo\"te'.mp4", b"new\nline.mp4", "🎬.mp4".encode(), b"\xff\xfe.mp4"]
)
def test_strange_names(tmp_path: Path, name: bytes) -> None:
    try:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:  # noqa: PTH118, PTH123 - bytes
            file.write(b"1")
    except OSError:
        pytest.skip("this file system refuses the name")
    assert [os.fsencode(entry.path.name) for entry in scan([tmp_path])] == [name]


def test_typescript_is_no_transport_stream(tmp_path: Path) -> None:
    (tmp_path / "main.ts").write_text("export const answer = 42\n")
    (tmp_path / "film.ts").write_bytes(b"\x47" + bytes(187))
    (tmp_path / "camera.mts").write_bytes(bytes(4) + b"\x47" + bytes(187))
    assert names(scan([tmp_path]), tmp_path) == ["camera.mts", "film.ts"]


def test_a_transport_stream_that_is_damaged_at_its_beginning_is_no_typescript(tmp_path: Path) -> None:
    (tmp_path / "damaged.ts").write_bytes(bytes(range(256)) * 4)
    assert names(scan([tmp_path]), tmp_path) == ["damaged.ts"]


def test_pipes_and_sockets_are_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    found = scan([tmp_path])
    assert list(found) == []
    assert [item.reason for item in found.left_out] == ["special file"]


def test_what_is_left_out_is_named_with_a_reason(tree: Path) -> None:
    (tree / "song.mp3").write_bytes(b"ID3")
    (tree / "@eaDir").mkdir()
    (tree / "@eaDir" / "b.mp4").write_bytes(b"1")
    (tree / "outside").symlink_to(tree.parent)
    assert left_out(scan(tree, exclude=["deep/"], include=["**/*.mp4", "*.mkv"]), tree) == {
        ".dot.mp4": "hidden",
        ".hidden": "hidden",
        "@eaDir": "system folder",
        "a/deep": "excluded",
        "a/notes.txt": "unknown kind",
        "a/x.JPG": "not included",
        "outside": "linked folder",
        "song.mp3": "audio only",
    }


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        ".Trash-1000",
        "film.trickplay",
        ".thumbnails",
        "lost+found",
        ".Trashes",
    ],
)
def test_folders_of_devices_and_programs_are_entered_on_request(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.mp4").write_bytes(b"1")
    assert left_out(scan(tmp_path, hidden=True), tmp_path) == {name: "system folder"}
    assert names(scan(tmp_path, system_folders=True), tmp_path) == [f"{name}/a.mp4"]
    assert names(scan(tmp_path / name), tmp_path) == [f"{name}/a.mp4"]


def test_unknown_suffixes_are_taken_by_content(tmp_path: Path) -> None:
    options = {"seconds": 0.2}
    make_video(tmp_path / "a.mp4", **options).rename(tmp_path / "mp4.download")  # type: ignore[arg-type]
    make_video(tmp_path / "a.ts", **options).rename(tmp_path / "ts")  # type: ignore[arg-type]
    make_video(tmp_path / "a.avi", codec="mpeg4", **options).rename(tmp_path / "avi.001")  # type: ignore[arg-type]
    make_video(tmp_path / "a.h264", **options).rename(tmp_path / "h264.raw")  # type: ignore[arg-type]
    make_video(tmp_path / "a.mkv", **options).rename(tmp_path / "mkv.x")  # type: ignore[arg-type]
    make_video(tmp_path / "a.mpg", codec="mpeg2video", **options).rename(tmp_path / "ps")  # type: ignore[arg-type]
    make_picture(tmp_path / "a.jpg").rename(tmp_path / "jpeg~")
    make_picture(tmp_path / "a.webp").rename(tmp_path / "webp.tmp")
    make_audio(tmp_path / "a.m4a").rename(tmp_path / "sound.x")
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    (tmp_path / "empty").touch()
    found = scan(tmp_path)
    assert set(names(found, tmp_path)) == {
        "mp4.download",
        "ts",
        "avi.001",
        "h264.raw",
        "mkv.x",
        "ps",
        "jpeg~",
        "webp.tmp",
    }
    assert {item.path.name for item in found.left_out} == {"sound.x", "noise", "empty"}


def test_a_named_pipe_is_a_problem_not_a_file(tmp_path: Path) -> None:
    """Opening it would wait for a writer that may never come."""
    os.mkfifo(tmp_path / "pipe.mp4")
    (problem,) = scan([tmp_path / "pipe.mp4"])
    assert isinstance(problem, ScanProblem)
    assert problem.reason == "is not a regular file"


def test_a_root_that_is_a_mount_point_is_noted(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(tree / "a"))
    for roots in ([tree / "a"], [tree, tree / "a"], [tree]):
        found = scan(roots)
        list(found)
        assert found.mounts == ([tree / "a"] if roots[0] == tree / "a" else []), roots
