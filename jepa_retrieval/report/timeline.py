"""One picture of what was watched: local variance, borders, sentences and key frames."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jepa_retrieval.errors import UsageError
from jepa_retrieval.html import picture_uri, templates
from jepa_retrieval.report.chart_files import save_chart
from jepa_retrieval.text_files import write_page
from jepa_retrieval.times import format_interval, format_tenths, time_ticks
from jepa_retrieval.user_paths import absolute
from jepa_retrieval.visible import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jepa_retrieval.tasks.watching.alerts import Alert
    from jepa_retrieval.tasks.watching.watch import Described, Observed

_MAX_POINTS = 4096  # of the curve that are kept: neighbours are merged when there are more
_MAX_DESCRIPTIONS = 1024
_MAX_PICTURES = 96
_PNG_WIDTH = 15.0  # inches
_PNG_ROW = 3.2
_PNG_MARGINS = 1.3
_PNG_LEFT, _PNG_RIGHT = 0.05, 0.93  # of the width
_LETTER = 0.051  # inches that a letter of a slanted sentence takes
_MAX_LETTERS = 44
_SECONDS_PER_ROW = 120.0  # of the PNG, for short videos; long ones have longer rows
_MAX_ROWS = 12
_LINES = (  # of the PNG: colour, style and what it is
    ("tab:blue", "-", "local variance"),
    ("tab:grey", ":", "threshold"),
    ("tab:orange", "-", "beginning of an interval"),
    ("tab:red", "-", "alert"),
)


@dataclass(slots=True)
class _Point:
    start: float
    end: float
    variance: float  # the highest of its windows
    windows: int = 1


class Timeline:
    """Collects what is drawn. Its size is bounded: of a very long stream it keeps the peaks and thins out the rest.

    Args:
        title: heading of the picture.
        threshold: variance at which the meaning counts as shifted; drawn as a line.
    """

    def __init__(self, title: str, *, threshold: float) -> None:
        self.title = title
        self.threshold = threshold
        self.points: list[_Point] = []
        self.descriptions: list[Described] = []
        self.alerts: list[Alert] = []
        self._windows_per_point = 1
        self._pictures = 0

    def observe(self, window: Observed) -> None:
        """Take the variance of the next window."""
        if self.points and self.points[-1].windows < self._windows_per_point:
            last = self.points[-1]
            last.end, last.variance = window.end, max(last.variance, window.variance)
            last.windows += 1
            return
        self.points.append(_Point(window.start, window.end, window.variance))
        if len(self.points) > _MAX_POINTS:
            self._merge()

    def add(self, described: Described) -> None:
        """Take an interval and its sentence."""
        self.descriptions.append(described)
        self._pictures += described.picture is not None
        if self._pictures > _MAX_PICTURES:
            self._thin_pictures()
        if len(self.descriptions) > _MAX_DESCRIPTIONS:
            del self.descriptions[::2]

    def fire(self, alert: Alert) -> None:
        """Take an alert."""
        self.alerts.append(alert)
        if len(self.alerts) > _MAX_DESCRIPTIONS:
            del self.alerts[::2]

    @property
    def end(self) -> float:
        """Seconds up to where there is anything to draw."""
        ends = [item[-1].end for item in (self.points, self.descriptions) if item]
        return max(ends, default=0.0)

    def write(self, path: Path | str) -> None:
        """Write a .png or .html file.

        Raises:
            UsageError: the name has another ending.
            OSError: the file cannot be written.
        """
        write = {".png": write_png, ".html": write_html, ".htm": write_html}.get(Path(path).suffix.lower())
        if write is None:
            raise UsageError(f"{path}: a timeline is written as .png or .html")
        write(self, absolute(path))

    def _merge(self) -> None:
        pairs = zip(self.points[::2], self.points[1::2], strict=False)
        merged = [
            _Point(a.start, b.end, max(a.variance, b.variance), a.windows + b.windows) for a, b in pairs
        ]
        self.points = merged + self.points[2 * len(merged) :]
        self._windows_per_point *= 2

    def _thin_pictures(self) -> None:
        with_picture = [number for number, item in enumerate(self.descriptions) if item.picture is not None]
        for number in with_picture[::2]:
            self.descriptions[number] = replace(self.descriptions[number], picture=None)
        self._pictures = sum(item.picture is not None for item in self.descriptions)


def write_html(timeline: Timeline, path: Path) -> None:
    """One page with nothing to load: the curve as SVG, the sentences as a list with pictures."""
    end = max(timeline.end, 1e-3)
    highest = max([timeline.threshold * 1.5, *(point.variance for point in timeline.points)])
    page = (
        templates()
        .get_template("timeline.html")
        .render(
            title=timeline.title,
            curve=" ".join(
                f"{1000 * (point.start + point.end) / 2 / end:.2f},{100 - 100 * point.variance / highest:.2f}"
                for point in timeline.points
            ),
            threshold=100 - 100 * timeline.threshold / highest,
            borders=[1000 * item.start / end for item in timeline.descriptions],
            alerts=[_alert_row(alert, end) for alert in timeline.alerts],
            items=[_row(item) for item in timeline.descriptions],
            ticks=page_ticks(end),
        )
    )
    write_page(path, page)


def page_ticks(end: float) -> list[dict[str, Any]]:
    """The times on the axis of a drawing from 0 to `end` seconds, with their places in percent of its width."""
    return [{"percent": 100 * time / end, "text": text} for time, text in time_ticks(0.0, end)]


def _row(item: Described) -> dict[str, Any]:
    return {
        "time": format_interval(item.start, item.end, none=""),
        "text": item.text,
        "score": item.score,
        "picture": picture_uri(item.picture),
    }


def _alert_row(alert: Alert, end: float) -> dict[str, Any]:
    return {
        "x": 1000 * alert.start / end,
        "time": format_tenths(alert.start),
        "text": alert.text,
        "confidence": alert.confidence,
    }


def write_png(timeline: Timeline, path: Path) -> None:
    """Rows of time below each other: key frames above the curve, sentences below it."""
    import matplotlib

    # A file name or a sentence with dollar signs is no formula.
    with matplotlib.rc_context({"text.parse_math": False}):
        save_chart(_draw(timeline), path, dpi=100)


def _draw(timeline: Timeline) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    end = max(timeline.end, 1.0)
    rows = min(_MAX_ROWS, max(1, -int(-end // _SECONDS_PER_ROW)))
    height = _PNG_MARGINS + _PNG_ROW * rows
    figure = Figure(figsize=(_PNG_WIDTH, height))
    FigureCanvasAgg(figure)
    figure.suptitle(visible(timeline.title), y=1 - 0.2 / height)
    panels: Any = figure.subplots(rows, 1, squeeze=False)[:, 0]
    figure.subplots_adjust(
        left=_PNG_LEFT, right=_PNG_RIGHT, top=1 - 0.6 / height, bottom=1.5 / height, hspace=0.85
    )
    highest = max([timeline.threshold * 1.5, *(point.variance for point in timeline.points)])
    for number, axes in enumerate(panels):
        _draw_row(axes, timeline, number * end / rows, (number + 1) * end / rows, highest)
    _draw_legend(figure, 1 - 0.1 / height)
    return figure


def _draw_legend(figure: Figure, top: float) -> None:
    """What the lines are, in the upper right corner."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=colour, lw=1.5, ls=style) for colour, style, _ in _LINES]
    names = [name for _, _, name in _LINES]
    figure.legend(
        lines,
        names,
        loc="upper right",
        bbox_to_anchor=(_PNG_RIGHT, top),
        ncol=len(names),
        fontsize=7,
        frameon=False,
    )


