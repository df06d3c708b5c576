"""Every codec of the shared collection, and the videos that packages ship."""

from pathlib import Path

import pytest

from jepa_retrieval.media import DecodePool, DecodeRequest, Failed, Finished, FoundFile, probe, scan
from tests.jepa_retrieval.media.conftest import SIZE, Read
from tests.real_media import video as real_video


@pytest.mark.shared
def test_every_codec_is_read_or_named(shared_data: Path) -> None:
    files = [entry.path for entry in scan(shared_data / "videos" / "codecs") if isinstance(entry, FoundFile)]
    with DecodePool(workers=2) as pool:
        ends = {
            event.request.path: event
            for event in pool.run(DecodeRequest(path, image_size=SIZE) for path in files)
            if isinstance(event, Failed | Finished)
        }
    assert len(files) >= 20 and set(ends) == set(files)
    assert [event for event in ends.values() if isinstance(event, Failed)] == []


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "rotation", "size"),
    [("0", 0, (568, 320)), ("90", 90, (320, 568)), ("180", 180, (568, 320)), ("270", 270, (320, 568))],
)
def test_recorded_rotation(shared_data: Path, name: str, rotation: int, size: tuple[int, int]) -> None:
    info = probe(shared_data / "videos" / "codecs" / f"decord__video_{name}.mov")
    assert (info.rotation, (info.width, info.height)) == (rotation, size)


def test_a_real_video(read: Read) -> None:
    path = real_video("bikes.mp4")
    info = probe(path)
    assert (info.kind, info.codec, info.width, info.height) == ("video", "h264", 640, 272)
    assert info.duration == pytest.approx(10) and info.frame_rate == pytest.approx(25)
    windows = read(path)
    assert windows[0].start == 0 and windows[-1].end == pytest.approx(10)
