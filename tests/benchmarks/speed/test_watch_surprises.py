"""The stream of one scene: what it is joined from, and which surprises count as found or as false alarms."""

from pathlib import Path

import av
import pytest

from benchmarks.datasets.shapes import AnomalySet, LabelledVideo
from benchmarks.speed.watch_surprises import SceneStream, Seen, judged, make_stream
from tests.media_factory import make_video


def test_the_stream_has_three_parts(tmp_path: Path) -> None:
    videos = [make_video(tmp_path / f"{name}.mp4", seconds=2, fps=10) for name in "abcd"]
    tests = (LabelledVideo(videos[2], ((5, 9),)), LabelledVideo(videos[3], ((0, 19),)))
    stream = make_stream(AnomalySet("made", (*videos[:2],), tests, 10.0, 2), tmp_path, learn=3, hours=0.001)
    assert (stream.learnt, stream.normal_until) == (4.0, 8.0)
    assert stream.abnormal == [(8.5, 9.0), (10.0, 12.0)]
    with av.open(str(stream.path)) as file:
        times = [frame.time for frame in file.decode(video=0)]
    assert len(times) == 120
    assert times[-1] - times[0] == pytest.approx(11.9, abs=0.01)


def test_surprises_are_judged_by_where_they_begin() -> None:
    stream = SceneStream(Path("scene.ts"), 100.0, 3700.0, [(3710.0, 3715.0), (3730.0, 3740.0)])
    memory = [(0.0, 500.0, 90.0), (1100.0, 700.0, 90.0), (3600.0, 712.0, 90.0)]
    seen = Seen([(400.0, 6.0), (3716.5, 8.0), (3720.0, 7.0)], memory, 60.0)
    outcome = judged(stream, seen, learn=100.0)
    assert outcome["normal hours after learning"] == 1.0
    assert (outcome["false alarms there"], outcome["false alarms in the test videos"]) == (1, 1)
    assert (outcome["abnormal intervals"], outcome["found"]) == (2, 1)
    assert outcome["seconds until each was found"] == [6.5, None]
    assert outcome["MB of growth after learning"] == 12
