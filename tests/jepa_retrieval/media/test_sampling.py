import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import DecodeRequest
from jepa_retrieval.media.sampling import SamplingPlan, SlotPicker

rising_times = st.lists(st.integers(0, 4000), min_size=1, max_size=80, unique=True).map(
    lambda ticks: [tick / 100 for tick in sorted(ticks)]
)


def pick(times: list[float], rate: float) -> list[float]:
    picker: SlotPicker[float] = SlotPicker(SamplingPlan(rate=rate, key_gap=0.1))
    picked = [chosen for time in times if (chosen := picker.offer(time, time))]
    return [time for time, _ in [*picked, *filter(None, [picker.close()])]]


@given(rising_times, st.sampled_from([0.3, 1.0, 2.0, 8.0]))
def test_one_frame_of_every_slot_that_has_any(times: list[float], rate: float) -> None:
    plan = SamplingPlan(rate=rate, key_gap=0.1)
    picked = pick(times, rate)
    assert [plan.slot(time) for time in picked] == sorted({plan.slot(time) for time in times})


@given(rising_times)
def test_the_frame_nearest_to_the_middle_of_its_slot(times: list[float]) -> None:
    plan = SamplingPlan(rate=2.0, key_gap=0.1)
    for chosen in pick(times, 2.0):
        slot = plan.slot(chosen)
        rivals = [abs(time - (slot + 0.5) / 2) for time in times if plan.slot(time) == slot]
        assert abs(chosen - (slot + 0.5) / 2) == min(rivals)


def test_a_sound_frame_wins_over_a_damaged_one_nearer_by() -> None:
    picker: SlotPicker[str] = SlotPicker(SamplingPlan(rate=1.0, key_gap=0.1))
    picker.offer(0.1, "sound")
    picker.offer(0.5, "damaged", damaged=True)
    assert picker.close() == (0.1, "sound")


def test_time_never_runs_backwards() -> None:
    assert pick([0.0, 5.0, 1.0, 2.0, 6.0], 1.0) == [0.0, 5.0, 6.0]


def test_a_plan_never_asks_for_more_frames_than_windows_hold() -> None:
    dense = DecodeRequest("a.mp4", image_size=8, sampling=30.0, window=2.0, frames_per_window=4)  # type: ignore[arg-type]
    assert SamplingPlan.of(dense).rate == 2.0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"image_size": 0}, "image_size"),
        ({"window": 0.0}, "window"),
        ({"window": float("nan")}, "window"),
        ({"frames_per_window": 0}, "frames_per_window"),
        ({"sampling": "sometimes"}, "sampling"),
        ({"sampling": -1.0}, "sampling"),
        ({"decoder": "opencv"}, "decoder must be one of auto, pyav, decord, torchcodec"),
        ({"start": -1.0}, "start"),
        ({"start": 3.0, "end": 3.0}, "end"),
    ],
)
def test_a_request_names_the_option_that_is_wrong(options: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        DecodeRequest("a.mp4", **{"image_size": 64, **options})  # type: ignore[arg-type]
