"""Clips and texts to embeddings, and what the cache keeps."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets.shapes import Clip
from benchmarks.shared.embedder import Embedder
from jepa_retrieval.errors import UnreadableMediaError
from tests.benchmarks.conftest import COLOURS, ColourModel, unit
from tests.conftest import REPOSITORY
from tests.media_factory import make_picture, make_video


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for name, colour in COLOURS.items():
        make_picture(folder / f"{name}.png", colour=colour)
    make_video(folder / "all.mp4", seconds=4.0, gop=10, scenes=tuple(COLOURS.values()))
    (folder / "broken.mp4").write_bytes(b"this is no video")
    return folder


def test_pictures_and_parts_of_videos_are_seen_as_they_are(embedder: Embedder, media: Path) -> None:
    parts = [Clip(media / "all.mp4", start, start + 1.0) for start in range(4)]
    pictures = [Clip(media / f"{name}.png") for name in COLOURS]
    found, readable = embedder.clips([*parts, *pictures])
    assert readable.all()
    named = embedder.texts(list(COLOURS))
    assert (found[:4] @ named.T).argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert (found[4:] @ named.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_a_clip_is_seen_in_evenly_spread_frames(embedder: Embedder, media: Path) -> None:
    whole, _ = embedder.clips([Clip(media / "all.mp4")])
    parts, _ = embedder.clips([Clip(media / f"{name}.png") for name in COLOURS])
    colours = np.array(list(COLOURS.values())) / 255
    white = 1 / 9 + 1 / 90  # the bright square of every frame, roughly
    expected = unit((colours.mean(axis=0) * (1 - white) + 0.98 * white - 0.5)[None])
    assert float((whole * expected).sum()) > 0.9
    assert embedder.model.x_encoder.frames == 8 + len(parts)


def test_what_is_cached_is_not_computed_again(model: ColourModel, media: Path, tmp_path: Path) -> None:
    clips = [Clip(media / "red.png"), Clip(media / "red.png"), Clip(media / "blue.png")]
    first = Embedder(model, cache=tmp_path)
    before, _ = first.clips(clips)
    texts = first.texts(["red", "green", "red"])
    first.close()
    assert (model.x_encoder.frames, model.y_encoder.texts) == (2, 2)
    second = Embedder(model, cache=tmp_path)
    after, _ = second.clips(clips)
    np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(texts, second.texts(["red", "green", "red"]))
    assert (model.x_encoder.frames, model.y_encoder.texts) == (2, 2)
    second.clips(clips[:1], ["the opposite?"])  # another question is another embedding
    assert model.x_encoder.frames == 3


def test_another_model_has_a_cache_of_its_own(model: ColourModel, media: Path, tmp_path: Path) -> None:
    Embedder(model, cache=tmp_path).clips([Clip(media / "red.png")])
    other = ColourModel()
    other.fingerprint = lambda prompt=None: "f" * 64  # type: ignore[method-assign]
    Embedder(other, cache=tmp_path).clips([Clip(media / "red.png")])
    assert other.x_encoder.frames == 1


def test_a_changed_file_is_read_again(model: ColourModel, media: Path, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.png", colour=COLOURS["red"])
    embedder = Embedder(model, cache=tmp_path / "cache")
    before, _ = embedder.clips([Clip(path)])
    make_picture(path, colour=COLOURS["blue"], size=(200, 96))
    after, _ = embedder.clips([Clip(path)])
    assert not np.allclose(before, after)


def test_files_that_cannot_be_read_are_named(embedder: Embedder, media: Path) -> None:
    clips = [Clip(media / "broken.mp4"), Clip(media / "red.png"), Clip(media / "all.mp4", 9.0, 10.0)]
    found, readable = embedder.clips(clips)
    assert readable.tolist() == [False, True, False]
    assert not found[0].any()
    assert set(embedder.unreadable) == {str(media / "broken.mp4"), str(media / "all.mp4")}
    with pytest.raises(UnreadableMediaError, match="none of 1 clips"):
        embedder.clips(clips[:1])


def test_states_are_joined(embedder: Embedder, media: Path) -> None:
    red, blue = Clip(media / "red.png"), Clip(media / "blue.png")
    found, readable = embedder.states([(red, blue), (red, red), (red, Clip(media / "broken.mp4"))])
    assert readable.tolist() == [True, True, False]
    alone, _ = embedder.clips([red, blue])
    assert float(found[1] @ alone[0]) > 0.999
    assert float(found[0] @ alone[0]) < 0.999
    again, _ = embedder.states([(red, blue)])
    np.testing.assert_array_equal(again[0], found[0])


def test_a_grey_picture_depends_on_the_question_alone(embedder: Embedder) -> None:
    found = embedder.grey(["what?", "the opposite?", "what?"])
    np.testing.assert_allclose(found[0], -found[1])
    np.testing.assert_array_equal(found[0], found[2])


KILLED = """
import os, sys
from pathlib import Path
from benchmarks.shared import embedder as module
from benchmarks.datasets.shapes import Clip
from tests.benchmarks.conftest import ColourModel

module.FRAMES_PER_BATCH = 1
media, cache = map(Path, sys.argv[1:])
clips = [Clip(media / f"{name}.png") for name in ("red", "green", "blue", "yellow")]

def stop(activity, done, total):
    if done == 2:
        os.kill(os.getpid(), 9)

module.Embedder(ColourModel(), cache=cache, on_progress=stop).clips(clips)
"""


def test_a_killed_run_goes_on_where_it_was(model: ColourModel, media: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(media), str(tmp_path)]
    assert subprocess.run(command, cwd=REPOSITORY, check=False).returncode == -9
    found, readable = Embedder(model, cache=tmp_path).clips([Clip(media / f"{name}.png") for name in COLOURS])
    assert readable.all() and found.any(axis=1).all()
    assert model.x_encoder.frames == 2  # the other two were kept
