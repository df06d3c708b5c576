"""The surprise of a video as a self-contained page: its curve, and its moments with pictures."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.errors import JepaError
from jepa_retrieval.html import picture_uri, templates
from jepa_retrieval.media import DecodeRequest, decode_windows
from jepa_retrieval.report.timeline import page_ticks
from jepa_retrieval.tasks.foreseeing.surprise import FileSurprise, Surprise
from jepa_retrieval.text_files import write_page
from jepa_retrieval.times import format_interval
from jepa_retrieval.user_paths import absolute

MIN_HEIGHT = 1.5  # of the drawing, as a multiple of the threshold
MIN_Z = -1.0  # bottom of the drawing
MAX_POINTS = 4000  # of the curve; the highest of neighbours are drawn if there are more


def write_surprise_page(path: Path | str, found: FileSurprise, *, min_z: float) -> None:
    """Write the page.

    Raises:
        OSError: the file cannot be written.
    """
    end = max(*(time for time, _ in found.curve), *(one.end for one in found.surprises), 1e-3)
    values = [z for _, z in found.curve if z is not None]
    top = max([MIN_HEIGHT * min_z, 1.0, *values])

    def height(z: float) -> float:
        return 100 - 100 * (max(z, MIN_Z) - MIN_Z) / (top - MIN_Z)

    page = (
        templates()
        .get_template("surprise.html")
        .render(
            title=found.path,
            model=found.model,
            min_z=min_z,
            threshold=height(min_z),
            cuts=[1000 * time / end for time in found.cuts],
            curves=[
                " ".join(f"{1000 * time / end:.2f},{height(z):.2f}" for time, z in shot)
                for shot in _shots(_thinned(found.curve))
            ],
            items=[_item(one, end) for one in found.surprises],
            ticks=page_ticks(end),
        )
    )
    write_page(absolute(path), page)


def _item(one: Surprise, end: float) -> dict[str, object]:
    return {
        "x": 1000 * one.start / end,
        "width": max(1000 * (one.end - one.start) / end, 1.0),
        "time": format_interval(one.start, one.end, none=""),
        "z": one.z,
        "picture": picture_uri(_picture(one)),
    }


def _picture(one: Surprise) -> bytes | None:
    """A JPEG of the moment; None if it cannot be decoded any more."""
    request = DecodeRequest(
        Path(one.path),
        image_size=64,
        sampling=2.0,
        frames_per_window=1,
        start=one.start,
        end=one.end,
        hash_content=False,
    )
    try:
        windows = decode_windows(request)
        return next(iter(windows)).thumbnail
    except (JepaError, StopIteration):
        return None


def _thinned(curve: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    count = -(-len(curve) // MAX_POINTS)
    groups = [curve[first : first + count] for first in range(0, len(curve), count)]
    return [max(group, key=lambda point: -1e9 if point[1] is None else point[1]) for group in groups]


def _shots(curve: list[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """The points between windows without a prediction."""
    shots: list[list[tuple[float, float]]] = [[]]
    for time, z in curve:
        if z is None:
            shots.append([])
        else:
            shots[-1].append((time, z))
    return [shot for shot in shots if shot]
