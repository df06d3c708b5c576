"""Draws the confusion matrix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes.reasons import first_line
from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.chart_files import save_chart
from jepa_retrieval.visible import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jepa_retrieval.tasks.asking.evaluation import Evaluation

MAX_NUMBERED_CLASSES = 30  # with more classes, numbers do not fit into their cells


def write_confusion(path: Path | str, evaluation: Evaluation) -> None:
    """Draw the matrix with a row per class, coloured by the share of the row and labelled with the counts.

    Raises:
        OSError: the file cannot be written.
        UsageError: its ending is of no format that matplotlib knows.
    """
    import matplotlib

    try:
        # A label with dollar signs is no formula.
        with matplotlib.rc_context({"text.parse_math": False}):
            save_chart(_draw(evaluation), path, dpi=120)
    except ValueError as error:
        raise UsageError(f"{path}: cannot be drawn ({first_line(error)})") from error


def _draw(evaluation: Evaluation) -> Figure:
    from matplotlib.figure import Figure

    counts = np.array(evaluation.confusion)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    size = min(3.0 + 0.45 * len(counts), 24.0)
    figure = Figure(figsize=(size + 1.0, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    labels = [visible(label) for label in evaluation.labels]
    axes.set_xticks(range(len(counts)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(counts)), labels)
    axes.set_xlabel("predicted label")
    axes.set_ylabel("true label")
    axes.set_title(f"{evaluation.accuracy:.1%} of {evaluation.items} correct")
    if len(counts) <= MAX_NUMBERED_CLASSES:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    figure.colorbar(image, label="share of the row", shrink=0.8)
    return figure
