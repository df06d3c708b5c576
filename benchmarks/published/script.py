"""The command line of the scripts that measure one task each."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from benchmarks.datasets import registry
from benchmarks.datasets.location import shared_folder
from benchmarks.published.runner import MODULES, Settings, report, run
from benchmarks.shared.common import RESULTS
from jepa_retrieval.errors import JepaError
from jepa_retrieval.models.config import FrameFit

VARIANTS = {"retrieval": "through index", "hard-negatives": "tower"}


def main(task: str, arguments: Sequence[str] | None = None) -> None:
    """Measure data sets one after the other; without a name, all of the task that the shared data have."""
    options = _parser(task).parse_args(arguments)
    names = options.dataset or [
        entry.name
        for entry in registry.ENTRIES
        if entry.task == task and (entry.made or entry.default_folder())
    ]
    if not names:
        sys.exit(f"name a data set: {', '.join(registry.names(task))}; shared data: {shared_folder()}")
    settings = Settings(
        options.model,
        options.data,
        options.limit,
        options.cache,
        options.results,
        VARIANTS[task] if getattr(options, "variant", False) else "",
        options.frame_fit,
        getattr(options, "predictor", None),
    )
    for name in names:
        try:
            document = run(task, name, settings)
        except JepaError as error:
            sys.exit(f"Error: {error}")
        print(
            json.dumps(document, indent=2)
            if options.json
            else "\n".join([*report(document), document["path"]])
        )


def _parser(task: str) -> argparse.ArgumentParser:
    text = importlib.import_module(MODULES[task]).__doc__ or ""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("dataset", nargs="*", help=f"of {', '.join(registry.names(task))}")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--data", type=Path, help="folder of the data set, as it is published")
    parser.add_argument("--limit", type=int, help="take only so many clips, questions or triplets")
    parser.add_argument("--cache", type=Path, help="folder of cached embeddings")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write the result to")
    parser.add_argument(
        "--frame-fit", choices=get_args(FrameFit), help="how pictures become square [the model's own way]"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    if task == "physics":
        parser.add_argument(
            "--predictor", type=Path, help="folder with V-JEPA 2, whose own predictor foresees"
        )
    if task in VARIANTS:
        name = VARIANTS[task].replace(" ", "-")
        parser.add_argument(f"--{name}", dest="variant", action="store_true", help="see the script's text")
    return parser
