"""Tables for people on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cli import console
from jepa_retrieval.visible import visible

Cell = str | tuple[str, str]  # text, or text and a style of rich


@dataclass(frozen=True)
class Column:
    """A column's heading and how its cells are set."""

    heading: str
    align: Literal["left", "right"] = "left"
    style: str | None = None
    fold: bool = False  # break long cells anywhere, as paths need; otherwise between words


RANK = Column("#", align="right", style="dim")
SCORE = Column("score", align="right")
INTERVAL = Column("time", align="right", style="cyan")
PATH = Column("path", fold=True)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    """Print rows of cells under their headings. Columns whose cells are all empty are left out."""
    from rich.table import Table
    from rich.text import Text

    cells = [[(cell, "") if isinstance(cell, str) else cell for cell in row] for row in rows]
    used = [number for number in range(len(columns)) if any(row[number][0] for row in cells)]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in (columns[number] for number in used):
        table.add_column(
            column.heading,
            justify=column.align,
            style=column.style,
            overflow="fold",
            no_wrap=column is INTERVAL,
        )
    for row in cells:
        # Text, not str: rich would read brackets in a file name as markup.
        table.add_row(*(Text(visible(text), style=style) for text, style in map(row.__getitem__, used)))
    console.styled().print(table)
