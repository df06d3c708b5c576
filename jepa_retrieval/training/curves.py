"""The course of a run: a CSV with a row per log, and a picture of it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path


class Curves:
    """Rows of numbers by step, in ``curves.csv``; columns may come as the run goes on."""

    def __init__(self, folder: Path, *, keep_until: int) -> None:
        """`keep_until`: the step that the run goes on from; later rows are of a run that was killed, and go."""
        self._csv = folder / "curves.csv"
        self._png = folder / "curves.png"
        self.rows: list[dict[str, float]] = []
        if keep_until and self._csv.exists():
            with self._csv.open(newline="") as file:
                for row in csv.DictReader(file):
                    if float(row["step"]) <= keep_until:
                        self.rows.append({key: float(value) for key, value in row.items() if value})

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add values of a step, to its row if it has one, and write the file."""
        if not self.rows or self.rows[-1]["step"] != step:
            self.rows.append({"step": step})
        self.rows[-1].update(values)
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        temporary = self._csv.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in self.rows)
        temporary.replace(self._csv)

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
        figure.savefig(self._png, dpi=100)
