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


@pytest.mark.parametrize("option", ["--core-price", "--disk-price", "--hours", "--within", "--mtbf"])
def test_values_that_are_too_large_are_refused_by_name(jepa: Jepa, option: str) -> None:
    given = {"--hours": "1e5", "--within": "3d"}
    values = ["9" * 400 + "h", "1000000001h"] if option in ("--within", "--mtbf") else ["inf", "1e308", "nan"]
    for value in values:
        arguments = [text for pair in {**given, option: value}.items() for text in pair]
        done = jepa("plan-cluster", *arguments, "--json")
        assert (done.status, done.out) == (2, "")
        assert option in done.err and "bug" not in done.err


def test_a_time_that_is_too_short_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--within: '0\.001h' must be at least 0\.01h"):
        parse_duration("0.001h", option="--within")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--within", "1h"],
        ["--within", "3d", "--shard-files", "1", "--file-minutes", "0.01"],
        ["--within", "4h", "--slow", "0", "--shard-files", "2000"],
        ["--within", "100w", "--mtbf", "1d"],
    ],
)
def test_a_run_that_is_too_large_to_be_simulated_is_not_blamed_on_its_shards(
    jepa: Jepa, arguments: list[str]
) -> None:
    done = jepa("plan-cluster", "--hours", "1e9", *arguments)
    assert (done.status, done.out) == (2, "")
    assert "the run is too large to be simulated" in done.err and "smaller shards" not in done.err


def test_what_cannot_be_planned_is_said(jepa: Jepa) -> None:
    done = jepa("plan-cluster", "--hours", "1000", "--within", "1h", "--shard-files", "100000")
    assert (done.status, "smaller shards" in done.err) == (2, True)
