import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jepa_retrieval.media import DecodeRequest, ReadReport, read_windows
from jepa_retrieval.media.video.transport_stream import bytes_without_sync, ends_within_packet
from tests.media_factory import make_video

SIZES = (188, 192, 204)


def packets(count: int, size: int) -> bytes:
    """Packets without a sync byte inside."""
    one = bytearray(b"\x00" * size)
    one[4 if size == 192 else 0] = 0x47
    return bytes(one) * count


@given(size=st.sampled_from(SIZES), count=st.integers(10, 400), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_put_between_packets_is_counted(
    tmp_path: Path, size: int, count: int, data: st.DataObject
) -> None:
    before = data.draw(st.integers(5, count - 5))
    noise = data.draw(st.integers(1, 5000).filter(lambda length: length % size))
    content = packets(before, size) + bytes(noise) + packets(count - before, size)
    (tmp_path / "a.ts").write_bytes(content)
    lost, total = bytes_without_sync(tmp_path / "a.ts")
    assert total == len(content)
    assert noise - size < lost < noise + 2 * size


@given(st.binary(max_size=3000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_counted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ts").write_bytes(b"x" + content)
    lost, total = bytes_without_sync(tmp_path / "a.ts")
    assert 0 <= lost <= total == len(content) + 1


@pytest.mark.parametrize("damage", ["noise", "zeros", "removed", "sync bytes"])
def test_a_damaged_recording_is_partial(tmp_path: Path, damage: str) -> None:
    video = make_video(tmp_path / "a.ts", seconds=12, gop=25, size=(320, 240), sound=True)
    report = ReadReport()
    list(read_windows(DecodeRequest(video, image_size=32), report=report))
    assert (report.partial, report.warnings) == ([], [])
    content = bytearray(video.read_bytes())
    low, high = len(content) * 4 // 1880 * 188, len(content) * 6 // 1880 * 188
    if damage == "noise":
        content[low:high] = np.random.default_rng(0).bytes(high - low)
    elif damage == "zeros":
        content[low:high] = bytes(high - low)
    elif damage == "removed":
        del content[low:high]
    else:
        content[low:high:188] = bytes(len(range(low, high, 188)))
    video.write_bytes(content)
    windows = list(read_windows(DecodeRequest(video, image_size=32), report=report))
    assert windows[-1].end == pytest.approx(12, abs=0.2)
    assert len(report.partial) >= 1 and all(reason.startswith("is damaged: ") for reason in report.partial)


@given(size=st.sampled_from(SIZES), count=st.integers(10, 60), cut=st.integers(0, 203))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_last_packet_that_is_not_whole_is_seen(tmp_path: Path, size: int, count: int, cut: int) -> None:
    content = packets(count, size)
    (tmp_path / "a.ts").write_bytes(content[: len(content) - cut % size])
    # With a time code a packet has four bytes before its sync byte, with error correction 16 that do not matter.
    missing = cut % size - (16 if size == 204 else 0)
    assert ends_within_packet(tmp_path / "a.ts") == (0 < missing < 188)


def test_a_recording_in_a_shard_is_read_and_one_that_is_cut_off_is_reported(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.ts", seconds=4, gop=25, size=(320, 240))
    content = video.read_bytes()
    (tmp_path / "cut.ts").write_bytes(content[: len(content) * 7 // 1880 * 188 + 100])
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        for name in ("a.ts", "cut.ts"):
            shard.add(tmp_path / name, name)
    for folder in (tmp_path, tmp_path / "shard.tar"):
        whole, cut = ReadReport(), ReadReport()
        list(read_windows(DecodeRequest(folder / "a.ts", image_size=32), report=whole))
        list(read_windows(DecodeRequest(folder / "cut.ts", image_size=32), report=cut))
        assert (whole.partial, whole.warnings) == ([], [])
        assert cut.warnings[-1] == "ends within a packet: it may have been cut off"
