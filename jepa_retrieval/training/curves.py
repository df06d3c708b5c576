"""The curves of a run: a CSV with a row per log, and a picture of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from indexes.files import write_atomically
from indexes.reasons import first_line
from jepa_retrieval.errors import UsageError


class Curves:
    """Rows of numbers by step, in ``curves.csv``; columns may be added during the run."""

    def __init__(self, folder: Path, *, keep_until: int) -> None:
        """`keep_until`: the step from which the run continues; later rows, of a run that was killed, are deleted.

        Raises:
            UsageError: the file of an earlier run is damaged.
        """
        self._csv = folder / "curves.csv"
        self._png = folder / "curves.png"
        self.rows: list[dict[str, float]] = []
        if keep_until and self._csv.exists():
            self.rows = [row for row in self._read() if row["step"] <= keep_until]

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add values of a step, to its row if it has one, and write the file."""
        if not self.rows or self.rows[-1]["step"] != step:
            self.rows.append({"step": step})
        self.rows[-1].update(values)
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        content = io.StringIO(newline="")
        writer = csv.DictWriter(content, columns)
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in self.rows)
        write_atomically(self._csv, content.getvalue().encode(), durable=False)

    def _read(self) -> list[dict[str, float]]:
        try:
            with self._csv.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            return [
                {"step": float(row["step"])} | {key: float(value) for key, value in row.items() if value}
                for row in rows
            ]
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise UsageError(
                f"{self._csv}: not the curves of a run ({first_line(error)}); delete it to continue without them"
            ) from error

    def draw(self) -> None:
        """Write ``curves.png``: the loss, the learning rate, and everything that was evaluated."""
        from matplotlib.figure import Figure

        groups: dict[str, list[str]] = {"loss": [], "learning_rate": [], "temperature": []}
        for key in dict.fromkeys(key for row in self.rows for key in row):
            if "." in key:
                groups.setdefault(key.partition(".")[0], []).append(key)
            elif key in groups:
                groups[key].append(key)
        drawn = {title: keys for title, keys in groups.items() if keys}
        if not drawn:
            return
        figure = Figure(figsize=(4.5 * len(drawn), 3.2), layout="constrained")
        for axes, (title, keys) in zip(
            figure.subplots(1, len(drawn), squeeze=False)[0], drawn.items(), strict=True
        ):
            for key in keys:
                points = [(row["step"], row[key]) for row in self.rows if key in row]
                axes.plot(*zip(*points, strict=True), label=key.partition(".")[2] or key)
            axes.set_title(title)
            axes.set_xlabel("step")
            axes.grid(alpha=0.3)
            if len(keys) > 1:
                axes.legend()
        content = io.BytesIO()
        figure.savefig(content, dpi=100)
        write_atomically(self._png, content.getvalue(), durable=False)
