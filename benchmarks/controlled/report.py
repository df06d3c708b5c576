"""The comparison as tables, CSV and curves: mean and spread over seeds."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.controlled.measures import CIDER, RETRIEVAL, SEEN, UNSEEN, WITHOUT_PRIOR
from benchmarks.controlled.sides import EmbeddingSide, TokenSide
from benchmarks.shared.common import RESULTS, print_table
from jepa_retrieval.output_files import replacing

NAME = "embedding_vs_tokens"
COLOURS = {EmbeddingSide.name: "tab:orange", TokenSide.name: "tab:blue"}
Runs = Sequence[dict[str, Any]]


def print_tables(runs: Runs) -> None:
    """One row for each side and checkpoint; then recall, and the trained weights."""
    columns = (CIDER, SEEN, SEEN + WITHOUT_PRIOR, UNSEEN, UNSEEN + WITHOUT_PRIOR)
    rows = []
    for name, samples, column in _series(runs):
        own = name == TokenSide.name
        cells = [
            "" if title.endswith(WITHOUT_PRIOR) and not own else _summary(column[title]) for title in columns
        ]
        rows.append([name, f"{samples:,}", *cells])
    print_table(["side", "samples seen", *columns], rows)
    print()
    if all(run["retrieval"] for run in runs):
        rows = []
        for name in dict.fromkeys(run["side"] for run in runs):
            own_runs = [run["retrieval"] for run in runs if run["side"] == name]
            rows.append([name, *(_summary([found[title] for found in own_runs]) for title in RETRIEVAL)])
        print_table(["text to image", *RETRIEVAL], rows)
        print()
    print_table(["part", "trained weights"], [[name, f"{n:,}"] for name, n in runs[0]["weights"].items()])
    for name in dict.fromkeys(run["side"] for run in runs):
        print(f"{name}: {_summary([run['seconds'] for run in runs if run['side'] == name])} s of training")


def write_csv(runs: Runs) -> None:
    """`results/embedding_vs_tokens.csv`: every score of every run."""
    path = RESULTS / f"{NAME}.csv"
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as written, written.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["side", "seed", "samples", "measure", "value"])
        for run in runs:
            for point in run["points"]:
                for title, value in point.items():
                    if title != "samples":
                        writer.writerow([run["side"], run["seed"], point["samples"], title, f"{value:.4f}"])


def draw(runs: Runs) -> None:
    """`results/embedding_vs_tokens.png`: a panel for each measure, seeds as a band."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subplots(1, 3)
    for axes, title in zip(panels, (CIDER, SEEN, UNSEEN), strict=True):
        for name, colour in COLOURS.items():
            lines = [(title, "-", name)]
            if title != CIDER and name == TokenSide.name:
                lines.append((title + WITHOUT_PRIOR, "--", f"{name}{WITHOUT_PRIOR}"))
            for measure, dashes, label in lines:
                points = [(samples, c[measure]) for side, samples, c in _series(runs) if side == name]
                x, values = zip(*points, strict=True)
                means = [statistics.mean(found) for found in values]
                axes.plot(x, means, dashes, marker="o", color=colour, label=label)
                low, high = [min(found) for found in values], [max(found) for found in values]
                axes.fill_between(x, low, high, color=colour, alpha=0.15)
        axes.set(title=title, xlabel="samples seen", xscale="log")
        axes.grid(alpha=0.3)
    panels[1].legend(fontsize=8)
    with replacing(RESULTS / f"{NAME}.png") as written:
        figure.savefig(written, dpi=110)


def _series(runs: Runs) -> list[tuple[str, int, dict[str, list[float]]]]:
    """Side, samples seen and every measure's values over seeds."""
    found: dict[tuple[str, int], dict[str, list[float]]] = {}
    for run in runs:
        for point in run["points"]:
            column = found.setdefault((run["side"], point["samples"]), {})
            for title, value in point.items():
                column.setdefault(title, []).append(value)
    return [(name, samples, column) for (name, samples), column in found.items()]


def _summary(values: Sequence[float]) -> str:
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"
