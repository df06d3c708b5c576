"""One Markdown table of all results, with the paper's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.datasets.registry import ENTRIES
from benchmarks.published import paper
from benchmarks.shared.common import markdown_table
from jepa_retrieval.errors import UsageError

ALL_ROWS = ("text to video", "all")  # the row of a result that is of everything
Row = tuple[str, str, str, str]  # task, data set, part of it or "", metric


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The results that `save_result` wrote there; files of other benchmarks are passed over.

    Raises:
        UsageError: there is none.
    """
    documents = []
    for path in sorted(folder.glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: is not a result ({error})") from error
        if isinstance(document, dict) and {"task", "dataset", "model", "metric", "value"} <= document.keys():
            documents.append(document)
    if not documents:
        raise UsageError(f"{folder}: contains no results; 'jepa bench retrieval flickr8k' creates one")
    return documents


def results_table(documents: Iterable[dict[str, Any]]) -> list[str]:
    """A line for every data set with a result, a column for every model; the paper's models come last.

    Parts of a data set of which the paper reports a figure get lines of their own. Results of part of a data set
    (`--limit`) say so.
    """
    cells: dict[Row, dict[str, str]] = {}
    for document in documents:
        for part, cell in _cells(document).items():
            row = (document["task"], document["dataset"], part, document["metric"])
            cells.setdefault(row, {})[_column(document)] = cell
    columns = list(dict.fromkeys(name for row in cells.values() for name in row))
    order: dict[tuple[str, str], int] = {
        (entry.task, entry.name): place for place, entry in enumerate(ENTRIES)
    }
    rows = []
    for task, dataset, part, metric in sorted(cells, key=lambda row: order.get(row[:2], len(order))):
        own = cells[task, dataset, part, metric]
        reported = _reported(task, dataset, part)
        theirs = [f"{reported[model]:.1f}" if model in reported else "" for model in paper.MODELS]
        name = f"{dataset}, {part}" if part else dataset
        rows.append([task, name, metric, *(own.get(column, "") for column in columns), *theirs])
    return markdown_table(["task", "data set", "metric", *columns, *paper.MODELS], rows)


def _reported(task: str, dataset: str, part: str) -> paper.Figures:
    """The paper's figures; of a whole data set if `part` is ""."""
    if part:
        return paper.PARTS[task, dataset][part]
    return paper.REPORTED.get((task, dataset), {})


def _column(document: dict[str, Any]) -> str:
    """The model, and the variant, if any."""
    return " ".join(filter(None, (str(document["model"]), document.get("variant", ""))))


def _cells(document: dict[str, Any]) -> dict[str, str]:
    """The headline by "", with the size of what it was measured on; parts that the paper reports by their name."""
    rows = document["rows"]
    whole: dict[str, float] = next((rows[name] for name in ALL_ROWS if name in rows), {})
    size = f" (pool {whole['pool']:,})" if "pool" in whole else ""
    limit = f" (--limit {document['limit']})" if document.get("limit") else ""
    parts = paper.PARTS.get((document["task"], document["dataset"]), {})
    return {"": f"{document['value']:.1f}{size}{limit}"} | {
        part: f"{rows[part][document['metric']]:.1f}{limit}"
        for part in parts
        if document["metric"] in rows.get(part, {})
    }
