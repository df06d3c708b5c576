"""HDR video looks like the same scene in SDR. The curves are written down a second time here, inverted."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.media import DecodeRequest, ReadReport, read_windows
from jepa_retrieval.media.video.tone_mapping import to_sdr
from tests.media_factory import BLUE, GREEN, RED, YELLOW, Colour, draw

PQ, HLG = 16, 18
TRANSFER = {PQ: "smpte2084", HLG: "arib-std-b67"}
TO_BT2020 = np.linalg.inv(
    np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
)


def light_of(picture: np.ndarray) -> np.ndarray:
    """sRGB, uint8, to cd/m² of BT.2020 primaries, white being 203."""
    signal = picture / 255
    linear = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return np.clip(203 * linear @ TO_BT2020.T, 0, None)


def signal_of(light: np.ndarray, transfer: int) -> np.ndarray:
    """cd/m² to a signal from 0 to 1."""
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        root = (light / 10_000) ** m1
        result: np.ndarray = ((c1 + c2 * root) / (1 + c3 * root)) ** m2
        return result
    luminance = (light @ np.array([0.2627, 0.6780, 0.0593]))[..., None] / 1000
    scene = light / 1000 * np.maximum(luminance, 1e-9) ** ((1 - 1.2) / 1.2)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def make_hdr(path: Path, transfer: int, scenes: tuple[Colour, ...]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p10le"
        stream.codec_context.options = {
            "x265-params": f"log-level=none:colorprim=bt2020:transfer={TRANSFER[transfer]}:colormatrix=bt2020nc"
        }
        for number, scene in enumerate(np.repeat(scenes, 10, axis=0)):
            signal = signal_of(light_of(draw((160, 96), tuple(scene))), transfer)
            frame = av.VideoFrame.from_ndarray((signal * 65535 + 0.5).astype(np.uint16), format="rgb48le")
            frame = frame.reformat(format="yuv420p10le", dst_colorspace=9)
            frame.color_trc, frame.color_primaries, frame.colorspace = transfer, 9, 9
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_colours_are_those_of_the_scene(tmp_path: Path, transfer: int) -> None:
    scenes = (RED, GREEN, BLUE, YELLOW, (120, 120, 120))
    video = make_hdr(tmp_path / "a.mp4", transfer, scenes)
    request = DecodeRequest(video, image_size=48, window=1.0)
    for window, scene in zip(read_windows(request), scenes, strict=True):
        shown = window.frames[0, -8:, -8:].reshape(-1, 3).mean(0)
        assert np.abs(shown - scene).max() < (14 if max(scene) > 190 else 8)  # highlights are rolled off


@pytest.mark.parametrize("decoder", ["decord", "torchcodec"])
def test_other_decoders_leave_it_to_pyav(tmp_path: Path, decoder: str) -> None:
    pytest.importorskip(decoder)
    report = ReadReport()
    video = make_hdr(tmp_path / "a.mp4", PQ, (RED,))
    list(read_windows(DecodeRequest(video, image_size=48, decoder=decoder), report=report))  # type: ignore[arg-type]
    assert report.warnings == [f"was read with PyAV, not {decoder}: it does not map a high dynamic range"]


@given(st.lists(st.integers(0, 65535), min_size=2, max_size=50), st.sampled_from([PQ, HLG]))
def test_more_signal_is_never_darker(values: list[int], transfer: int) -> None:
    grey = np.repeat(np.array(sorted(values), np.uint16)[None, :, None], 3, axis=2)
    shown = to_sdr(grey, transfer)[0].astype(int)
    assert (np.diff(shown, axis=0) >= 0).all()
    assert (np.ptp(shown, axis=1) <= 1).all()  # grey stays grey


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_black_and_white(transfer: int) -> None:
    def shown(light: float) -> int:
        signal = signal_of(np.full((1, 1, 3), light), transfer)
        return int(to_sdr((signal * 65535 + 0.5).astype(np.uint16), transfer)[0, 0, 0])

    assert shown(0) == 0
    assert shown(1000) >= 254
    assert 200 < shown(203) < 235  # white, with room for highlights above
    assert shown(50) == pytest.approx(255 * (1.055 * (50 / 203) ** (1 / 2.4) - 0.055), abs=3)
