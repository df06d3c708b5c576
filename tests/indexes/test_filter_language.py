"""What a filter may say: every text either works as SQL says or is one clear sentence, and never reaches a crash."""

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes import FilterError, Index
from indexes.filter_language import compile_filter
from indexes.tables import open_clips

SECOND = 1_000_000_000
YEAR_2300, YEAR_1600, YEAR_2024 = 10_413_792_000 * SECOND, -11_676_096_000 * SECOND, 1_710_460_800 * SECOND
COLUMNS = ("clip_id", "start", "end", "path", "kind", "duration", "size", "mtime")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    import numpy as np

    from indexes import ClipRecord, MediaRecord

    folder = tmp_path_factory.mktemp("filters") / "index"
    index = Index.create(folder, model="m", prompt="", fingerprint="f", embedding_size=4)
    files = [
        ("future.mp4", YEAR_2300),
        ("past.mp4", YEAR_1600),
        ("before.mp4", -1),
        ("now.mp4", YEAR_2024),
        (unicodedata.normalize("NFC", "été/café.mp4"), 0),
        (unicodedata.normalize("NFD", "été/café 2.mp4"), 0),
        (unicodedata.normalize("NFD", "été/") + unicodedata.normalize("NFC", "café 3.mp4"), 0),
        ("cafe.jpg", 0),
        ("100%_done's.mp4", 0),
    ]
    with index.writer() as writer:
        for number, (path, mtime_ns) in enumerate(files):
            clip = ClipRecord(float(number), number + 1.0, np.eye(1, 4, dtype=np.float32)[0])
            kind = "image" if path.endswith("jpg") else "video"
            media = MediaRecord(path, number, mtime_ns, kind=kind, duration=10.0 * number)
            writer.put(media, [clip])
    return Index.open(folder)


def found(library, where):
    [hits] = library.search([[1.0, 0.0, 0.0, 0.0]], k=50, where=where)
    return {unicodedata.normalize("NFC", hit.path).removesuffix(".mp4") for hit in hits}


@pytest.mark.parametrize(
    ("where", "paths"),
    [
        ("mtime > timestamp '2024-03-15'", {"future"}),
        ("mtime >= timestamp '2024-03-15'", {"future", "now"}),
        ("timestamp '2024-03-15 00:00:00.5' < mtime", {"future"}),
        ("mtime = timestamp '2024-03-15T02:00:00+02:00'", {"now"}),
        ("mtime < timestamp '1700-01-01'", {"past"}),
        ("mtime < timestamp '1970-01-01'", {"past", "before"}),
        ("mtime < timestamp '9999-12-31' and mtime > timestamp '2299-12-31'", {"future"}),
        ("mtime between date '2024-03-15' and date '2024-03-16'", {"now"}),
        ("mtime in (timestamp '2024-03-15')", {"now"}),
        ("cast(mtime as date) = '2024-03-15'", {"now"}),
        ("cast(mtime as timestamp) > '2024-03-16'", {"future"}),
        ("to_timestamp(mtime) > '2024-03-16'", {"future"}),
        ("mtime::date = date '2024-03-15'", {"now"}),
        ("year(mtime) = 2300", {"future"}),
        ("date_part('month', mtime) = 12 and day(mtime) = 31", {"before"}),
        ("mtime > now()", {"future"}),
        ("mtime > current_date", {"future"}),
        ("mtime >= '2024-03-15 00:00' and mtime < '2024-03-15 00:01'", {"now"}),
        ("mtime like '2024-03-%'", {"now"}),
        ("mtime is null", set()),
    ],
)
def test_times_of_any_year_compare(library, where, paths):
    assert found(library, where) == paths


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("path like '%é%'", 3),
        ("path like 'été/café%'", 3),
        ("path not like '%é%'", 6),
        ("path ilike 'ÉTÉ/%'", 3),
        ("path = 'été/café 2.mp4'", 1),
        ("path = 'été/café 3.mp4'", 1),
        ("path <> 'été/café 2.mp4'", 8),
        ("path in ('été/café.mp4', 'été/café 2.mp4', 'été/café 3.mp4', 'cafe.jpg')", 4),
        ("path not in ('été/café.mp4', 'cafe.jpg')", 7),
        ("starts_with(path, 'été')", 3),
        ("contains(path, 'café')", 3),
        ("ends_with(path, 'é 3.mp4')", 1),
        ("lower(path) = 'été/café.mp4'", 1),
        ("path like 'été/caf_.mp4'", 1),
    ],
)
def test_names_match_in_either_normal_form(library, where, count, form):
    assert len(found(library, unicodedata.normalize(form, where))) == count


