import itertools

from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.media.video.packet_clock import JUMP_SECONDS, LATE_SECONDS, PacketClock

BASE = 1 / 90_000
STEP = 3600  # a frame at 25 a second


def moved(stamps: list[int], *, jumps_forward: bool = True) -> tuple[list[int], int]:
    clock = PacketClock(time_base=BASE, frame_step=STEP * BASE, jumps_forward=jumps_forward)
    return [clock.move(stamp, stamp + STEP)[0] for stamp in stamps], clock.jumps


@given(st.lists(st.integers(0, 2**33), min_size=1, max_size=60))
def test_time_never_jumps(stamps: list[int]) -> None:
    times, jumps = moved(stamps)
    for before, after in itertools.pairwise(times):
        assert -LATE_SECONDS <= (after - before) * BASE <= JUMP_SECONDS
    assert jumps < len(stamps)


@given(st.lists(st.integers(0, 2**33), min_size=1, max_size=6), st.integers(2, 40))
def test_recordings_that_were_joined_follow_each_other(starts: list[int], length: int) -> None:
    stamps = [start + STEP * number for start in starts for number in range(length)]
    times, jumps = moved(stamps)
    far = all(
        not -LATE_SECONDS <= (later - earlier - STEP * (length - 1)) * BASE <= JUMP_SECONDS
        for earlier, later in itertools.pairwise(starts)
    )
    if far:
        assert times == [starts[0] + STEP * number for number in range(len(stamps))]
        assert jumps == len(starts) - 1


@given(st.integers(0, 2**33), st.lists(st.integers(1, int(9.9 / BASE)), max_size=40))
def test_a_sound_clock_is_kept(first: int, steps: list[int]) -> None:
    stamps = list(itertools.accumulate(steps, initial=first))
    assert moved(stamps) == (stamps, 0)


def test_presentation_follows_decoding() -> None:
    clock = PacketClock(time_base=BASE, frame_step=STEP * BASE, jumps_forward=True)
    stored = [(0, STEP), (STEP, 40_000 * 90_000), (40_000 * 90_000, None), (7 * STEP, 9 * STEP)]
    assert [clock.move(*stamps) for stamps in stored] == [
        (0, STEP), (STEP, 2 * STEP), (2 * STEP, None), (3 * STEP, 5 * STEP)
    ]  # fmt: skip


def test_a_still_picture_is_no_jump_where_clocks_are_not_set_forward() -> None:
    assert moved([0, 90_000 * 60], jumps_forward=False) == ([0, 90_000 * 60], 0)
