"""Moments: neighbours merged, boundaries where the stored windows cease to match."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexes.records import ClipHit, ClipWindows
from jepa_retrieval.tasks.searching.moments import merge, refine

QUERY = np.array([1.0, 0.0], np.float32)


def hit(clip_id: int, score: float, start: float, end: float, path: str = "a.mp4") -> ClipHit:
    return ClipHit(clip_id, score, path, "video", start, end)


def picture(clip_id: int, score: float, path: str) -> ClipHit:
    return ClipHit(clip_id, score, path, "image", None, None)


def stream(start: float, scores: list[float]) -> ClipWindows:
    """Windows of two seconds with the given scores for QUERY."""
    edges = start + 2.0 * np.arange(len(scores) + 1)
    values = np.array(scores)
    vectors = np.stack([values, np.sqrt(1 - values**2)], axis=1)
    return ClipWindows(np.stack([edges[:-1], edges[1:]], 1).astype(np.float32), vectors.astype(np.float16))


def refined(hits: list[ClipHit], streams: dict[int, ClipWindows], background: float = 0.0):
    found = merge(hits, top=10)
    refine(found, QUERY, lambda ids: {i: streams[i] for i in ids if i in streams}, background=background)
    return [(candidate.start, candidate.end) for candidate in found]


def test_touching_clips_that_score_alike_are_one_moment() -> None:
    hits = [hit(1, 0.50, 4, 6, "a.mp4"), hit(2, 0.49, 6, 9, "a.mp4"), hit(3, 0.485, 2, 4, "a.mp4")]
    (moment,) = merge(hits, top=10)
    assert (moment.start, moment.end, moment.best.clip_id, moment.best.score) == (2, 9, 1, 0.50)


def test_touching_clips_that_differ_stay_apart() -> None:
    hits = [hit(1, 0.50, 4, 6, "a.mp4"), hit(2, 0.30, 6, 9, "a.mp4")]
    assert [(m.start, m.end) for m in merge(hits, top=10)] == [(4, 6), (6, 9)]


def test_clips_that_do_not_touch_or_lie_in_other_files_stay_apart() -> None:
    hits = [hit(1, 0.5, 0, 2, "a.mp4"), hit(2, 0.5, 4, 6, "a.mp4"), hit(3, 0.5, 0, 2, "b.mp4")]
    assert len(merge(hits, top=10)) == 3


def test_negative_scores_merge_by_closeness_too() -> None:
    hits = [hit(1, -0.100, 0, 2, "a.mp4"), hit(2, -0.101, 2, 4, "a.mp4"), hit(3, -0.5, 4, 6, "a.mp4")]
    assert [(m.start, m.end) for m in merge(hits, top=10)] == [(0, 4), (4, 6)]


def test_per_file_keeps_the_best_moment_of_each() -> None:
    hits = [
        hit(1, 0.5, 0, 2, "a.mp4"),
        hit(2, 0.4, 8, 9, "a.mp4"),
        picture(3, 0.3, "b.jpg"),
        picture(4, 0.2, "c.jpg"),
    ]
    assert [m.best.path for m in merge(hits, top=10, per_file=True)] == ["a.mp4", "b.jpg", "c.jpg"]


def test_top_cuts_after_merging() -> None:
    hits = [
        hit(1, 0.5, 0, 2, "a.mp4"),
        hit(2, 0.5, 2, 4, "a.mp4"),
        picture(3, 0.3, "b.jpg"),
        picture(4, 0.2, "c.jpg"),
    ]
    assert [m.best.path for m in merge(hits, top=2)] == ["a.mp4", "b.jpg"]


def test_weak_windows_at_the_ends_are_cut_off() -> None:
    assert refined([hit(1, 0.5, 10, 20)], {1: stream(10, [0.1, 0.5, 0.6, 0.55, 0.2])}) == [(12, 18)]


def test_a_dip_inside_stays() -> None:
    assert refined([hit(1, 0.5, 0, 8)], {1: stream(0, [0.5, 0.1, 0.1, 0.6])}) == [(0, 8)]


def test_what_is_weak_is_judged_above_the_background() -> None:
    streams = {1: stream(0, [0.4, 0.6])}
    assert refined([hit(1, 0.5, 0, 4)], streams, background=0.0) == [(0, 4)]
    assert refined([hit(1, 0.5, 0, 4)], streams, background=0.3) == [(2, 4)]


def test_a_clip_without_a_stream_stays_whole() -> None:
    assert refined([hit(1, 0.5, 3, 5)], {}) == [(3, 5)]


def test_merged_neighbours_are_refined_together() -> None:
    hits = [hit(1, 0.50, 4, 8), hit(2, 0.49, 8, 12)]
    streams = {1: stream(4, [0.1, 0.7]), 2: stream(8, [0.7, 0.1])}
    assert refined(hits, streams) == [(6, 10)]


def test_a_merged_clip_without_a_stream_keeps_its_end() -> None:
    hits = [hit(1, 0.50, 4, 8), hit(2, 0.49, 2, 4)]
    assert refined(hits, {1: stream(4, [0.1, 0.7])}) == [(2, 8)]


@given(
    st.lists(st.lists(st.floats(-0.9, 0.9), min_size=1, max_size=6), min_size=1, max_size=5),
    st.floats(-0.5, 0.5),
)
def test_moments_never_overlap_grow_or_vanish(clips: list[list[float]], background: float) -> None:
    start, hits, streams = 0.0, [], {}
    for number, scores in enumerate(clips):
        end = start + 2.0 * len(scores)
        hits.append(hit(number, float(np.mean(scores)), start, end))
        if len(scores) > 1:
            streams[number] = stream(start, scores)
        start = end
    hits.sort(key=lambda each: -each.score)
    before = sorted((moment.start, moment.end) for moment in merge(hits, top=10))
    after = sorted(refined(hits, streams, background))
    for (old_start, old_end), (new_start, new_end) in zip(before, after, strict=True):
        assert old_start <= new_start < new_end <= old_end
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(after))
