"""Like embeddings are a fault of the model only where the pictures differ."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexes import ClipRecord, Index, MediaRecord
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.health import find_problems
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.media_factory import BLUE, RED, draw

CLIPS = 24
SIZE = ColourModel.embedding_size


def thumbnail(number: int, colour: tuple[int, int, int]) -> bytes:
    """A picture, in an encoding of its own."""
    buffer = io.BytesIO()
    Image.fromarray(draw((96, 64), colour)).save(buffer, "JPEG", quality=60 + number)
    return buffer.getvalue()


def found(
    folder: Path, vector: Callable[[int], np.ndarray], picture: Callable[[int], bytes | None]
) -> set[str]:
    """What `verify` says of an index of clips with these embeddings and thumbnails, beside that no file is there."""
    index = Index.create(folder, model="colour", prompt="", fingerprint="colour", embedding_size=SIZE)
    with index.writer() as writer:
        for number in range(CLIPS // 4):
            clips = [
                ClipRecord(2.0 * n, 2.0 * n + 2, vector(4 * number + n), thumbnail=picture(4 * number + n))
                for n in range(4)
            ]
            writer.put(MediaRecord(f"{number}.mp4", 1, 1), clips)
    problems = find_problems(index, ColourModel, MediaRoot(folder))
    return {problem.what for problem in problems} - {"orphaned records"}


def same(_: int) -> np.ndarray:
    return np.eye(SIZE, dtype=np.float32)[0]


def close(number: int) -> np.ndarray:
    vector = same(number)
    vector[1:3] = 0.05 * np.cos(number), 0.05 * np.sin(number)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.mark.parametrize(("vector", "what"), [(same, "constant embeddings"), (close, "collapsed embeddings")])
def test_clips_that_show_the_same_may_have_like_embeddings(
    tmp_path: Path, vector: Callable[[int], np.ndarray], what: str
) -> None:
    assert found(tmp_path / "equal", vector, lambda number: thumbnail(number, RED)) == set()
    differing = found(
        tmp_path / "differing", vector, lambda number: thumbnail(number, (RED, BLUE)[number % 2])
    )
    assert differing == {what}


def claiming_to_be_huge(jpeg: bytes) -> bytes:
    """The same with a header that says 65,000 x 65,000 pixels."""
    at = jpeg.index(b"\xff\xc0") + 5  # behind the start of frame: marker, length and precision
    return jpeg[:at] + 2 * (65_000).to_bytes(2, "big") + jpeg[at + 4 :]


@pytest.mark.parametrize("picture", [None, b"no picture", claiming_to_be_huge(thumbnail(0, RED))])
def test_without_pictures_nothing_is_explained(tmp_path: Path, picture: bytes | None) -> None:
    assert found(tmp_path / "index", same, lambda _: picture) == {"constant embeddings"}


def test_a_link_that_leads_nowhere_is_no_file_that_is_gone(tmp_path: Path) -> None:
    index = Index.create(
        tmp_path / "index", model="colour", prompt="", fingerprint="colour", embedding_size=SIZE
    )
    (tmp_path / "broken.mp4").symlink_to("nowhere.mp4")
    with index.writer() as writer:
        for name in ("broken.mp4", "gone.mp4"):
            writer.put(MediaRecord(name, 0, 0, state="failed", error="no such file or folder"), [])
    (problem,) = find_problems(index, ColourModel, MediaRoot(tmp_path))
    assert problem.detail == "1 file is in the index and not on disk, the first is gone.mp4"


@pytest.mark.parametrize("name", [".jepa", "elsewhere"])
def test_remedies_name_the_folder_that_they_need(tmp_path: Path, name: str) -> None:
    media = tmp_path / "my videos"
    folder = media / name
    media.mkdir()
    index = Index.create(folder, model="colour", prompt="", fingerprint="colour", embedding_size=SIZE)
    with index.writer() as writer:
        for number in range(CLIPS):
            writer.put(MediaRecord(f"{number}.mp4", 1, 1), [ClipRecord(0.0, 1.0, same(number))])
    remedies = {
        problem.what: problem.remedy for problem in find_problems(index, ColourModel, MediaRoot(media))
    }
    named = f"jepa index '{media}'" if name == ".jepa" else f"jepa index '{media}' --index '{folder}'"
    assert f"`{named} --rebuild`" in remedies["constant embeddings"]
    assert f"`{named} --prune`" in remedies["orphaned records"]