@pytest.mark.parametrize(
    ("where", "paths"),
    [
        ("path like 'caf_.jpg'", {"cafe.jpg"}),
        ("path like '100\\%\\_done%'", {"100%_done's"}),
        ("path like '100!%!_done''s.mp4' escape '!'", {"100%_done's"}),
        ("path like 'c_f%.jpg' escape '!'", {"cafe.jpg"}),
        ("PATH = 'cafe.jpg' AND NOT (`end` < 1 OR false)", {"cafe.jpg"}),
        ('kind = "image"', {"cafe.jpg"}),
        ("kind = 'image' -- only pictures", {"cafe.jpg"}),
        ("kind /* a; b */ = 'image'", {"cafe.jpg"}),
        ("size - 1 - 2 * 3 = 0 and size % 4 = 3", {"cafe.jpg"}),
        ("-(size) = 8 - 15 and size::text = '7'", {"cafe.jpg"}),
        ("path || '!' = 'cafe.jpg!'", {"cafe.jpg"}),
        ("regexp_like(path, '^c.fe')", {"cafe.jpg"}),
        ("(kind = 'image') is true and path is not distinct from 'cafe.jpg'", {"cafe.jpg"}),
        ("try_cast(path as bigint) is not null", set()),
        ("path like null", set()),
        (" or ".join(["size = 7"] * 2000), {"cafe.jpg"}),
        (f"size in ({','.join(map(str, range(7, 9000)))}) and kind = 'image'", {"cafe.jpg"}),
    ],
)
def test_the_language(library, where, paths):
    assert found(library, where) == paths


ODD = [
    *(
        "'",
        "path = '",
        "path = `x",
        "/* open",
        "-- x",
        "(",
        ")",
        "true)",
        "true) or (true",
        "1=1) --",
        "and",
        "path >",
    ),
    *(
        "?",
        "? = path",
        "$1 = path",
        "path = $name",
        "path = :name",
        "path = @x",
        "$$",
        "path = b'1'",
        "X'00' = path",
    ),
    *(
        "(select 1) = 1",
        "exists (select 1)",
        "path in (select path from clips)",
        "drop table clips",
        "select 1",
    ),
    *(
        "size > 1 limit 1",
        "size > 1 order by size",
        "size > 1, size > 2",
        "size > 1 union select 1",
        "true; true",
    ),
    *(
        "case when true then true end",
        "interval '1 day' > 1",
        "array[1] = 1",
        "{'a': 1} = 1",
        "embedding[1] > 1",
    ),
    *(
        "foo(path)",
        "sum(size) > 1",
        "count(*) > 1",
        "row_number() over () = 1",
        "random() > 0",
        "pg_sleep(1) = 1",
    ),
    *(
        "repeat(path, 1000000000) = 'x'",
        "lpad(path, 2000000000, 'x') = 'x'",
        "array_repeat(1, 10000000000) is null",
    ),
    *("generate_series(1, 1000000000) is null", "regexp_like(path, '(')", "regexp_like(path, path)"),
    *(
        "regexp_like(path, '((((a{100}){100}){100}){100})')",
        "path ~ 'a'",
        "path similar to 'a'",
        "path like path",
    ),
    *(
        "path like '%' escape 'xx'",
        "path like 1",
        "path in ()",
        "path in (size)",
        "path in (1, 2)",
        "size = 'x'",
    ),
    *("size > 1e400", "size > " + "9" * 400, "size > 99999999999999999999", "size = nan", "size / 0 = 1"),
    *(
        "cast(path as int) > 1",
        "cast(path as foo) = 1",
        "size::decimal(10, 2) = 1",
        "abs(-9223372036854775808) = 1",
    ),
    *("mtime > timestamp 'foo'", "mtime > timestamp '262143-01-01'", "mtime > timestamp '-5000-01-01'"),
    *(
        "size > timestamp '2024-01-01'",
        "cast(size as timestamp) > '2024-01-01'",
        "to_timestamp() = 1",
        "year() = 1",
    ),
    *(
        "colour = 'red'",
        "media.path = 'a'",
        "a.b.c = 1",
        "_rowid = 0",
        "media_id = 1",
        "embedding is null",
        "x" * 10**6,
    ),
    *(
        "path",
        "1",
        "'a'",
        "null",
        "not path",
        "path and true",
        "path is true",
        "path is size",
        "size = 1 = 2",
        "abs()",
    ),
    *(
        "",
        "  ",
        "\n",
        "\x00",
        "\u202e",
        "😀",
        "path = '\ud800'",
        "ünï = 1",
        "path = 'x' collate \"C\"",
        "* = 1",
    ),
    *(
        "(" * 10_000 + "true" + ")" * 10_000,
        "not " * 20_000 + "true",
        "- " * 20_000 + "1 = 1",
        "case " * 10_000,
    ),
    *("true" + " and true" * 10_000, "size" + " + 1" * 10_000 + " > 1", "not (" * 40 + "true" + ")" * 40),
    *(
        "path" + " || 'a'" * 5000 + " = 'x'",
        "-(" * 30 + "size" + ")" * 30 + " = 1",
        "[" * 10_000,
        "{" * 10_000,
    ),
]


