"""What a large collection takes to index: the sums are right, and the simulated faults cost what they must."""

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jepa_retrieval.tasks.indexing.cluster_plan import Collection, Faults, UnitCosts, plan_cluster, simulate

NO_FAULTS = Faults(slow_share=0, machine_mtbf=1e12)
COSTS = UnitCosts(decode=100, encode=260, clips=400)  # 0.1 core-hours an hour of video


def collection(hours: float, **fields: object) -> Collection:
    return Collection(
        **{"hours": hours, "within": 24, "cores": 4, "costs": COSTS, "faults": NO_FAULTS, **fields}
    )


def test_without_faults_the_work_is_what_the_unit_costs_say() -> None:
    run = simulate(collection(10_000), machines=5)
    assert (run.retries, run.lost) == (0, 0)
    assert run.busy * 2 == pytest.approx(1000, rel=0.02)  # a worker has two cores
    assert run.hours == pytest.approx(1000 / 20, rel=0.05)


@settings(max_examples=20)
@example(machines=1, mtbf=1.0, slow=0.25)  # a shard is lost late, and the other worker is free
@given(machines=st.integers(1, 40), mtbf=st.floats(1, 500), slow=st.floats(0, 0.5))
def test_no_run_is_shorter_than_its_work(machines: int, mtbf: float, slow: float) -> None:
    faults = Faults(slow_share=slow, machine_mtbf=mtbf)
    run = simulate(collection(2_000, faults=faults), machines)
    workers = machines * 2
    assert run.hours * workers >= run.busy + run.lost - 1e-6 - workers * faults.restart
    assert (run.retries > 0) == (run.lost > 0)
    assert run == simulate(collection(2_000, faults=faults), machines)


def test_what_fails_more_often_costs_more() -> None:
    lost = [
        simulate(collection(5_000, faults=Faults(slow_share=0, machine_mtbf=mtbf)), 4).lost
        for mtbf in (1e9, 25, 5)
    ]
    assert lost[0] == 0 < lost[1] < lost[2]
    # A shard takes 0.42 hours: with a failure in 5 hours about one attempt in twelve is lost.
    run = simulate(collection(5_000, faults=Faults(slow_share=0, machine_mtbf=5)), 4)
    assert run.retries / (run.retries + 600) == pytest.approx(0.08, abs=0.03)


def test_a_plan_ends_in_time_and_no_smaller_one_does() -> None:
    wanted = collection(10_000, faults=Faults())
    plan = plan_cluster(wanted)
    assert plan.run.hours <= wanted.within
    assert simulate(wanted, plan.machines - 1).hours > wanted.within
    assert plan.clips == 4_000_000
    assert plan.run_price == pytest.approx(plan.core_hours * wanted.prices.core_hour)
    assert plan.memory_bytes == plan.clips * COSTS.memory_bytes
    half = plan_cluster(dataclasses.replace(wanted, hours=5_000))
    assert half.machines < plan.machines


def test_a_run_that_one_shard_makes_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="smaller shards"):
        plan_cluster(collection(1_000, within=1, shard_hours=100))
