"""`jepa plan-cluster`."""

import json

import pytest

from cli.plan_cluster import parse_duration
from jepa_retrieval.errors import UsageError
from tests.cli.conftest import Jepa


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("3d", 72), ("2w", 336), ("1.5d", 36)])
def test_times_of_runs(text: str, hours: float) -> None:
    assert parse_duration(text) == hours


@pytest.mark.parametrize("text", ["3", "d", "0h", "3 days", "-1d"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="12h, 3d or 2w"):
        parse_duration(text)


def test_a_plan_is_printed_with_what_it_rests_on(jepa: Jepa) -> None:
    done = jepa("plan-cluster", "--hours", "1e5", "--within", "3d")
    assert done.status == 0
    assert [line.partition("\t")[0] for line in done.out.splitlines()] == [
        "machines", "indexing", "lost", "clips", "disk", "memory", "vector index",
    ]  # fmt: skip
    assert "core-seconds to decode" in done.err
    arguments = ("plan-cluster", "--hours", "1e5", "--within", "3d", "--json")
    plan = json.loads(jepa(*arguments).out)
    assert plan["run"]["hours"] <= 72
    dearer = json.loads(
        jepa("plan-cluster", "--hours", "1e5", "--within", "3d", "--core-price", "0.08", "--json").out
    )
    assert dearer["run_price"] == pytest.approx(2 * plan["run_price"])


def test_what_cannot_be_planned_is_said(jepa: Jepa) -> None:
    done = jepa("plan-cluster", "--hours", "1000", "--within", "1h", "--shard-files", "100000")
    assert (done.status, "smaller shards" in done.err) == (2, True)
