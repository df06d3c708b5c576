"""How fast are decoding, inference, indexing and text search compared with other tools, in one run on one machine?

    python -m benchmarks.speed.side_by_side [--minutes 4] [--clips 100000]

Prints four tables and writes `results/side_by_side.json` and `.png`, one panel of bars to a table. All decoders read
the same 720p h264 file with a key frame every 2 s, see `decoder_peers`; the limit is `ffmpeg -f null`, which decodes
every frame and does nothing with it. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.shared.common import RESULTS, print_table, save_result, timed
from benchmarks.shared.joined_videos import joined_video, real_clips
from benchmarks.shared.processes import run_ffmpeg, run_index
from benchmarks.speed import query_latency, x_encoder_speed
from benchmarks.speed.decoder_peers import DECODERS, IMAGE_SIZE, RATE
from jepa_retrieval.media import Decoded, DecodePool, DecodeRequest, Sampling
from jepa_retrieval.output_files import replacing


class Bar(NamedTuple):
    """One measurement."""

    name: str
    value: float
    note: str = ""


class Panel(NamedTuple):
    """Bars in the same unit; ours are drawn in another colour."""

    title: str
    unit: str
    bars: list[Bar]
    ours: frozenset[str]


def main() -> None:
    """Measure, print, draw."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        panels = measure(folder, minutes=options.minutes, clips=options.clips)
    for panel in panels:
        print(f"\n{panel.title}")
        print_table(["", panel.unit, ""], [[name, f"{value:.4g}", note] for name, value, note in panel.bars])
    result = {panel.title: [bar._asdict() for bar in panel.bars] for panel in panels}
    print(save_result("side_by_side", {"minutes": options.minutes, "clips": options.clips, "panels": result}))
    print(draw(panels, RESULTS / "side_by_side.png"))


def measure(folder: Path, *, minutes: int, clips: int, cold_runs: int = 9) -> list[Panel]:
    """All panels; without ffmpeg those of decoding are left out.

    Files are made in `folder` and used again if they are there.
    """
    panels = [_runtimes(), _searches(folder, clips, cold_runs)]
    if shutil.which("ffmpeg") is None:
        return panels
    target = folder / f"{minutes}_keys_2s.mp4"
    file = joined_video(real_clips(), target, minutes=minutes, key_frame_seconds=2.0)
    run_index(file)  # compiles the graphs and warms the disk cache
    limit = run_ffmpeg(file).seconds
    return [_decoders(file, minutes, limit), _indexing(file, minutes, limit), *panels]


def _decoders(file: Path, minutes: int, limit: float) -> Panel:
    bars = [Bar("ffmpeg -f null", minutes * 60 / limit, "all frames, none handed over")]
    for name, decode in DECODERS.items():
        try:
            bars.append(_decoder(name, lambda decode=decode: decode(file), minutes))  # type: ignore[misc]
        except (
            ImportError,
            RuntimeError,
        ) as error:  # torchcodec raises the latter without FFmpeg's libraries
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            print(f"{name} is left out: {reason}")
    samplings: dict[str, Sampling] = {"dense": RATE, "auto": "auto"}
    ours = {f"DecodePool, {name}": sampling for name, sampling in samplings.items()}
    for name, sampling in ours.items():
        bars.append(_decoder(name, lambda sampling=sampling: _pool(file, sampling), minutes))  # type: ignore[misc]
    return Panel(
        f"Decoding, {RATE:g} frames a second at {IMAGE_SIZE} x {IMAGE_SIZE}",
        "x real time",
        bars,
        frozenset(ours),
    )


def _decoder(name: str, decode: Callable[[], int], minutes: int) -> Bar:
    with timed() as run:
        frames = decode()
    return Bar(name, minutes * 60 / run.seconds, f"{frames:,} frames")


def _pool(file: Path, sampling: Sampling) -> int:
    """Frames that our decoding processes give, thumbnails and content hash included, as when indexing."""
    with DecodePool() as pool:
        return sum(
            len(window.frames)
            for event in pool.run([DecodeRequest(file, image_size=IMAGE_SIZE, sampling=sampling)])
            if isinstance(event, Decoded)
            for window in event.windows
        )


def _runtimes() -> Panel:
    bars = [
        Bar(speed.runtime, speed.milliseconds, f"cosine to eager {speed.mean_cosine:.4f}")
        for speed in x_encoder_speed.measure()
    ]
    ours = frozenset(bar.name for bar in bars if bar.name.startswith("OpenVINO"))
    return Panel("X-Encoder of nano, batch 16", "ms a frame", bars, ours)


def _indexing(file: Path, minutes: int, limit: float) -> Panel:
    bars = [Bar("ffmpeg -f null", minutes * 60 / limit, "the limit of decoding every frame")]
    for sampling in (f"{RATE:g}", "auto"):
        run = run_index(file, sampling)
        bars.append(Bar(f"jepa index --sampling {sampling}", minutes * 60 / run.seconds))
    return Panel(
        "Indexing, a new process",
        "x real time",
        bars,
        frozenset(bar.name for bar in bars if "jepa" in bar.name),
    )


def _searches(folder: Path, clips: int, cold_runs: int) -> Panel:
    library = query_latency.synthetic_library(folder / f"{clips} clips", clips=clips)
    bars = []
    for name, seconds in (
        ("cold: jepa search", query_latency.cold_searches(library, cold_runs)),
        ("warm: Library.search", query_latency.warm_searches(library, 100)),
    ):
        worst = f"90%: {np.percentile(seconds, 90) * 1000:.1f}"
        bars.append(Bar(name, float(np.median(seconds) * 1000), worst))
    return Panel(f"Text search, {clips:,} clips", "ms, median", bars, frozenset(bar.name for bar in bars))


def draw(panels: Sequence[Panel], target: Path) -> Path:
    """Bars as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.6 * len(panels)), layout="constrained")
    places = figure.subplots(-(-len(panels) // 2), 2, squeeze=False).flat
    for axes, panel in zip(places, panels, strict=False):
        colours = ["tab:blue" if bar.name in panel.ours else "tab:grey" for bar in panel.bars]
        drawn = axes.barh([bar.name for bar in panel.bars], [bar.value for bar in panel.bars], color=colours)
        axes.bar_label(drawn, fmt="%.3g", padding=3)
        axes.invert_yaxis()
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlabel(panel.unit)
        axes.margins(x=0.15)
        if max(bar.value for bar in panel.bars) > 50 * min(bar.value for bar in panel.bars):
            axes.set_xscale("log")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as written:
        figure.savefig(written, dpi=120)
    return target


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=int, default=4, help="length of the video")
    parser.add_argument("--clips", type=int, default=100_000, help="of the index that is searched")
    parser.add_argument("--folder", type=Path, help="keep the files that are made here and use them again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
