"""A law: after any sequence of changes an index equals a dict that the same changes were made to."""

import dataclasses
import os
import tempfile

import faiss
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes import ClipRecord, Index, MediaRecord
from indexes.vectors import plan, search

PATHS = st.sampled_from(["a.mp4", "b.mp4", "sub/c's.mp4", "d.jpg"])
PUTS = st.tuples(st.just("put"), PATHS, st.integers(0, 3))
CHANGES = st.one_of(
    PUTS,
    PUTS,
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("touch"), PATHS, st.integers(0, 10**18)),
    st.tuples(st.just("remove"), PATHS),
    st.tuples(st.just("commit")),
    st.tuples(st.just("new writer")),
    st.tuples(st.just("optimize")),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, max_size=14), seed=st.integers(0, 2**32 - 1))
def test_an_index_equals_a_dict(changes, seed, monkeypatch):
    # Neither waiting for the disk nor the number of clips at which things begin is what is tested here.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(plan, "MIN_APPROXIMATE_ROWS", 4)
    monkeypatch.setattr(plan, "MIN_TRAINING_ROWS", 4)
    monkeypatch.setattr(search, "MAX_NUMPY_ROWS", 2)
    monkeypatch.setattr(search, "MAX_ROWS_WITHOUT_FAISS", 8)
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(seed)
    model = {}
    with tempfile.TemporaryDirectory() as folder:
        index = Index.create(f"{folder}/i", model="m", prompt="", fingerprint="f", embedding_size=8)
        writer = index.writer()
        for name, *arguments in changes:
            if name in ("new writer", "optimize"):
                if name == "optimize":
                    writer.optimize()
                writer.__exit__(None, None, None)
                compare(index, model, rng)
                writer = index.writer()
            elif name == "commit":
                writer.commit()
                compare(Index.open(index.folder), model, rng)
            else:
                apply(writer, model, rng, name, *arguments)
        writer.__exit__(None, None, None)
        compare(index, model, rng)
        assert [problem for problem in index.verify() if "embeddings" not in problem.what] == []


def apply(writer, model, rng, name, path, *value):
    if name == "put":
        vectors = rng.standard_normal((value[0], 8)).astype(np.float32)
        media = MediaRecord(path, int(rng.integers(1000)), int(rng.integers(10**18)))
        clips = [ClipRecord(float(n), n + 1.0, vector) for n, vector in enumerate(vectors)]
        ids = writer.put(media, clips)
        model[path] = (media, dict(zip(ids, vectors, strict=True)))
    elif name == "remove":
        assert writer.remove([path]) == (path in model)
        model.pop(path, None)
    elif path in model:
        media, clips = model.pop(path)
        if name == "move":
            writer.move(path, value[0], mtime_ns=7)
            model[value[0]] = (dataclasses.replace(media, path=value[0], mtime_ns=7), clips)
        else:
            writer.touch(path, mtime_ns=value[0], size=3)
            model[path] = (dataclasses.replace(media, mtime_ns=value[0], size=3), clips)


def compare(index, model, rng):
    assert index.known_files() == {path: media for path, (media, _) in model.items()}
    wheres = {
        None: lambda media: True,
        "path like 's%'": lambda media: media.path.startswith("s"),
        "size >= 500": lambda media: media.size >= 500,
    }
    queries = rng.standard_normal((2, 8)).astype(np.float32)
    for where, passes in wheres.items():
        expected = {
            clip_id: (path, vector)
            for path, (media, clips) in model.items()
            if passes(media)
            for clip_id, vector in clips.items()
        }
        for query, hits in zip(queries, index.search(queries, k=100, where=where), strict=True):
            assert {hit.clip_id: hit.path for hit in hits} == {
                key: path for key, (path, _) in expected.items()
            }
            scores = [expected[hit.clip_id][1] @ query for hit in hits]
            assert np.allclose([hit.score for hit in hits], scores, atol=0.02)
            assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
