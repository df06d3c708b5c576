import math
from pathlib import Path
from typing import IO, Any

import pytest

from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import Lost, Returned
from jepa_retrieval.tasks.watching.alerts import Alert
from jepa_retrieval.tasks.watching.shifts import ShiftOptions
from jepa_retrieval.tasks.watching.watch import Described, Observed, Watcher, WatchOptions
from tests.jepa_retrieval.media.streams.stream_server import serve, trickle
from tests.jepa_retrieval.tasks.colour_model import ColourDecoder, ColourModel
from tests.media_factory import BLUE, GREEN, RED, make_video

FREE = ShiftOptions(max_rate=None)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of red, of green and of blue."""
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    return make_video(path, seconds=24, fps=10, size=(64, 48), scenes=[RED, GREEN, BLUE], gop=50)


def watcher(source: Path | str, *, model: ColourModel | None = None, **options: Any) -> Watcher:
    options = {"shifts": FREE} | options
    model = model or ColourModel()
    return Watcher(StreamSource.parse(str(source)), model, ColourDecoder(), WatchOptions(**options))


def spoken(events: list[Any]) -> list[tuple[float, float, str, int]]:
    return [(e.start, e.end, e.text.split()[-1], e.windows) for e in events if isinstance(e, Described)]


@pytest.mark.parametrize("framewise", [True, False])
def test_one_sentence_for_every_scene(video: Path, framewise: bool) -> None:
    watch = watcher(video, model=ColourModel(framewise=framewise))
    events = list(watch.run())
    said = spoken(events)
    assert [colour for _, _, colour, _ in said] == ["red.", "green.", "blue."]
    blur = 0.0 if framewise else 0.5  # windows that reach further see a border before it comes
    assert [end for _, end, _, _ in said] == [pytest.approx(end, abs=blur) for end in (8.0, 16.0, 24.0)]
    assert sum(windows for _, _, _, windows in said) == watch.counters.windows == 48
    observed = [event for event in events if isinstance(event, Observed)]
    assert len(observed) == 48
    assert max(event.variance for event in observed) > 0.3
    assert (watch.counters.decodes, watch.counters.uniform_decodes) == (3, 24)
    assert watch.counters.saved == pytest.approx(8.0)


def test_a_sentence_comes_as_soon_as_its_segment_is_over(video: Path) -> None:
    events = list(watcher(video).run())
    red = next(number for number, event in enumerate(events) if isinstance(event, Described))
    before = [event for event in events[:red] if isinstance(event, Observed)]
    assert 8.0 < before[-1].end <= 10.5


def test_windows_share_batches(video: Path) -> None:
    model = ColourModel()
    list(watcher(video, model=model).run())
    assert model.batches == [16, 16, 16]


def test_the_budget_is_kept(video: Path) -> None:
    watch = watcher(video, shifts=ShiftOptions(max_rate=0.05))
    assert len(spoken(list(watch.run()))) <= 3


def test_only_so_much_of_a_stream(video: Path) -> None:
    watch = watcher(video, seconds=10.0)
    list(watch.run())
    assert 10.0 <= watch.counters.seconds < 24.0


def test_an_alert_fires_once_when_it_becomes_true(video: Path) -> None:
    watch = watcher(video, alerts=["something green", "something yellow"])
    alerts = [event for event in watch.run() if isinstance(event, Alert)]
    assert [alert.text for alert in alerts] == ["something green"]
    assert 8.0 <= alerts[0].start <= 9.0
    assert alerts[0].confidence >= 0.5
    assert watch.counters.alerts == 1


@pytest.mark.parametrize(
    "options", [{"rate": value} for value in (0.0, math.nan, math.inf, 10**400)] + [{"seconds": math.nan}]
)
def test_impossible_times(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(options))} must be above 0"):
        WatchOptions(**options)


@pytest.mark.parametrize("options", [{"alerts": [" "]}, {"alerts": ["x"], "alert_confidence": 1.0}])
def test_impossible_alerts(video: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="alert"):
        watcher(video, **options)


def test_pictures_only_on_demand(video: Path) -> None:
    for wanted in (True, False):
        events = watcher(video, pictures=wanted).run()
        assert all((event.picture is not None) == wanted for event in events if isinstance(event, Described))


def test_a_lost_camera_ends_the_segment_and_is_told_of(tmp_path: Path) -> None:
    parts = []
    for name, scene in (("1.ts", RED), ("2.ts", BLUE)):
        parts.append(make_video(tmp_path / name, seconds=4, scenes=[scene], fps=10).read_bytes())

    def send(connection: int, file: IO[bytes]) -> None:
        if connection < 2:
            trickle(file, parts[connection], seconds=0.1)

    with serve(send) as url:
        watch = watcher(url, give_up=0.3, timeout=2.0)
        events: list[Any] = []
        with pytest.raises(UnreadableMediaError, match="given up"):
            for event in watch.run():
                events.append(event)
    told = [type(event) for event in events if isinstance(event, Lost | Returned | Described)]
    assert told == [Described, Lost, Returned, Described, Lost]
    assert [colour for _, _, colour, _ in spoken(events)] == ["red.", "blue."]
    assert watch.counters.losses == 2


def test_interrupted_watching_can_say_what_it_has(video: Path) -> None:
    watch = watcher(video)
    events = watch.run()
    for event in events:
        if isinstance(event, Observed) and event.end >= 3.0:
            break
    events.close()
    assert [(text.start, text.text) for text in watch.finish()] == [(0.0, "The picture is red.")]
