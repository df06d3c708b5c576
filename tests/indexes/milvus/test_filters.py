"""Filters of a published index: the hits of the index folder, or a refusal that names what is in the way."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes import FilterError, Index
from tests.indexes.milvus.conftest import SIZE

NUMBERS = st.sampled_from(["start", "`end`", "duration", "width", "height", "frame_rate", "size", "clip_id"])
TEXTS = st.sampled_from(["path", "kind", "codec"])
TEXT = st.sampled_from(
    [
        "'video'",
        "'image'",
        "'h264'",
        "''",
        "'it''s/file 04.mp4'",
        "'Été/file 02.mp4'",
        "'a_b/file 07.mp4'",
        "'日本'",
    ]
)
PATTERN = st.sampled_from(
    [
        "'%.mp4'",
        "'2024/%'",
        "'%ile 1%'",
        "'%Été%'",
        "'%'",
        "'%\"b\"%'",
        "'100%'",
        "'a_b%'",
        "'%''s%'",
        "''",
        "'%2%4'",
    ]
)
NUMBER = st.sampled_from(["0", "1", "2.5", "5", "-1", "640", "1280", "1200.5", "29.97", "25", "1e3", "3074"])
TIME = st.sampled_from(
    ["'2023-12-01'", "'2023-11-20 12:00:00'", "date '2023-12-24'", "timestamp '2023-12-01 00:00:00'"]
)
IN = st.sampled_from(["in", "not in"])
FUNCTION = st.sampled_from(["starts_with", "ends_with", "contains"])
OTHER = (
    *("true", "false", "null", "`end` - start > 2", "lower(kind) = 'video'", "width > height"),
    *("year(mtime) = 2023", "duration > '5'", "size > 1200.5"),
)
WORD = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "!="])


def _atoms() -> st.SearchStrategy[str]:
    join = " ".join
    return st.one_of(
        st.tuples(NUMBERS, WORD, NUMBER).map(join),
        st.tuples(NUMBER, WORD, NUMBERS).map(join),
        st.tuples(TEXTS, WORD, TEXT).map(join),
        st.tuples(TEXTS, st.sampled_from(["like", "not like", "ilike"]), PATTERN).map(join),
        st.tuples(st.just("mtime"), WORD, TIME).map(join),
        st.tuples(TIME, WORD, st.just("mtime")).map(join),
        st.tuples(st.one_of(NUMBERS, TEXTS), st.sampled_from(["is null", "is not null"])).map(join),
        st.tuples(NUMBERS, NUMBER, NUMBER).map(lambda x: f"{x[0]} between {x[1]} and {x[2]}"),
        st.tuples(NUMBERS, IN, NUMBER, NUMBER).map(lambda x: f"{x[0]} {x[1]} ({x[2]}, {x[3]})"),
        st.tuples(TEXTS, IN, TEXT).map(lambda x: f"{x[0]} {x[1]} ({x[2]}, null)"),
        st.tuples(FUNCTION, TEXTS, TEXT).map(lambda x: f"{x[0]}({x[1]}, {x[2]})"),
        st.sampled_from(OTHER),
    )


def filters() -> st.SearchStrategy[str]:
    """Conditions of one to a few atoms."""
    return st.recursive(
        _atoms(),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda x: f"({x[0]}) {x[1]} ({x[2]})"
            ),
            inner.map(lambda x: f"not ({x})"),
        ),
        max_leaves=4,
    )


def found(index: Index, where: str | None) -> dict[int, float] | str:
    """Scores by clip_id of everything that passes, or what is wrong."""
    query = np.eye(1, SIZE, dtype=np.float32)
    try:
        return {hit.clip_id: round(hit.score, 3) for hit in index.search(query, k=1_000, where=where)[0]}
    except FilterError as error:
        return str(error)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(where=filters())
def test_the_same_clips_pass_or_the_filter_is_refused_by_name(
    source: Index, published: Index, where: str
) -> None:
    here, there = found(source, where), found(published, where)
    if isinstance(there, str):
        assert "cannot be used on a published index" in there or "is not valid" in there
        assert repr(where)[1:40] in there or where[:20] in there
    else:
        assert here == there


@pytest.mark.parametrize(
    "where",
    [
        "duration > 5",
        "not (duration > 5)",
        "width = 640 or width is null",
        "not (width = 640 or codec = 'av1')",
        "kind = 'video' and path like '%/file 1%'",
        "path like '%Été%'",
        "path not in ('2024/file 01.mp4', null)",
        "not (path in ('2024/file 01.mp4', null) and path not in ('2024/file 01.mp4', null))",
        "mtime >= '2023-12-01'",
        "size > 1200 and size <= 3000",
        "starts_with(path, '2024')",
        "frame_rate between 25 and 30",
        "width = 640 and width <> 640 or width > 640 and width < 2000",
        "not (path like '2024/%' or path like 'a%')",
    ],
)
def test_usual_filters_are_translated(source: Index, published: Index, where: str) -> None:
    here, there = found(source, where), found(published, where)
    assert isinstance(here, dict)
    assert here == there


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("year(mtime) = 2023", "YEAR(mtime)' has no counterpart"),
        ("lower(path) like '%a%'", "LIKE"),
        ("regexp_like(path, 'a')", "regexp_like()"),
        ("path like 'a_b%'", "_"),
        ("kind ilike 'VIDEO'", "ILIKE"),
        ("not (width = 640 and width <> 640)", "NOT over several conditions on width"),
    ],
)
def test_what_has_no_counterpart_is_named(published: Index, where: str, named: str) -> None:
    said = found(published, where)
    assert isinstance(said, str)
    assert "counterpart in Milvus" in said
    assert named in said


def test_what_is_no_filter_is_refused_as_elsewhere(source: Index, published: Index) -> None:
    for where in ("nonsense > 1", "duration >", ""):
        assert isinstance(found(source, where), str)
        assert "columns are" in str(found(published, where)) or "is empty" in str(found(published, where))
