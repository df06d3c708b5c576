"""Files are divided among workers: every file once, the same way each time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import FoundFile
from jepa_retrieval.tasks.indexing.distributed.cluster import Shares, share_out
from jepa_retrieval.tasks.indexing.distributed.shards import MIN_SHARD_FILES, make_shards
from jepa_retrieval.tasks.indexing.options import IndexOptions


@given(
    paths=st.sets(st.text("abc/.", min_size=1, max_size=8), max_size=200),
    shard_files=st.integers(1, 300),
    workers=st.integers(1, 20),
)
def test_every_file_is_in_one_shard(paths: set[str], shard_files: int, workers: int) -> None:
    files = {path: FoundFile(Path("/") / path, 1, 1) for path in paths}
    shards = make_shards(files, shard_files=shard_files, workers=workers)
    assert [path for shard in shards for path in shard.files] == sorted(paths)
    assert all(0 < len(shard.files) <= shard_files for shard in shards)
    assert all(len(shard.files) >= min(shard_files, MIN_SHARD_FILES) for shard in shards[:-1])
    reverse = make_shards(dict(reversed(files.items())), shard_files=shard_files, workers=workers)
    assert [list(shard.files) for shard in reverse] == [list(shard.files) for shard in shards]


@given(paths=st.sets(st.text("abc", min_size=1, max_size=5), min_size=2, max_size=50))
def test_halves_hold_the_same_files(paths: set[str]) -> None:
    files = {path: FoundFile(Path("/") / path, 1, 1) for path in paths}
    (shard,) = make_shards(files, shard_files=100, workers=1)[:1]
    first, second = shard.halves() if len(shard.files) > 1 else (shard, shard)
    if len(shard.files) > 1:
        assert [*first.files, *second.files] == list(shard.files)
        assert abs(len(first.files) - len(second.files)) <= 1


@pytest.mark.parametrize(
    ("cpus", "gpus", "workers", "expected"),
    [
        (2, 0, 2, Shares(2, 1, 0)),
        (2, 0, None, Shares(1, 2, 0)),
        (1, 0, None, Shares(1, 1, 0)),
        (64, 0, None, Shares(32, 2, 0)),
        (64, 8, None, Shares(8, 8, 1)),
        (64, 2, 4, Shares(4, 16, 0.5)),
    ],
)
def test_a_cluster_is_divided_among_workers(
    cpus: float, gpus: float, workers: int | None, expected: Shares
) -> None:
    assert share_out(cpus=cpus, gpus=gpus, workers=workers) == expected


@pytest.mark.parametrize(
    "options", [{"engine": "spark"}, {"shard_files": 0}, {"max_retries": -1}, {"workers": 0}]
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        IndexOptions(**options)