@pytest.mark.parametrize("where", ODD, ids=lambda where: ascii(where[:40]))
def test_what_is_not_in_the_language_is_one_sentence(library, where, capfd):
    with pytest.raises(FilterError) as caught:
        found(library, where)
    message = str(caught.value)
    assert "\n" not in message and ".rs:" not in message and len(message) < 1000
    assert capfd.readouterr().err == ""


def test_paths_are_exact_and_cannot_be_widened(library):
    path = "100%_done's.mp4"
    rows = [
        row["path"]
        for batch in library.iter_clips(paths=[path], columns=["path"])
        for row in batch.to_pylist()
    ]
    assert rows == [path]
    assert library.media(paths=[path, "none"], where="size > 100", columns=["path"]).num_rows == 0
    assert library.media(paths=[]).num_rows == 0
    with pytest.raises(FilterError):
        library.iter_clips(where="true) or (true", paths=[path])


WORDS = [
    "path",
    "size",
    "mtime",
    "kind",
    "`end`",
    "'a'",
    "'é%'",
    "1",
    "2.5",
    "(",
    ")",
    ",",
    "and",
    "or",
    "not",
    "in",
]
WORDS += [
    "like",
    "is",
    "null",
    "between",
    "=",
    "<",
    ">=",
    "<>",
    "+",
    "-",
    "*",
    "||",
    "%",
    "cast(",
    "as int)",
    "::",
]
WORDS += [
    "timestamp '2024-01-01'",
    "date",
    "lower(",
    "true",
    "--",
    "/*",
    "'",
    '"',
    "$1",
    "?",
    ";",
    "case",
    "end",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=14))
def test_any_text_works_or_is_one_sentence(library, words):
    try:
        found(library, " ".join(words))
    except FilterError as error:
        assert "\n" not in str(error)


def expressions():
    """Filters that the engine reads by itself too, with operators of all precedences and few parentheses."""
    number = st.sampled_from(["size", "clip_id", "1", "2", "7", "0.5", "duration"])
    sums = st.lists(st.tuples(number, st.sampled_from(["+", "-", "*"])), min_size=1, max_size=4)
    value = sums.map(lambda parts: " ".join(f"{n} {op}" for n, op in parts) + " 3")
    operator = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    comparison = st.tuples(value, operator, value).map(" ".join)
    text = st.sampled_from(
        ["path like '%a%'", "path not like '%.jpg'", "kind in ('image', 'x')", "codec is null"]
    )
    between = st.tuples(value, st.sampled_from(["between", "not between"]), value, value).map(
        lambda parts: f"{parts[0]} {parts[1]} {parts[2]} and {parts[3]}"
    )
    leaf = comparison | text | between
    return st.recursive(
        leaf,
        lambda inner: (
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
            | inner.map(lambda where: f"not {where}")
            | inner.map(lambda where: f"({where})")
        ),
        max_leaves=6,
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=expressions())
def test_rewriting_keeps_the_meaning(library, where):
    table = open_clips(library.folder, library.manifest)

    def ids(condition):
        return sorted(table.to_table(columns=["clip_id"], filter=condition)["clip_id"].to_pylist())

    assert ids(compile_filter(where, (*COLUMNS, "codec"))) == ids(where)


def test_a_search_without_a_filter_does_not_load_the_parser(library):
    code = (
        "import sys; from indexes import Index; Index.open(sys.argv[1]).search([[1.0, 0, 0, 0]], k=1);"
        "assert 'sqlglot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(library.folder)], check=True)
