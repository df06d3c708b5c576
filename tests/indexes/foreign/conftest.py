"""An index from a stranger, and a file outside of it that must stay as it is."""

import json
import shutil

import numpy as np
import pytest

from indexes import ClipRecord, Index, JepaError, MediaRecord, SearchSettings

SIZE = 16


def vectors(count, seed=0):
    values = np.random.default_rng(seed).standard_normal((count, SIZE)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def fill(index, count=6, first=0):
    with index.writer() as writer:
        for number, vector in enumerate(vectors(count, first), start=first):
            stream = vectors(2, number).astype(np.float16)
            times = np.array([[0, 1], [1, 2]], np.float32)
            writer.put(MediaRecord(f"{number}.mp4", 1, 1), [ClipRecord(0.0, 2.0, vector, times, stream)])
    return index


@pytest.fixture(scope="package")
def original(tmp_path_factory):
    """A small index with an approximate vector index, sample queries, settings, calibration and a left-out list."""
    folder = tmp_path_factory.mktemp("original") / "index"
    index = fill(Index.create(folder, model="m", prompt="", fingerprint="f", embedding_size=SIZE), 90)
    index.maintenance.save_queries(vectors(20, 5))
    index.maintenance.optimize(settings=SearchSettings(kind="ivf-sq8"))
    index.save_calibration({"a": [1.0, 2.0]})
    assert list((folder / "vectors").glob("*.faiss"))
    return folder


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "index")


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "victim.txt"
    path.write_bytes(b"precious")
    return path


def use_everything(folder):
    """Read and write the index in all ways; errors of ours are fine."""
    actions = [
        lambda index: index.search(vectors(1), k=5),
        lambda index: index.search(vectors(1), k=5, where="size > 0"),
        lambda index: index.search(vectors(40), k=5),
        lambda index: index.known_files(),
        lambda index: index.windows([0, 1]),
        lambda index: list(index.iter_clips()),
        lambda index: (
            index.stats(),
            index.left_out(),
            index.calibration(),
            index.maintenance.search_settings,
        ),
        lambda index: index.verify(),
        lambda index: fill(index, 2, first=5000),
        lambda index: index.maintenance.tune(),
        lambda index: index.maintenance.optimize(),
        lambda index: index.maintenance.save_queries(vectors(3)),
        lambda index: index.save_calibration({}),
    ]
    said = []
    for act in actions:
        try:
            act(Index.open(folder))
        except JepaError as error:
            said.append(str(error))
            assert "\n" not in str(error)
    return said


def describe(folder, change):
    path = folder / "vectors" / "vectors.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