def _draw_row(axes: Any, timeline: Timeline, start: float, end: float, highest: float) -> None:
    inside = [point for point in timeline.points if start <= point.end and point.start <= end]
    axes.plot([(p.start + p.end) / 2 for p in inside], [p.variance for p in inside], color="tab:blue", lw=1)
    axes.axhline(timeline.threshold, color="tab:grey", lw=0.8, ls=":")
    shown = [item for item in timeline.descriptions if start <= item.start < end]
    texts = _spread(shown, (end - start) / 24)
    for item in shown:
        axes.axvline(item.start, color="tab:orange", lw=1)
    for item in texts:
        label = _shortened(visible(item.text), (end - item.start) / (end - start))
        axes.text(item.start, -0.09 * highest, label, rotation=-28, fontsize=7, ha="left", va="top")
    for item in texts:
        if item.picture is not None:
            _place_picture(axes, item, highest)
    for alert in timeline.alerts:
        if start <= alert.start < end:
            axes.axvline(alert.start, color="tab:red", lw=1.5)
            axes.text(
                alert.start, highest, visible(alert.text), color="tab:red", fontsize=7, ha="left", va="top"
            )
    axes.set_xlim(start, end)
    axes.set_ylim(0, highest * 1.75)
    ticks = time_ticks(start, end, most=24)
    axes.set_xticks([time for time, _ in ticks], [text for _, text in ticks])
    axes.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False, labelsize=7)
    axes.set_ylabel("variance", fontsize=8)


def _shortened(text: str, left: float) -> str:
    """As much of a sentence as fits below a row of which the share `left` lies to the right of its beginning."""
    room = _PNG_WIDTH * (left * (_PNG_RIGHT - _PNG_LEFT) + 1 - _PNG_RIGHT)
    letters = min(_MAX_LETTERS, int(room / _LETTER))
    return text if len(text) <= letters else text[: letters - 1] + "…"


def _spread(items: Sequence[Described], distance: float) -> list[Described]:
    """Those that lie at least so far apart that they can be read."""
    kept: list[Described] = []
    for item in items:
        if not kept or item.start - kept[-1].start >= distance:
            kept.append(item)
    return kept


def _place_picture(axes: Any, item: Described, highest: float) -> None:
    import numpy as np
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage
    from PIL import Image

    assert item.picture is not None
    image = np.asarray(Image.open(io.BytesIO(item.picture), formats=["JPEG"]))
    box = OffsetImage(image, zoom=42 / image.shape[0])
    place = (item.start, highest * 1.06)
    axes.add_artist(AnnotationBbox(box, place, frameon=False, box_alignment=(0, 0), pad=0))
