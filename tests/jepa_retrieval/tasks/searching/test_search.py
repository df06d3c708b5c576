from indexes.records import ClipHit
from jepa_retrieval.tasks.searching.search import to_moments


def hit(
    clip_id: int, score: float, path: str, start: float | None = None, end: float | None = None
) -> ClipHit:
    return ClipHit(clip_id, score, path, "image" if start is None else "video", start, end)


def test_touching_clips_that_score_alike_are_one_moment() -> None:
    hits = [hit(1, 0.50, "a.mp4", 4, 6), hit(2, 0.49, "a.mp4", 6, 9), hit(3, 0.485, "a.mp4", 2, 4)]
    (moment,) = to_moments(hits, top=10)
    assert (moment.start, moment.end, moment.clip_id, moment.score) == (2, 9, 1, 0.50)


def test_touching_clips_that_differ_stay_apart() -> None:
    hits = [hit(1, 0.50, "a.mp4", 4, 6), hit(2, 0.30, "a.mp4", 6, 9)]
    assert [(m.rank, m.start, m.end) for m in to_moments(hits, top=10)] == [(1, 4, 6), (2, 6, 9)]


def test_clips_that_do_not_touch_or_lie_in_other_files_stay_apart() -> None:
    hits = [hit(1, 0.5, "a.mp4", 0, 2), hit(2, 0.5, "a.mp4", 4, 6), hit(3, 0.5, "b.mp4", 0, 2)]
    assert len(to_moments(hits, top=10)) == 3


def test_negative_scores_merge_by_closeness_too() -> None:
    hits = [hit(1, -0.100, "a.mp4", 0, 2), hit(2, -0.101, "a.mp4", 2, 4), hit(3, -0.5, "a.mp4", 4, 6)]
    assert [(m.start, m.end) for m in to_moments(hits, top=10)] == [(0, 4), (4, 6)]


def test_per_file_keeps_the_best_moment_of_each() -> None:
    hits = [
        hit(1, 0.5, "a.mp4", 0, 2),
        hit(2, 0.4, "a.mp4", 8, 9),
        hit(3, 0.3, "b.jpg"),
        hit(4, 0.2, "c.jpg"),
    ]
    assert [m.path for m in to_moments(hits, top=10, per_file=True)] == ["a.mp4", "b.jpg", "c.jpg"]


def test_top_cuts_after_merging() -> None:
    hits = [
        hit(1, 0.5, "a.mp4", 0, 2),
        hit(2, 0.5, "a.mp4", 2, 4),
        hit(3, 0.3, "b.jpg"),
        hit(4, 0.2, "c.jpg"),
    ]
    assert [m.path for m in to_moments(hits, top=2)] == ["a.mp4", "b.jpg"]
