import itertools

from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.media.streams.clock import JUMP_SECONDS, StreamClock


class Wall:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=60), st.booleans(), st.booleans())
def test_time_only_runs_forward(stamps: list[float | None], live: bool, jumps: bool) -> None:
    clock = StreamClock(live=live, jumps_forward=jumps, now=Wall())
    times = [time for stamp in stamps if (time := clock.time(stamp)) is not None]
    assert all(first < second for first, second in itertools.pairwise(times))


@given(st.floats(0, 1e5), st.lists(st.floats(0.01, 9.9), max_size=40))
def test_a_sound_clock_is_kept(first: float, steps: list[float]) -> None:
    stamps = [first]
    for step in steps:
        stamps.append(stamps[-1] + step)
    file = StreamClock(live=False, jumps_forward=True)
    assert [file.time(stamp) for stamp in stamps] == stamps
    live = StreamClock(live=True, jumps_forward=True, now=Wall())
    assert [round(live.time(stamp) or 0.0, 6) for stamp in stamps] == [round(s - first, 6) for s in stamps]
    assert file.jumps == live.jumps == 0


def test_a_clock_that_is_set_goes_on_where_it_was() -> None:
    clock = StreamClock(live=False, jumps_forward=True)
    times = [clock.time(stamp) for stamp in (0.0, 0.04, 0.08, 95_000.0, 95_000.04, 3.0, 3.04)]
    assert [round(time or 0.0, 3) for time in times] == [0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24]
    assert clock.jumps == 2


def test_a_still_picture_of_a_file_is_no_jump() -> None:
    clock = StreamClock(live=False, jumps_forward=False)
    assert [clock.time(stamp) for stamp in (0.0, 30.0, 30.04)] == [0.0, 30.0, 30.04]
    assert clock.jumps == 0


def test_late_frames_are_dropped() -> None:
    clock = StreamClock(live=False, jumps_forward=True)
    assert [clock.time(stamp) for stamp in (1.0, 0.9, 1.0, 1.1)] == [1.0, None, None, 1.1]


def test_after_a_lost_connection_a_live_stream_takes_the_wall_clock() -> None:
    wall = Wall()
    clock = StreamClock(live=True, jumps_forward=True, now=wall)
    assert clock.time(500.0) == 0.0
    wall.time += 60
    clock.reconnected()
    assert clock.time(12.0) == 60.0
    assert clock.time(12.5) == 60.5


def test_a_live_clock_that_jumps_takes_the_wall_clock() -> None:
    wall = Wall()
    clock = StreamClock(live=True, jumps_forward=True, now=wall)
    assert clock.time(0.0) == 0.0
    wall.time += 2
    assert clock.time(2 * JUMP_SECONDS) == 2.0


def test_frames_without_stamps_follow_each_other() -> None:
    clock = StreamClock(live=False, jumps_forward=True)
    assert [round(clock.time(stamp) or 0.0, 3) for stamp in (0.0, 0.1, None, None)] == [0.0, 0.1, 0.2, 0.3]
