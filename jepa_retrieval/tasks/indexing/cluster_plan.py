"""What a large collection takes to index: machines, disk, memory and money, by measured unit costs.

A simulation of the run, with slow shards and machines that fail, says how long it takes and what the lost work costs.
"""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, field

HOURS_A_MONTH = 730.0
MAX_SIMULATED_SHARDS = 200_000  # a larger run is simulated with larger shards
MAX_SHARD_MTBFS = 3.0  # a shard that takes longer is hardly ever finished


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """What one hour of video, or one clip, costs; nano on 480p video, by `benchmarks.speed.unit_costs`."""

    decode: float = 26.0  # core-seconds an hour of video
    encode: float = 88.0
    clips: float = 528.0  # an hour of video
    table_bytes: float = 41_531.0  # a clip: tokens, streams, thumbnail
    vector_bytes: float = 1_024.0 + 128.0  # a clip: float16 vector and 8-bit code, E = 512 and d = 128
    memory_bytes: float = 205.0  # a clip, in a search process: kind ivf-sq8
    build: float = 299.0 / 10e6  # core-seconds a clip: 299 for ten million (docs/scale.md)


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong in a run.

    Attributes:
        slow_share: share of shards that take longer than the others.
        slow_factor: how many times longer.
        machine_mtbf: hours between two failures of one machine.
        restart: hours until a worker that failed works again.
    """

    slow_share: float = 0.02
    slow_factor: float = 5.0
    machine_mtbf: float = 24.0 * 30
    restart: float = 0.1


@dataclass(frozen=True, slots=True)
class Prices:
    """In any currency."""

    core_hour: float = 0.04
    gigabyte_month: float = 0.08


@dataclass(frozen=True, slots=True)
class Simulated:
    """One simulated run."""

    hours: float  # from its begin to its end
    busy: float  # worker-hours of work that was kept
    lost: float  # worker-hours of work that was lost with a worker, and of restarts
    retries: int  # shards that were begun again


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """A plan for a collection."""

    machines: int
    cores: int  # of each machine
    run: Simulated
    core_hours: float  # that are paid for
    clips: float
    disk_bytes: float
    memory_bytes: float
    build_hours: float  # for the vector index, on one machine
    run_price: float
    month_price: float  # of the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What is to be indexed, and with what.

    Attributes:
        hours: of video.
        within: hours that the run may take.
        cores: of a machine; a worker takes two.
        shard_hours: hours of video in a shard.
    """

    hours: float
    within: float
    cores: int = 16
    shard_hours: float = 500 / 60
    costs: UnitCosts = field(default_factory=UnitCosts)
    faults: Faults = field(default_factory=Faults)
    prices: Prices = field(default_factory=Prices)


CORES_PER_WORKER = 2


def plan_cluster(collection: Collection) -> ClusterPlan:
    """The fewest machines with which the simulated run ends in time.

    Raises:
        ValueError: one shard alone takes longer than the run may, or than machines work without a failure; or the
            collection has so many that those that are simulated as one do.
    """
    costs = collection.costs
    core_hours = collection.hours * (costs.decode + costs.encode) / 3600
    first = max(1, math.ceil(core_hours / (collection.cores * collection.within)))
    too_few, enough = 0, first
    while (run := simulate(collection, enough)).hours > collection.within:
        if enough > 64 * first:
            raise ValueError(_too_long(collection))
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        tried = simulate(collection, middle)
        if tried.hours > collection.within:
            too_few = middle
        else:
            enough, run = middle, tried
    clips = collection.hours * costs.clips
    disk = clips * (costs.table_bytes + costs.vector_bytes)
    paid = enough * collection.cores * run.hours
    return ClusterPlan(
        machines=enough,
        cores=collection.cores,
        run=run,
        core_hours=paid,
        clips=clips,
        disk_bytes=disk,
        memory_bytes=clips * costs.memory_bytes,
        build_hours=clips * costs.build / 3600 / collection.cores,
        run_price=paid * collection.prices.core_hour,
        month_price=disk / 1e9 * collection.prices.gigabyte_month,
    )


def simulate(collection: Collection, machines: int, *, seed: int = 0) -> Simulated:
    """Run shards through workers in simulated time; a machine that fails takes the shards of its workers with it.

    Shards are given out as `distributed.run` does: the next one to whoever is free, a lost one at the end.
    """
    random_numbers = random.Random(seed)
    costs, faults = collection.costs, collection.faults
    count, grouped = _shards(collection)
    shards = math.ceil(count / grouped)
    usual = collection.hours / shards * (costs.decode + costs.encode) / 3600 / CORES_PER_WORKER
    workers = machines * max(1, collection.cores // CORES_PER_WORKER)
    # Machines fail at random: the time to a worker's next failure has an exponential distribution.
    rate = 1 / faults.machine_mtbf
    if usual * faults.slow_factor > MAX_SHARD_MTBFS * faults.machine_mtbf:
        if _worker_hours(collection, slow=True) > MAX_SHARD_MTBFS * faults.machine_mtbf:
            raise ValueError("a shard takes longer than machines work without a failure: use smaller shards")
        raise ValueError(_too_coarse(collection, "machines work without a failure"))
    free = [(0.0, worker) for worker in range(min(workers, shards))]
    waiting, end, busy, lost, retries = shards, 0.0, 0.0, 0.0, 0
    again: list[float] = []  # when shards were lost that are to be begun again
    while waiting or again:
        now, worker = heapq.heappop(free)
        if waiting:
            waiting -= 1
        else:
            now = max(now, heapq.heappop(again))
        slow = random_numbers.random() < faults.slow_share
        takes = usual * random_numbers.uniform(0.8, 1.2) * (faults.slow_factor if slow else 1.0)
        until_failure = random_numbers.expovariate(rate)
        if until_failure < takes:
            lost += until_failure + faults.restart
            retries += 1
            heapq.heappush(again, now + until_failure)
            heapq.heappush(free, (now + until_failure + faults.restart, worker))
            continue
        busy += takes
        end = max(end, now + takes)
        heapq.heappush(free, (now + takes, worker))
    return Simulated(end, busy, lost, retries)


def _shards(collection: Collection) -> tuple[int, int]:
    """How many shards a collection has, and how many of them are simulated as one."""
    count = max(1, math.ceil(collection.hours / collection.shard_hours))
    return count, max(1, math.ceil(count / MAX_SIMULATED_SHARDS))


def _worker_hours(collection: Collection, *, slow: bool) -> float:
    """What a worker takes for one shard."""
    costs, video = collection.costs, min(collection.shard_hours, collection.hours)
    usual = video * (costs.decode + costs.encode) / 3600 / CORES_PER_WORKER
    return usual * (collection.faults.slow_factor if slow else 1.0)


def _too_long(collection: Collection) -> str:
    """Why no number of machines ends in time."""
    takes = _worker_hours(collection, slow=collection.faults.slow_share > 0)
    if _shards(collection)[1] > 1 and takes <= collection.within:
        return _too_coarse(collection, "the whole run may")
    return "a shard takes longer than the whole run may: use smaller shards, or allow more time"


def _too_coarse(collection: Collection, what: str) -> str:
    count, grouped = _shards(collection)
    return (
        f"the run is too large to be simulated: of its {count:,} shards {grouped:,} are simulated as one, "
        f"which takes longer than {what}: plan a part of the collection, and multiply the machines"
    )
