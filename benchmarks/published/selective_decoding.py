"""How many decodes does selective decoding save on long videos? The paper's comparison with uniform decoding.

    python -m benchmarks.published.selective_decoding [--cache FOLDER] [--captions FILE]

Decode points, at every rate from 2.0 down to 0.01 a second:

- uniform: the middles of equal parts of the video;
- selective: the middles of as many segments, cut by Ward clustering with temporal connectivity.

At each point either the exact embedding of the window there is decoded, or the average over its part or
segment. Every annotated event is matched to the decoded sentence nearest in time to its middle. Three scores,
natural and joined videos apart, with bootstrap intervals over the events:

- CIDEr of the sentence against the annotation, the document frequencies from all annotations of the set;
- cosine of both in all-MiniLM-L6-v2's own space, before any head of ours;
- coverage: the share of events with a decode point inside them.

Writes selective_decoding.csv, .png and .json to `results`. `jepa bench selective-decoding DATASET` gives the short
figures of any set of timed videos: see `evaluate`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.shapes import TimedSet
from benchmarks.published.decoding_curves import (
    EMBEDDINGS,
    METRICS,
    RATE,
    RATES,
    SCHEMES,
    Curve,
    Scorer,
    cached_decoder,
    decoding_curve,
    first_rate,
    interval,
    uncovered,
)
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.common import RESULTS, print_table, save_result, shared_data
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.long_timed import TimedEvent, TimedStream, read_events, read_stream, read_streams
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import YDecoder
from jepa_retrieval.models.retrieval_decoder import CaptionBank, RetrievalDecoder
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.output_files import replacing

REFERENCE = 1.0  # the uniform rate that selective decoding is compared with
PAPER = 2.85  # times fewer decodes than uniform ones at 1 Hz, in the paper
RESAMPLES = 2000


def main() -> None:
    """Decode at every rate, score, draw and print."""
    options = _arguments()
    model = load_model(options.model)
    events, streams = read_events(), read_streams(model, options.cache, rate=RATE)
    say = cached_decoder(_decoder(model, options.captions))
    score = Scorer(events)
    curves: list[tuple[str, Curve]] = []
    for group, joined in (("natural", False), ("joined", True)):
        inside = [stream for stream in streams if stream.joined == joined]
        for scheme in SCHEMES:
            for embedding in EMBEDDINGS:
                curves.append((group, decoding_curve(inside, events, scheme, embedding, say, score)))
    _write_csv(curves)
    _draw(curves)
    reductions = _reductions(curves)
    coverage = _coverage_at_one_per_event(streams, events)
    better = _average_against_exact(curves)
    headings = ["videos", "score", "uniform at 1 Hz", "selective reaches it at"]
    print_table([*headings, "times fewer (90%)", "uniform itself, times fewer"], reductions)
    print(f"events of joined videos covered at one decode per event: {coverage:.3f}")
    missed = _missed(streams, events, REFERENCE / PAPER)
    print(
        f"events that selective decoding misses at {REFERENCE / PAPER:.2f} Hz: {'; '.join(missed) or 'none'}"
    )
    print_table(["videos", "scheme", "score", "average minus exact, mean over rates (90%)"], better)
    result = {
        "model": options.model,
        "captions": str(options.captions.name) if options.captions else "the model's own Y-Decoder",
        "reductions": reductions,
        "coverage_at_one_decode_per_event": coverage,
        "missed": missed,
        "average_minus_exact": better,
    }
    print(save_result("selective_decoding", result))


def evaluate(data: TimedSet, embedder: Embedder) -> Outcome:
    """Uniform decoding at 1 Hz and selective decoding of averages: how many times fewer decodes reach its scores.

    The headline is of the kind of videos, natural or joined, with more events.

    Raises:
        UsageError: the model has no Y-Decoder, or fewer than two events are annotated.
    """
    model = embedder.model
    assert isinstance(model, RuntimeModel)
    if model.y_decoder is None:
        raise UsageError(f"{model.name} has no Y-Decoder: it cannot say what it sees")
    streams, events = _streams(data, embedder, model)
    if len(events) < 2:
        raise UsageError(f"{data.title}: CIDEr needs at least two events, here is {len(events)}")
    say, score = cached_decoder(model.y_decoder), Scorer(events)
    kinds = sorted({stream.joined for stream in streams})
    # A moment has no inside that a decode point could lie in.
    metrics = [metric for metric in METRICS if metric != "coverage" or any(e.start < e.end for e in events)]
    rows: dict[str, Figures] = {}
    for joined in kinds:
        inside = [stream for stream in streams if stream.joined == joined]
        group = "all" if len(kinds) == 1 else "joined" if joined else "natural"
        uniform = decoding_curve(inside, events, "uniform", "exact", say, score)
        selective = decoding_curve(inside, events, "selective", "average", say, score)
        rows |= {f"{group}, {_UNITS[metric]}": _short(metric, uniform, selective) for metric in metrics}
    counts = {"videos named": data.named, "videos read": len(streams), "events": len(events)}
    of_cider = [row for name, row in rows.items() if name.endswith(_UNITS["cider"])]
    steadiest = max(of_cider, key=lambda row: row["events"])
    return Outcome(rows, "times fewer decodes at equal CIDEr", steadiest["times fewer"], counts)


_UNITS = {"cider": "CIDEr", "cosine": "cosine x 100", "coverage": "coverage, %"}


def _streams(
    data: TimedSet, embedder: Embedder, model: RuntimeModel
) -> tuple[list[TimedStream], list[TimedEvent]]:
    """Streams of the videos that can be read, and their events."""
    names = [video.path.name for video in data.videos]
    streams, events = [], []
    for number, video in enumerate(data.videos):
        name = video.path.name if names.count(video.path.name) == 1 else str(video.path)
        try:
            streams.append(read_stream(video.path, model, embedder.folder / "streams", rate=RATE, name=name))
        except UnreadableMediaError as error:
            embedder.unreadable[str(video.path)] = error.reason
            continue
        events += [TimedEvent(name, event.start, event.end, event.text) for event in video.events]
        embedder.on_progress("videos", number + 1, len(names))
    return streams, events


def _short(metric: str, uniform: Curve, selective: Curve) -> Figures:
    """One score of uniform decoding at the reference rate, and where selective decoding reaches it."""
    row = RATES.index(REFERENCE)
    goal = float(uniform.scores[metric][row].mean())
    scale = 1 if metric == "cider" else 100
    reached = first_rate(selective.rates, selective.scores[metric].mean(axis=1), goal)
    return {
        "events": uniform.scores[metric].shape[1],
        f"uniform at {REFERENCE:g} Hz": scale * goal,
        "selective at 0.35 Hz": scale * float(selective.scores[metric][RATES.index(0.35)].mean()),
        "times fewer": float(uniform.rates[row] / reached),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--cache", type=Path, default=Path("results/cache/long_timed"))
    parser.add_argument(
        "--captions",
        type=Path,
        help="say the nearest of these sentences, one a line; flickr8k: its training captions",
    )
    return parser.parse_args()


def _decoder(model: RuntimeModel, captions: Path | None) -> YDecoder:
    if captions is None:
        if model.y_decoder is None:
            raise SystemExit(f"{model.name} has no Y-Decoder: name sentences with --captions")
        return model.y_decoder
    if str(captions) == "flickr8k":
        return RetrievalDecoder(CaptionBank.encode(_flickr8k_captions(), model.y_encoder))
    return RetrievalDecoder(CaptionBank.read(captions, model))


def _flickr8k_captions() -> list[str]:
    folder = shared_data() / "flickr8k"
    train = set((folder / "Flickr_8k.trainImages.txt").read_text().split())
    rows = (line.split("\t") for line in (folder / "Flickr8k.token.txt").read_text().splitlines())
    return [caption for key, caption in rows if key.split("#")[0] in train]


def _reductions(curves: Sequence[tuple[str, Curve]]) -> list[list[object]]:
    """How many times fewer decodes selective decoding of averages needs to reach uniform decoding at 1 Hz."""
    rows: list[list[object]] = []
    for group in ("natural", "joined"):
        found = {(curve.scheme, curve.embedding): curve for name, curve in curves if name == group}
        for metric in METRICS:
            # Uniform decoding as it is commonly done has no segment to average over: it takes the window itself.
            uniform, selective = found["uniform", "exact"], found["selective", "average"]
            goal_row = RATES.index(REFERENCE)
            base, ours = uniform.scores[metric], selective.scores[metric]
            random = np.random.default_rng(0)
            draws = random.integers(0, base.shape[1], (RESAMPLES, base.shape[1]))
            reached = [
                first_rate(selective.rates, ours[:, draw].mean(axis=1), base[goal_row, draw].mean())
                for draw in draws
            ]
            best = first_rate(selective.rates, ours.mean(axis=1), base[goal_row].mean())
            # The control: where uniform decoding gets there as early, the score says nothing of selection.
            own = first_rate(uniform.rates, base.mean(axis=1), base[goal_row].mean())
            times = uniform.rates[goal_row] / np.array(reached)
            low, high = np.quantile(times, [0.05, 0.95])
            rows.append(
                [
                    group,
                    metric,
                    f"{base[goal_row].mean():.3f}",
                    f"{best:.3f} Hz",
                    f"{uniform.rates[goal_row] / best:.1f} ({low:.1f} to {high:.1f})",
                    f"{uniform.rates[goal_row] / own:.1f}",
                ]
            )
    return rows


def _coverage_at_one_per_event(streams: Sequence[TimedStream], events: Sequence[TimedEvent]) -> float:
    """Share of the joined videos' events with a decode point inside, at as many decodes as there are events."""
    joined = [stream for stream in streams if stream.joined]
    count = sum(event.joined for event in events)
    missed = [
        event
        for stream in joined
        for event in uncovered(stream, events, sum(event.video == stream.video for event in events))
    ]
    return 1 - len(missed) / count


