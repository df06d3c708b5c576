"""Makes videos in which somebody speaks: with espeak-ng, whose voice speech recognition understands."""

from __future__ import annotations

import shutil
import subprocess
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.media_factory import BLUE, Colour, draw

RATE = 16_000  # of made sound, samples a second

needs_voice = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="the program espeak-ng, which speaks, is not installed"
)


def voice(text: str, folder: Path, *, speed: int = 150) -> np.ndarray:
    """A sentence as sound, int16 [n], 16,000 samples a second; `speed` in words a minute."""
    file = folder / "voice.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", str(speed), "-w", file, text], check=True)
    with wave.open(str(file)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
        rate = sound.getframerate()
    file.unlink()  # an index of the folder would listen to it
    times = np.arange(0, len(samples) / rate, 1 / RATE)
    return np.interp(times, np.arange(len(samples)) / rate, samples).astype(np.int16)


def say(lines: Sequence[tuple[float, str]], folder: Path, *, seconds: float | None = None) -> np.ndarray:
    """Sentences that begin at given seconds, as sound; silence between them."""
    spoken = [(round(at * RATE), voice(text, folder)) for at, text in lines]
    end = max((at + len(samples) for at, samples in spoken), default=0)
    sound = np.zeros(max(end, round((seconds or 0) * RATE)), np.int16)
    for at, samples in spoken:
        sound[at : at + len(samples)] = samples
    return sound


def make_spoken_video(
    path: Path,
    sound: np.ndarray | None,
    *,
    colours: Sequence[Colour] = (BLUE,),
    codec: str = "aac",
    rate: int = RATE,
    layout: str = "mono",
    begin: float = 0.0,
    start_time: float = 0.0,
    gap: tuple[float, float] | None = None,
    pictures: bool = True,
) -> Path:
    """Write a video with sound.

    Args:
        path: where to; the suffix chooses the container.
        sound: int16 [n], 16,000 samples a second; None for no sound.
        colours: of scenes of equal length.
        codec: of the sound.
        rate: of the sound in the file.
        layout: of its channels.
        begin: seconds after the first picture at which the sound begins.
        start_time: seconds that all time stamps are moved by.
        gap: at this second of the sound, so many seconds without any are added.
        pictures: whether there are any.
    """
    samples = np.zeros(0, np.int16) if sound is None else sound
    seconds = max(2.0, len(samples) / RATE + begin + (gap[1] if gap else 0.0))
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=10, options={"preset": "ultrafast"}) if pictures else None
        track = file.add_stream(codec, rate=rate, layout=layout) if sound is not None else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            count = round(seconds * 10)
            for number in range(count):
                colour = colours[number * len(colours) // count]
                frame = av.VideoFrame.from_ndarray(draw((64, 48), colour), format="rgb24")
                frame.pts, frame.time_base = number + round(start_time * 10), Fraction(1, 10)
                file.mux(video.encode(frame))
            file.mux(video.encode(None))
        if track is not None:
            _add_sound(file, track, samples, begin + start_time, gap)
    return path


def _add_sound(file, track, samples, begin: float, gap: tuple[float, float] | None) -> None:  # type: ignore[no-untyped-def]
    resampler = av.AudioResampler(track.format, track.layout, track.rate)
    done = 0
    for at in range(0, len(samples), 1024):
        piece = av.AudioFrame.from_ndarray(samples[None, at : at + 1024], format="s16", layout="mono")
        piece.sample_rate, piece.pts = RATE, None
        for frame in resampler.resample(piece):
            later = gap[1] if gap is not None and at >= gap[0] * RATE else 0.0
            frame.pts, frame.time_base = done + round((begin + later) * track.rate), Fraction(1, track.rate)
            done += frame.samples
            file.mux(track.encode(frame))
    file.mux(track.encode(None))


def with_tracks(path: Path, *tracks: tuple[str, str, str | None]) -> Path:
    """Add tracks of subtitles to a Matroska file: disposition, text, language."""
    with av.open(str(path), "w") as out:
        sources = []
        for number, (disposition, text, language) in enumerate(tracks):
            srt = path.with_name(f"{number}.track")
            srt.write_text(text)
            source = av.open(str(srt), format="srt")
            stream = out.add_stream_from_template(source.streams.subtitles[0])
            stream.disposition = getattr(av.stream.Disposition, disposition)
            if language:
                stream.metadata["language"] = language
            sources.append((source, stream))
        for source, stream in sources:
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    return path
