"""`where`: SQL over the columns, applied before the search."""

import pytest

from indexes import FilterError, MediaRecord

DAY = 86_400 * 1_000_000_000


@pytest.fixture
def library(index, put, vector):
    with index.writer() as writer:
        put(writer, "2024/a's.mp4", 3, duration=10.0, width=640, frame_rate=25.0, mtime_ns=19_800 * DAY)
        put(writer, "2024/b.mp4", 3, duration=100.0, width=1920, frame_rate=50.0, mtime_ns=19_000 * DAY)
        put(writer, "old/c.jpg", 1, kind="image", width=1920, size=5)
        writer.put(MediaRecord("old/failed.mp4", 1, 1, state="failed", error="no"), [])
    return index


@pytest.mark.parametrize(
    ("where", "paths"),
    [
        ("duration > 60", ["2024/b.mp4"] * 3),
        ("duration > 60 and path like '2024/%'", ["2024/b.mp4"] * 3),
        ("path = '2024/a''s.mp4' and start >= 1 and `end` <= 3", ["2024/a's.mp4"] * 2),
        ("end - start > 0.5 and frame_rate < 30", ["2024/a's.mp4"] * 3),
        ("kind = 'image'", ["old/c.jpg"]),
        ("duration is null", ["old/c.jpg"]),
        ("size < 10", ["old/c.jpg"]),
        ("mtime > '2024-01-01'", ["2024/a's.mp4"] * 3),
        ("mtime > timestamp '2024-01-01'", ["2024/a's.mp4"] * 3),
        ("mtime like '2022-01-%'", ["2024/b.mp4"] * 3),
        ("clip_id = 0", ["2024/a's.mp4"]),
        ("width = 1920", ["2024/b.mp4"] * 3 + ["old/c.jpg"]),
        ("false", []),
        ("path not in ('old/c.jpg', null)", []),
        ("not (path in ('old/c.jpg', null) and path not in ('old/c.jpg', null))", ["old/c.jpg"]),
    ],
)
def test_only_matching_clips_are_found(library, vector, where, paths):
    hits = library.search(vector("anything")[None], k=100, where=where)[0]
    assert sorted(hit.path for hit in hits) == paths
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("colour = 'red'", "there is no column 'colour'; columns are"),
        ("duration >", "not valid: an operand is missing at '>'; columns are"),
        ("duration > 'abc'", "abc"),
        ("path", "boolean"),
        ("(null)", "NULL is neither true nor false"),
        ("path like 'unfinished", "a quote or comment is not closed"),
        ("duration > 5; drop table clips", "more than one expression is not supported"),
        ("path in (select path from media)", "not supported"),
        ("size / 0 > 1", "Divide by zero"),
        ("(" * 500 + "true" + ")" * 500, "nested too deeply"),
    ],
)
def test_bad_sql_is_one_clear_sentence(library, vector, where, said):
    with pytest.raises(FilterError, match=said) as caught:
        library.search(vector("anything")[None], k=5, where=where)
    message = str(caught.value)
    assert "\n" not in message
    assert ".rs:" not in message
    if where.strip():
        assert "columns are clip_id, start, end, path, kind, duration" in message


def test_a_semicolon_inside_text_is_fine(library, vector):
    assert library.search(vector("x")[None], k=5, where="path = 'a;b'") == [[]]


def test_media_filters_name_the_media_columns(library):
    assert library.media(where="state = 'failed' or clips = 1")["path"].to_pylist() == [
        "old/c.jpg",
        "old/failed.mp4",
    ]
    with pytest.raises(FilterError, match="columns are path, size, mtime"):
        library.media(where="start > 5")
    with pytest.raises(FilterError, match="columns are clip_id"):
        library.iter_clips(where="state = 'failed'")
