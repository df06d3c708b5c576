"""Confidence: what stands out is surer, and one threshold means the same on every index."""

import numpy as np
import pytest

from indexes import ClipRecord, Index, MediaRecord
from jepa_retrieval.tasks.searching.calibration import (
    NullDistribution,
    confidences,
    measure_null,
    neutral_texts,
    null_distribution,
)
from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery
from jepa_retrieval.tasks.searching.query import ImageQuery, Term

SIZE = 64


def units(rows: int, *, seed: int, shift: float = 0.0) -> np.ndarray:
    """Random unit vectors around a common direction."""
    values = np.random.default_rng(seed).standard_normal((rows, SIZE))
    values[:, 0] += shift * SIZE**0.5
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def text_query(vector: np.ndarray) -> EmbeddedQuery:
    return EmbeddedQuery(vector, 1.0, [Term("a text")])


def near(clip: np.ndarray, *, share: float, seed: int) -> np.ndarray:
    """A unit vector that has `share` of its direction in common with a clip."""
    other = units(1, seed=seed)[0]
    other -= (other @ clip) * clip
    return share * clip + (1 - share**2) ** 0.5 * other / np.linalg.norm(other)


def make(clips: int, *, shift: float = 0.0) -> tuple[np.ndarray, NullDistribution]:
    vectors = units(clips, seed=1, shift=shift)
    return vectors, measure_null(vectors, units(200, seed=2, shift=shift), clips=clips)


@pytest.mark.parametrize("clips", [50, 500, 5000])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_best_of_what_is_absent_is_not_sure_on_an_index_of_any_size(clips: int, shift: float) -> None:
    vectors, null = make(clips, shift=shift)
    sure = []
    for query in units(100, seed=3, shift=shift):
        best = int(np.argmax(vectors @ query))
        sure += confidences(null, text_query(query), vectors[best : best + 1])
    assert np.mean(np.array(sure) < 0.5) > 0.8


@pytest.mark.parametrize("clips", [50, 500, 5000])
def test_what_is_there_is_sure(clips: int) -> None:
    vectors, null = make(clips)
    sure = [
        confidences(null, text_query(near(vectors[number], share=0.8, seed=number)), vectors[number][None])[0]
        for number in range(40)
    ]
    assert np.mean(np.array(sure) > 0.8) > 0.9


def test_a_clip_that_is_near_every_text_gains_nothing_by_it() -> None:
    vectors, _ = make(300)
    texts = units(200, seed=2, shift=0.5)
    hub = texts.mean(axis=0) / np.linalg.norm(texts.mean(axis=0))
    vectors = np.concatenate([vectors, hub[None]])
    null = measure_null(vectors, texts, clips=len(vectors))
    query = near(vectors[0], share=0.6, seed=9)
    right, at_hub = confidences(null, text_query(query), vectors[[0, -1]])
    assert right > at_hub


def test_confidence_rises_with_the_score() -> None:
    vectors, null = make(300)
    shares = [0.0, 0.2, 0.4, 0.6, 0.8]
    sure = [
        confidences(null, text_query(near(vectors[0], share=share, seed=5)), vectors[:1])[0]
        for share in shares
    ]
    assert sure == sorted(sure)
    assert all(0 <= value <= 1 for value in sure)


def test_a_picture_is_judged_by_likeness() -> None:
    vectors, null = make(300)
    query = EmbeddedQuery(vectors[0], 1.0, [Term(ImageQuery("a.png"))])
    same, other = confidences(null, query, vectors[:2])
    assert same > 0.85
    assert other < 0.2


def test_weights_of_a_composed_query_do_not_change_its_scale() -> None:
    vectors, null = make(300)
    query = near(vectors[0], share=0.6, seed=5)
    plain = null.z_scores(text_query(query), vectors[:3])
    doubled = null.z_scores(EmbeddedQuery(query, 2.0, [Term("a text", 2.0)]), vectors[:3])
    assert np.allclose(plain, doubled, atol=1e-4)


def test_an_index_with_too_few_clips_gives_none() -> None:
    vectors, null = make(3)
    assert confidences(null, text_query(vectors[0]), vectors) == [None] * 3


def test_the_bank_is_large_and_has_no_text_twice() -> None:
    texts = neutral_texts()
    assert len(texts) > 200
    assert len(set(texts)) == len(texts)


def test_numbers_are_stored_and_measured_again_when_the_index_has_changed(tmp_path) -> None:
    index = Index.create(tmp_path / "index", model="nano", prompt="", fingerprint="f", embedding_size=SIZE)
    calls = []

    def encode(texts):
        calls.append(len(texts))
        return units(len(texts), seed=2)

    def put(first: int, last: int) -> None:
        with index.writer() as writer:
            for number, vector in enumerate(units(last, seed=1)[first:], start=first):
                writer.put(MediaRecord(f"{number}.jpg", 1, 1, kind="image"), [ClipRecord(None, None, vector)])

    put(0, 100)
    first = null_distribution(index, encode, save=True)
    again = null_distribution(index, encode)
    assert calls == [len(neutral_texts())]
    assert (first.clips, again.clips) == (100, 100)
    assert np.allclose(first.clip_mean, again.clip_mean, atol=1e-6)
    assert first.score_spread == again.score_spread
    put(100, 105)
    assert null_distribution(index, encode).clips == 100
    put(105, 130)
    assert null_distribution(index, encode).clips == 130
    assert len(calls) == 2
    (index.folder / "calibration.json").write_text("{")
    assert {problem.what for problem in index.verify()} == {"wrong calibration"}
    assert null_distribution(index, encode, save=True).clips == 130
    assert index.verify() == []
