"""Options of distributed indexing."""

import pytest

from cli.distributed import engine_options
from jepa_retrieval.errors import UsageError


def test_options_are_the_keywords_of_the_library() -> None:
    assert engine_options(None, address=None, workers=None) == {}
    given = engine_options("ray", address="auto", shard_files=20, max_retries=0, workers=None)
    assert given == {"engine": "ray", "address": "auto", "shard_files": 20, "max_retries": 0}


@pytest.mark.parametrize("option", ["address", "shard_files", "max_retries", "workers"])
def test_an_option_without_distributed_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match=f"--{option.replace('_', '-')} needs --distributed ray"):
        engine_options(None, **{option: 2})


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="--distributed must be ray, not 'spark'"):
        engine_options("spark")