def _missed(streams: Sequence[TimedStream], events: Sequence[TimedEvent], rate: float) -> list[str]:
    """The events without a decode point inside, at one rate for every video."""
    return [
        f"{event.video} {event.start:g}-{event.end:g} s, '{event.caption}'"
        for stream in streams
        for event in uncovered(stream, events, max(1, round(stream.seconds * rate)))
    ]


def _average_against_exact(curves: Sequence[tuple[str, Curve]]) -> list[list[object]]:
    rows: list[list[object]] = []
    for group in ("natural", "joined"):
        for scheme in SCHEMES:
            found = {c.embedding: c for name, c in curves if name == group and c.scheme == scheme}
            for metric in ("cider", "cosine"):
                difference = (found["average"].scores[metric] - found["exact"].scores[metric]).mean(axis=0)
                draws = np.random.default_rng(0).integers(0, len(difference), (RESAMPLES, len(difference)))
                low, high = np.quantile(difference[draws].mean(axis=1), [0.05, 0.95])
                rows.append([group, scheme, metric, f"{difference.mean():+.3f} ({low:+.3f} to {high:+.3f})"])
    return rows


def _write_csv(curves: Sequence[tuple[str, Curve]]) -> None:
    path = _results() / "selective_decoding.csv"
    with replacing(path) as written, written.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["videos", "scheme", "embedding", "rate_hz", "metric", "mean", "low_5", "high_95"])
        for group, curve in curves:
            for metric, scores in curve.scores.items():
                low, high = interval(scores)
                for number, rate in enumerate(curve.rates):
                    values = (scores[number].mean(), low[number], high[number])
                    row = [group, curve.scheme, curve.embedding, f"{rate:.4f}", metric]
                    writer.writerow([*row, *(f"{value:.4f}" for value in values)])


def _draw(curves: Sequence[tuple[str, Curve]]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 8), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subplots(2, 3)
    for row, group in enumerate(("natural", "joined")):
        for column, metric in enumerate(METRICS):
            axes = panels[row][column]
            for name, curve in curves:
                if name != group or (metric == "coverage" and curve.embedding == "exact"):
                    continue
                colour = "tab:orange" if curve.scheme == "selective" else "tab:blue"
                dashed = "--" if curve.embedding == "exact" else "-"
                label = curve.scheme if metric == "coverage" else f"{curve.scheme}, {curve.embedding}"
                axes.plot(curve.rates, curve.scores[metric].mean(axis=1), dashed, color=colour, label=label)
                if curve.embedding == "average":
                    axes.fill_between(curve.rates, *interval(curve.scores[metric]), color=colour, alpha=0.12)
            axes.set_xscale("log")
            axes.set_title(f"{group}: {metric}")
            axes.set_xlabel("decodes per second")
            axes.legend(fontsize=8)
    with replacing(_results() / "selective_decoding.png") as written:
        figure.savefig(written, dpi=110)


def _results() -> Path:
    RESULTS.mkdir(exist_ok=True)
    return RESULTS


if __name__ == "__main__":
    main()
