"""The main job through the Python door, with nano on real media."""

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexes import ClipRecord, IndexNotFoundError, IndexWriteError, arrays
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.library import ImageQuery, Library, Query, VideoQuery, find_index
from jepa_retrieval.media_set import open_media
from jepa_retrieval.tasks.asking.candidates import Candidate
from jepa_retrieval.tasks.watching.alerts import AlertWatch
from tests.real_media import copy_media, photograph, video

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library of four photographs and two videos; tests that change it use `small_library`."""
    made = Library.create(copy_media(tmp_path_factory.mktemp("media")))
    report = made.index()
    assert (report.indexed, report.failed) == (6, [])
    return made


@pytest.fixture
def small_library(tmp_path: Path) -> Library:
    shutil.copy(photograph("chelsea.png"), tmp_path / "cat.png")
    shutil.copy(photograph("coffee.png"), tmp_path / "coffee.png")
    made = Library.create(tmp_path)
    made.index()
    return made


def failures(library: Library) -> dict[str, str | None]:
    known = library.records.known_files()
    return {path: record.error for path, record in known.items() if record.state == "failed"}


def paths_of(library: Library, query: object, **options: object) -> list[str]:
    return [hit.path for hit in library.search(query, **options).hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", "photos/chelsea.png"),
        ("a cup of coffee", "photos/coffee.png"),
        ("a rocket on a launch pad", "photos/rocket.jpg"),
        ("people riding bicycles in a city street", "videos/bikes.mp4"),
    ],
)
def test_text_finds_the_right_file(library: Library, text: str, expected: str) -> None:
    assert paths_of(library, text)[0] == expected


def test_many_queries_at_once_find_what_each_finds_alone(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = ["a cat", Query.text("a street") - Query.text("people"), "a cat", "bicycles"]
    alone = [library.search(query, top=3, per_file=True) for query in queries]
    encoded: list[list[str]] = []
    encode = library.model.y_encoder.encode
    monkeypatch.setattr(
        library.model.y_encoder, "encode", lambda texts: encoded.append(list(texts)) or encode(texts)
    )
    together = list(library.search_many(queries, top=3, per_file=True))
    assert [result.query for result in together] == [result.query for result in alone]
    for one, other in zip(together, alone, strict=True):
        assert [(hit.path, hit.start, hit.end) for hit in one.hits] == [
            (hit.path, hit.start, hit.end) for hit in other.hits
        ]
        np.testing.assert_allclose(
            [hit.score for hit in one.hits], [hit.score for hit in other.hits], atol=1e-5
        )
    assert ["a cat", "a street", "people", "bicycles"] in encoded
    assert list(library.search_many([])) == []


@pytest.mark.parametrize(
    "use",
    [
        lambda library: library.classify("beach"),
        lambda library: library.classify(["beach", 5]),
        lambda library: library.classify([Candidate("pet", "a dog")]),
        lambda library: library.classify(["beach"], templates="a photo of {}"),
        lambda library: library.classify(["beach"], per="folder"),
        lambda library: library.ask("Is it day?", answers="yes"),
        lambda library: library.ask(5),
        lambda library: library.ask("Is it day?", search=5),
        lambda library: library.ask("Is it day?", top=0),
        lambda library: library.search(5),
        lambda library: library.search(None),
        lambda library: library.search(Query.text("a dog") + 5),
        lambda library: library.search(ImageQuery(5)),
        lambda library: library.search("a dog", top="3"),
        lambda library: library.search("a dog", min_confidence="0.5"),
        lambda library: library.search("a dog", where=5),
        lambda library: list(library.search_many("a dog")),
        lambda library: library.index(5),
        lambda library: library.index([5]),
        lambda library: library.index(exclude="*.gif"),
        lambda library: library.index(include="*.mp4"),
        lambda library: library.remove(None),
        lambda library: AlertWatch("a dog", library.model),
    ],
)
def test_an_argument_of_another_type_is_named(library: Library, use: Callable[[Library], object]) -> None:
    with pytest.raises(UsageError, match="must be"):
        use(library)


def test_a_single_path_is_a_list_of_one(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        shutil.copy(photograph("coffee.png"), tmp_path / name)
    made = Library.create(tmp_path)
    assert made.index(str(tmp_path / "a.png")).indexed == 1
    assert made.index(tmp_path / "b.png").indexed == 1
    assert made.remove("a.png") == 1
    with open_media(str(tmp_path / "a.png")) as media:
        assert [item.path for item in media.classify(["a cup", "a car"]).items] == [str(tmp_path / "a.png")]


def test_hits_are_ranked_timed_and_unique(library: Library) -> None:
    result = library.search("a street", top=50)
    assert [hit.rank for hit in result.hits] == list(range(1, len(result.hits) + 1))
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert (result.query, result.model) == ("a street", "nano")
    assert result.elapsed_ms > 0
    for hit in result.hits:
        assert library.resolve(hit.path).is_file()
        assert (hit.start is None) == (hit.kind == "image")
        assert hit.start is None or 0 <= hit.start < hit.end
    assert len({(hit.path, hit.start) for hit in result.hits}) == len(result.hits)


def test_clips_cover_each_video_without_overlap(library: Library) -> None:
    for path, record in library.records.known_files().items():
        if record.kind == "image":
            continue
        spans = [(clip.start, clip.end) for clip in library.records.clips_of(path)]
        assert spans[0][0] == 0
        assert spans[-1][1] == pytest.approx(record.duration, abs=0.5)
        assert all(a[1] == pytest.approx(b[0]) for a, b in itertools.pairwise(spans))


def test_image_finds_itself(library: Library) -> None:
    hit = library.search(ImageQuery(photograph("chelsea.png"))).hits[0]
    assert hit.path == "photos/chelsea.png"
    assert hit.score > 0.99


def test_video_and_part_of_it_find_the_video(library: Library) -> None:
    assert paths_of(library, VideoQuery(video("bikes.mp4")))[0] == "videos/bikes.mp4"
    hit = library.search(VideoQuery(video("bikes.mp4"), 2.0, 4.0)).hits[0]
    assert hit.path == "videos/bikes.mp4"
    assert hit.start < 4.0
    assert hit.end > 2.0


def test_more_like_a_moment_decodes_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    hit = library.search("bicycles", where="kind = 'video'").hits[0]
    monkeypatch.setattr("jepa_retrieval.media.read_windows", None)
    again = library.search(Query.moment(hit)).hits[0]
    assert (again.path, again.clip_id) == (hit.path, hit.clip_id)
    assert again.score > 0.99
    # A file as it was indexed is not decoded either.
    assert library.search(Query.image(library.resolve("photos/chelsea.png"))).hits[0].score > 0.999
    with pytest.raises(UsageError, match=r"nowhere\.mp4"):
        library.search(Query.moment("nowhere.mp4", 1, 2))


def test_a_part_of_an_indexed_video_is_the_mean_of_its_windows(library: Library) -> None:
    path = "videos/bikes.mp4"
    clips = library.records.clips_of(path)
    first = library.search(Query.moment(path, clips[0].start, clips[0].end), top=1).hits[0]
    assert first.clip_id == clips[0].clip_id
    assert first.score > 0.999


def test_composed_queries_go_towards_and_away(library: Library) -> None:
    cat, coffee = Query.image(photograph("chelsea.png")), Query.image(photograph("coffee.png"))
    both = [hit.path for hit in library.search(cat + coffee).hits[:2]]
    assert set(both) == {"photos/chelsea.png", "photos/coffee.png"}
    without = library.search("a cup of coffee" - coffee).hits
    assert without[-1].path == "photos/coffee.png"


def test_what_is_there_is_surer_than_what_is_not(library: Library) -> None:
    there = library.search("a cat").hits[0].confidence
    absent = library.search("a spreadsheet with columns of numbers").hits[0].confidence
    assert 0 <= absent < there <= 1
    assert library.search("a cat", min_confidence=there).hits[0].path == "photos/chelsea.png"
    assert library.search("a cat", min_confidence=1.0).hits == []
    with pytest.raises(UsageError, match="min_confidence"):
        library.search("a cat", min_confidence=2)


def test_a_second_stage_may_order_anew(library: Library) -> None:
    reversed_order = library.search("a cat", rerank=lambda vector, hits: hits[::-1], top=50)
    assert reversed_order.hits[-1].path == "photos/chelsea.png"


def test_copies_of_a_file_are_found(small_library: Library) -> None:
    folder = small_library.folder.parent
    shutil.copy(folder / "cat.png", folder / "again.png")
    small_library.index()
    (group,) = small_library.duplicates().groups
    assert (group.kind, [file.path for file in group.files]) == ("copies", ["again.png", "cat.png"])


def test_verify_tells_of_media_that_are_gone_and_of_embeddings_of_another_model(
    small_library: Library,
) -> None:
    assert small_library.verify() == []
    folder = small_library.folder.parent
    (folder / "coffee.png").unlink()
    assert [problem.what for problem in small_library.verify()] == ["orphaned records"]
    small_library.index()
    (clip,) = small_library.records.all_clips()
    rows = small_library.records.clips([clip.clip_id])
    other = np.random.default_rng(0).standard_normal(small_library.model.embedding_size)
    record = small_library.records.known_files()["cat.png"]
    with small_library.records.writer() as writer:
        foreign = ClipRecord(
            None, None, (other / np.linalg.norm(other)).astype(np.float32), tokens=arrays.tokens(rows)[0]
        )
        writer.put(record, [foreign])
    (problem,) = small_library.verify()
    assert problem.what == "mixed fingerprints"
    assert "cat.png" in problem.detail
    assert "--rebuild" in problem.remedy


def test_where_and_per_file_narrow_the_result(library: Library) -> None:
    assert all(path.startswith("videos/") for path in paths_of(library, "a cat", where="kind = 'video'"))
    assert paths_of(library, "a cat", where="path like '%coffee%'") == ["photos/coffee.png"]
    per_file = paths_of(library, "a street", per_file=True)
    assert sorted(per_file) == sorted(library.records.known_files())


def test_top_limits_the_result(library: Library) -> None:
    assert len(library.search("a cat", top=2).hits) == 2


def test_thumbnails_are_pictures_in_the_true_aspect(library: Library) -> None:
    import io

    from PIL import Image

    hit = library.search("a cup of coffee").hits[0]
    picture = Image.open(io.BytesIO(library.thumbnail(hit.clip_id)))
    width, height = Image.open(photograph("coffee.png")).size
    assert picture.format == "JPEG"
    assert picture.width / picture.height == pytest.approx(width / height, rel=0.02)


def test_second_run_changes_nothing(small_library: Library) -> None:
    report = small_library.index()
    assert (report.indexed, report.unchanged, report.removed, report.moved) == (0, 2, 0, 0)


def test_new_changed_moved_and_deleted_files(small_library: Library) -> None:
    folder = small_library.folder.parent
    shutil.copy(photograph("rocket.jpg"), folder / "rocket.jpg")
    (folder / "cat.png").rename(folder / "kitten.png")
    before = small_library.search(ImageQuery(photograph("chelsea.png"))).hits[0]
    report = small_library.index()
    assert (report.indexed, report.unchanged, report.moved, report.removed) == (1, 1, 1, 0)
    moved = small_library.search(ImageQuery(photograph("chelsea.png"))).hits[0]
    assert (before.path, moved.path) == ("cat.png", "kitten.png")

    shutil.copy(photograph("astronaut.png"), folder / "coffee.png")
    (folder / "rocket.jpg").unlink()
    report = small_library.index()
    assert (report.indexed, report.unchanged, report.removed) == (1, 1, 1)
    assert paths_of(small_library, ImageQuery(photograph("astronaut.png")))[0] == "coffee.png"
    assert sorted(paths_of(small_library, "anything")) == ["coffee.png", "kitten.png"]


def test_a_library_folder_that_moves_is_found_in_its_new_place(
    small_library: Library, tmp_path: Path
) -> None:
    moved = tmp_path.with_name(tmp_path.name + " moved")
    tmp_path.rename(moved)
    library = Library.open(moved)
    hit = library.search("a cat").hits[0]
    assert library.resolve(hit.path) == moved / "cat.png"
    assert library.index().unchanged == 2
    moved.rename(tmp_path)


def test_dry_run_plans_and_does_nothing(small_library: Library) -> None:
    shutil.copy(photograph("rocket.jpg"), small_library.folder.parent / "rocket.jpg")
    report = small_library.index(dry_run=True)
    assert list(report.planned.embed) == ["rocket.jpg"]
    assert len(small_library.records.known_files()) == 2


def test_rebuild_keeps_what_was_indexed(small_library: Library) -> None:
    before = small_library.search("a cat").hits[0]
    report = small_library.index(rebuild=True, keep_tokens=False)
    assert (report.indexed, report.failed) == (2, [])
    after = small_library.search("a cat").hits[0]
    assert after.path == before.path
    assert after.score == pytest.approx(before.score, abs=1e-3)
    assert Library.open(small_library.folder).search("a cat").hits[0].path == before.path


def test_tokens_are_kept_unless_switched_off(tmp_path: Path) -> None:
    shutil.copy(photograph("chelsea.png"), tmp_path / "cat.png")
    clip_ids = []
    for keep, name in ((True, "with"), (False, "without")):
        library = Library.create(tmp_path, index=tmp_path / name)
        library.index(keep_tokens=keep)
        clip_ids.append(library.search("a cat").hits[0].clip_id)
        tokens = library.records.clips([clip_ids[-1]], columns=["tokens"])["tokens"][0].as_py()
        assert (tokens is not None) == keep


def test_stored_tokens_give_the_stored_embedding_again(library: Library) -> None:
    hit = library.search("a cat").hits[0]
    rows = library.records.clips([hit.clip_id], columns=["tokens", "token_size", "embedding"])
    tokens = arrays.tokens(rows)[0].astype(np.float32)
    stored = np.array(rows["embedding"][0].as_py(), np.float32)
    again = library.model.predictor.predict(tokens[np.newaxis], [library.model.prompt])[0]
    assert float(again @ stored) > 0.999


def test_remove_forgets_files_and_folders(tmp_path: Path) -> None:
    copy_media(tmp_path)
    library = Library.create(tmp_path)
    library.index([tmp_path / "photos"])
    assert library.remove([tmp_path / "photos" / "rocket.jpg"]) == 1
    assert library.remove([tmp_path / "photos"]) == 3
    assert library.search("a cat").hits == []
    assert (tmp_path / "photos" / "rocket.jpg").is_file()


def test_names_of_any_kind_are_searchable(tmp_path: Path) -> None:
    names = [
        b"two  spaces.png",
        b"quo'te\".png",
        b"new\nline.png",
        "emoji 🎬.png".encode(),
        b"latin \xe9.png",
    ]
    for name in names:
        shutil.copy(photograph("chelsea.png"), os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    library = Library.create(tmp_path)
    report = library.index()
    assert (report.indexed, report.failed) == (len(names), [])
    found = {os.fsencode(library.resolve(path).name) for path in paths_of(library, "a cat")}
    assert found == set(names)
    assert library.index().unchanged == len(names)


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    shutil.copy(photograph("chelsea.png"), tmp_path / "cat.png")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    (tmp_path / "truncated.png").write_bytes(photograph("coffee.png").read_bytes()[:3000])
    library = Library.create(tmp_path)
    report = library.index()
    assert report.indexed == 1
    assert sorted(failure.path for failure in report.failed) == ["empty.mp4", "text.mp4", "truncated.png"]
    assert all(failure.error and "\n" not in failure.error for failure in report.failed)
    assert sorted(f.path for f in library.failures()) == ["empty.mp4", "text.mp4", "truncated.png"]
    assert paths_of(library, "a cat") == ["cat.png"]
    again = library.index()
    assert (again.unchanged, again.failed_before, again.failed) == (1, 3, [])
    assert len(library.index(retry_failed=True).failed) == 3


def test_missing_paths_are_named(small_library: Library, tmp_path: Path) -> None:
    report = small_library.index([tmp_path / "cat.png", tmp_path / "not there.mp4"])
    assert [failure.error for failure in report.failed] == ["no such file or folder"]
    with pytest.raises(UsageError, match=r"not there\.mp4"):
        small_library.index([tmp_path / "not there.mp4"])


def test_queries_that_cannot_be_read_name_their_file(library: Library, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(UnreadableMediaError, match=r"empty\.png"):
        library.search(ImageQuery(tmp_path / "empty.png"))


def test_find_index_looks_upwards(small_library: Library, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_index(deep) == small_library.folder
    with pytest.raises(IndexNotFoundError):
        Library.open(deep)


def test_what_the_scan_cannot_look_at_is_listed_until_it_can(small_library: Library, tmp_path: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "coffee, later.png")
    for _ in range(2):
        report = small_library.index()
        assert [(failure.path, failure.error) for failure in report.failed] == [
            ("link.png", "no such file or folder")
        ]
        assert failures(small_library) == {"link.png": "no such file or folder"}
    commits = small_library.records.manifest.commit
    small_library.index()
    assert small_library.records.manifest.commit == commits, "nothing new was to be written"
    shutil.copy(photograph("coffee.png"), tmp_path / "coffee, later.png")
    assert small_library.index().failed == []
    assert failures(small_library) == {}
    link.unlink()
    link.symlink_to("nowhere")
    small_library.index()
    assert failures(small_library) == {}, "what was indexed before is kept"
    link.unlink()
    assert small_library.index().removed == 1
    assert failures(small_library) == {}


def test_a_library_says_what_it_is_and_is_made_once(tmp_path: Path, small_library: Library) -> None:
    assert repr(small_library) == f"Library.open({str(small_library.folder)!r})"
    assert eval(repr(small_library), {"Library": Library}).folder == small_library.folder
    with pytest.raises(IndexWriteError, match=r"is an index already: open it with Library\.open\("):
        Library.create(tmp_path)
    for path, reason in (
        (tmp_path / "missing", "no such file or folder"),
        (tmp_path / "cat.png", "is not a folder"),
    ):
        with pytest.raises(UsageError, match=reason):
            Library.create(path)
    assert not (tmp_path / "missing").exists()
