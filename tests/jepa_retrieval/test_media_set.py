"""Files to classify and to ask about, with and without an index, with nano on real media."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import Library, VideoQuery
from jepa_retrieval.media_set import open_media
from jepa_retrieval.tasks.asking.unindexed import sort_media
from jepa_retrieval.tasks.encoding.files import encode_interval
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from tests.media_factory import BLUE, RED, make_picture, make_video


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A red and a blue picture and a video that is first the one, then the other."""
    folder = tmp_path_factory.mktemp("media")
    make_picture(folder / "red.png", colour=RED)
    make_picture(folder / "blue.png", colour=BLUE)
    make_video(folder / "both.mp4", seconds=8.0, scenes=[RED, BLUE])
    made = Library.create(folder)
    assert made.index().failed == []
    return made


def test_files_are_known_while_they_are_as_they_were(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(library.media_root.folder, folder)
    copy = Library.open(folder)
    known = sort_media([folder], copy.records, copy.media_root)
    assert (sorted(known.known), known.unindexed, known.failed) == (
        ["blue.png", "both.mp4", "red.png"],
        [],
        [],
    )
    os.utime(folder / "red.png", ns=(1, 1))
    changed = sort_media([folder], copy.records, copy.media_root)
    assert (sorted(changed.known), changed.unindexed) == (["blue.png", "both.mp4"], [folder / "red.png"])
    alone = sort_media([folder / "red.png", folder], None, MediaRoot(folder))
    assert sorted(path.name for path in alone.unindexed) == ["blue.png", "both.mp4", "red.png"]


def test_with_and_without_an_index_the_result_is_the_same(library: Library) -> None:
    paths = [library.resolve(name) for name in ("both.mp4", "red.png")]
    labels = ["a red wall", "the blue sea"]
    with open_media(paths, library=library) as stored, open_media(paths) as unindexed:
        assert (len(stored.clip_sets), len(unindexed.clip_sets)) == (1, 1)
        for per in ("file", "moment", "clip"):
            ours, theirs = stored.classify(labels, per=per), unindexed.classify(labels, per=per)
            assert [Path(item.path).name for item in theirs.items] == [item.path for item in ours.items]
            for a, b in zip(ours.items, theirs.items, strict=True):
                assert (a.start, a.end) == (b.start, b.end)
                assert [label.name for label in a.labels] == [label.name for label in b.labels]
                assert a.labels[0].score == pytest.approx(b.labels[0].score, abs=5e-3)


def test_an_interval_is_what_a_file_of_it_would_be(library: Library) -> None:
    model, file = library.model, library.resolve("both.mp4")
    first, tokens = encode_interval(file, model, prompt=model.prompt, start=0.0, end=4.0)
    second, _ = encode_interval(file, model, prompt=model.prompt, start=4.0, end=8.0)
    whole, _ = encode_interval(file, model, prompt=model.prompt)
    assert np.linalg.norm(first) == pytest.approx(1.0, abs=1e-5)
    assert first @ second < min(first @ whole, second @ whole)
    mean = first + second
    assert whole @ (mean / np.linalg.norm(mean)) == pytest.approx(1.0, abs=0.02)
    assert tokens.shape == (model.x_encoder.tokens_per_frame, model.x_encoder.token_size)


def test_intervals_and_files_are_asked_together(library: Library) -> None:
    file = library.resolve("both.mp4")
    wanted = [library.resolve("red.png"), VideoQuery(file, 0.0, 4.0), VideoQuery(file, 4.0, None)]
    with open_media(wanted, library=library) as media:
        found = media.ask("What color is the wall?", answers=["red", "blue"])
        assert [(item.path, item.start, item.end) for item in found.items] == [
            ("both.mp4", 0.0, 4.0),
            ("both.mp4", 4.0, None),
            ("red.png", None, None),
        ]
        assert [item.clip_id is None for item in found.items] == [True, True, False]
        named = media.classify(["a red wall", "the blue sea"])
        assert len(named.items) == 3
        ranked = media.ask("What color is the wall?", answers=["red", "blue"], answer="blue")
        shares = [item.probability_of("blue") for item in ranked.items]
        assert shares == sorted(shares, reverse=True)


def test_files_that_cannot_be_read_are_named(library: Library, tmp_path: Path) -> None:
    make_picture(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with open_media([tmp_path], library=library) as media:
        assert [Path(failure.path).name for failure in media.failed] == ["bad.png"]
        assert [Path(item.path).name for item in media.classify(["a wall"]).items] == ["good.png"]
    with (
        pytest.raises(UsageError, match=r"bad\.png: "),
        open_media([VideoQuery(tmp_path / "bad.png", 0, 1)]),
    ):
        pass


def test_what_is_not_there_does_not_stop_the_rest(library: Library, tmp_path: Path) -> None:
    file = library.resolve("both.mp4")
    wanted = [
        tmp_path / "gone.mp4", VideoQuery(tmp_path / "lost.mp4", 0, 1), VideoQuery(file, 60, 70),
        VideoQuery(file, 0, 4), library.resolve("red.png"),
    ]  # fmt: skip
    with open_media(wanted, library=library) as media:
        assert [(Path(failure.path).name, failure.error) for failure in media.failed] == [
            ("gone.mp4", "no such file or folder"),
            ("lost.mp4", "no such file or folder"),
            ("both.mp4", "there is no frame between 60 s and 70 s"),
        ]
        items = media.classify(["a wall"]).items
        assert [(item.path, item.start, item.end) for item in items] == [
            ("both.mp4", 0.0, 4.0),
            ("red.png", None, None),
        ]


def test_nothing_to_look_at_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no media files"), open_media([tmp_path]):
        pass
    with pytest.raises(UsageError, match="no such file"), open_media([tmp_path / "gone.mp4"]):
        pass
