"""Searching through the Python door, with nano on real media."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexes import arrays
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.library import ImageQuery, Library, Query, VideoQuery
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


def test_stored_tokens_give_the_stored_embedding_again(library: Library) -> None:
    hit = library.search("a cat").hits[0]
    rows = library.records.clips([hit.clip_id], columns=["tokens", "token_size", "embedding"])
    tokens = arrays.tokens(rows)[0].astype(np.float32)
    stored = np.array(rows["embedding"][0].as_py(), np.float32)
    again = library.model.predictor.predict(tokens[np.newaxis], [library.model.prompt])[0]
    assert float(again @ stored) > 0.999


def test_queries_that_cannot_be_read_name_their_file(library: Library, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(UnreadableMediaError, match=r"empty\.png"):
        library.search(ImageQuery(tmp_path / "empty.png"))
