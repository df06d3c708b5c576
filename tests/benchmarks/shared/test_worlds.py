"""Generated worlds: the same for the same seed, possible but for one event, which begins where it is said to."""

import itertools

import numpy as np
import pytest

from benchmarks.datasets.generated_worlds import CONTROLS, EVENTS
from benchmarks.shared import worlds
from benchmarks.shared.worlds import FRAMES, SIDE, Change, make_world, positions, possible_video, world_pair


@pytest.mark.parametrize("kind", [*EVENTS, *CONTROLS])
def test_a_pair_agrees_up_to_its_event(kind: str) -> None:
    pair = world_pair(kind, 3)
    assert pair.possible.shape == pair.other.shape == (FRAMES, SIDE, SIDE, 3)
    differs = (pair.possible != pair.other).any(axis=(1, 2, 3))
    # What happens behind the screen, or at the wall, is seen some frames later.
    assert pair.frame <= np.flatnonzero(differs)[0] <= pair.frame + 12
    again = world_pair(kind, 3)
    np.testing.assert_array_equal(again.other, pair.other)
    assert (world_pair(kind, 4).possible != pair.possible).any()


def test_things_stay_in_their_world_and_keep_their_speed() -> None:
    for seed in range(5):
        world = make_world([seed])
        frames = positions(world)
        for before, after in itertools.pairwise(frames):
            for one, other in zip(before, after, strict=True):
                assert one is not None and other is not None
                assert np.hypot(*one.speed) == pytest.approx(np.hypot(*other.speed))
                assert other.place[0] < world.wall and 0 <= other.place[1] <= 1
                assert (one.colour, one.shape) == (other.colour, other.shape)


def test_events_change_the_first_thing_alone() -> None:
    world = make_world([1])
    usual = positions(world)
    for change in (Change("vanish", 20), Change("stop", 20), Change("shape", 20)):
        frames = positions(world, change)
        assert frames[:20] == usual[:20] and frames[20][0] != usual[20][0]
        assert [things[1:] for things in frames] == [things[1:] for things in usual]
    stopped = positions(world, Change("stop", 20))
    assert stopped[20][0] == stopped[-1][0]


def test_a_world_follows_from_its_seed() -> None:
    np.testing.assert_array_equal(possible_video([5]), possible_video([5]))
    assert worlds.RATE * 4 == FRAMES
