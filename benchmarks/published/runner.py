"""Run a task on a data set with a model, and record everything that the result depends on."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.datasets import registry
from benchmarks.published.outcome import Outcome
from benchmarks.shared.clips import frames_per_clip
from benchmarks.shared.common import RESULTS, markdown_table, save_result
from benchmarks.shared.embedder import Embedder, Progress
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models import load_model
from jepa_retrieval.models.config import FrameFit
from jepa_retrieval.models.runtime.vjepa2_predictor import PretrainedPredictor

# Modules that evaluate a task: `evaluate(data, embedder) -> Outcome`, each a script of its own as well.
MODULES = {
    "retrieval": "benchmarks.published.retrieval",
    "classification": "benchmarks.published.classification",
    "questions": "benchmarks.published.questions",
    "hard-negatives": "benchmarks.published.hard_negatives",
    "world-prediction": "benchmarks.published.world_prediction",
    "anticipation": "benchmarks.published.anticipation",
    "captioning": "benchmarks.published.captioning",
    "selective-decoding": "benchmarks.published.selective_decoding",
    "anomaly": "benchmarks.published.anomaly",
    "planning": "benchmarks.published.planning",
    "physics": "benchmarks.published.physics",
}
# (task, variant) where clips are not shown as a fixed number of frames, or not at all.
OTHER_FRAMES = {
    ("hard-negatives", ""),
    ("hard-negatives", "tower"),
    ("retrieval", "through index"),
    ("selective-decoding", ""),
    ("anomaly", ""),
    ("physics", ""),
}


@dataclass(frozen=True)
class Settings:
    """What a run depends on besides task and data set.

    Attributes:
        model: a name that `jepa_retrieval.models.load_model` knows.
        data: folder of the data set as published; None for its place in the shared data.
        limit: use only so many clips, questions or triplets, evenly spread.
        cache: folder of cached embeddings; None for the user's cache.
        results: folder that the result is written to.
        frame_fit: how pictures become square, in place of the model's own way; None: its own.
        predictor: a folder with V-JEPA 2, whose own predictor foresees in place of the model's dynamics (physics).
        variant: another protocol: "through index" (retrieval), "tower" (hard negatives); "" for the usual.
    """

    model: str = "nano"
    data: Path | None = None
    limit: int | None = None
    cache: Path | None = None
    results: Path = RESULTS
    variant: str = ""
    frame_fit: FrameFit | None = None
    predictor: Path | None = None


def run(
    task: str, dataset: str, settings: Settings, *, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Evaluate, save `RESULTS/TASK-DATASET-MODEL.json`, and return what it says with its `path`.

    A run that was killed continues with the embeddings that it had cached.

    Raises:
        UsageError: the task or data set is unknown, or a file of the data set is missing.
        ModelError: the model is unknown or its weights are not here.
    """
    if task not in MODULES:
        raise UsageError(f"unknown task {task!r} (allowed: {', '.join(MODULES)})")
    if settings.limit is not None and settings.limit < 1:
        raise UsageError(f"limit must be at least 1, not {settings.limit}")
    entry = registry.find(task, dataset)
    model = load_model(settings.model)
    if settings.frame_fit is not None:
        if settings.variant == "through index":
            raise UsageError("the index takes the model's own frame_fit: change it in the model's config")
        model = model.with_frame_fit(settings.frame_fit)
    fingerprint = model.fingerprint()
    data = registry.load(entry, settings.data).limited(settings.limit)
    began = time.perf_counter()
    embedder = Embedder(model, cache=settings.cache, on_progress=on_progress)
    if settings.predictor is not None:
        embedder.predictor = PretrainedPredictor(settings.predictor)
    try:
        outcome = _evaluate(task, data, embedder, settings)
    finally:
        embedder.close()
    document: dict[str, Any] = {
        "task": task,
        "dataset": dataset,
        "title": data.title,
        "model": settings.model,
        "fingerprint": fingerprint,
        "variant": settings.variant,
        **({} if settings.predictor is None else {"predictor": str(settings.predictor)}),
        "frame fit": model.x_encoder.frame_fit,
        "metric": outcome.metric,
        "value": outcome.value,
        "rows": outcome.rows,
        "counts": outcome.counts,
        "notes": outcome.notes,
        "unreadable": embedder.unreadable,
        "limit": settings.limit,
        "prompt": model.prompt,
        "frames per clip": None if (task, settings.variant) in OTHER_FRAMES else frames_per_clip(model),
        "seconds": round(time.perf_counter() - began, 1),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path = save_result(_file_name(task, dataset, settings), document, folder=settings.results)
    return {**document, "path": str(path)}


def _evaluate(task: str, data: Any, embedder: Embedder, settings: Settings) -> Outcome:
    module = importlib.import_module(MODULES[task])
    name = f"evaluate_{settings.variant.replace(' ', '_')}" if settings.variant else "evaluate"
    evaluate: Callable[[Any, Embedder], Outcome] | None = getattr(module, name, None)
    if evaluate is None:
        raise UsageError(f"{task} cannot be measured as {settings.variant!r}")
    return evaluate(data, embedder)


def _file_name(task: str, dataset: str, settings: Settings) -> str:
    limit = f"limit{settings.limit}" if settings.limit else ""
    predictor = "" if settings.predictor is None else settings.predictor.name
    parts = filter(
        None, (task, dataset, settings.model, settings.variant, settings.frame_fit, predictor, limit)
    )
    return re.sub(r"[^\w.-]+", "-", "-".join(parts))


def report(document: dict[str, Any]) -> list[str]:
    """A result for people: what was measured on what, and a Markdown table."""
    counts = ", ".join(f"{value:,} {name}" for name, value in document["counts"].items())
    rows: dict[str, dict[str, float]] = document["rows"]
    headings = list(dict.fromkeys(key for figures in rows.values() for key in figures))
    cells = [[name, *(_number(figures.get(key)) for key in headings)] for name, figures in rows.items()]
    how = f", {document['variant']}" if document["variant"] else ""
    how += f", predictor {document['predictor']}" if "predictor" in document else ""
    how += f", frame_fit {document['frame fit']}" if document["frame fit"] != "squeeze" else ""
    return [
        f"{document['model']}{how}, {document['title']}: {counts}",
        *document["notes"],
        *markdown_table(["", *headings], cells),
    ]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.1f}"
