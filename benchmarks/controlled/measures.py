"""What is measured on both sides at every checkpoint, and what a query costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.controlled.sides import AnySide
from benchmarks.metrics import ranks, top_k_accuracy
from benchmarks.shared.cider import Cider
from jepa_retrieval.training.engine import Trainer
from jepa_retrieval.training.evaluate import Evaluation

POOL = 1000  # clips that a query is compared with
CIDER, SEEN, UNSEEN = "CIDEr", "top-5, classes seen", "top-5, classes unseen"
WITHOUT_PRIOR = ", prior removed"
RETRIEVAL = {"R@1": 1, "R@10": 10}


class Measures:
    """The held-out pictures with their captions and labels."""

    def __init__(self, trainer: Trainer) -> None:
        self._parts = {part.config.name: part for part in trainer.prepared.evaluations}
        self._nothing = trainer.prepared.mean  # a blank picture: S_V with every channel at its mean
        captions = self._parts["captions"]
        self.references = [list(example.targets) for example in captions.source.examples]
        self._cider = Cider(self.references)

    def checkpoint(self, side: AnySide) -> dict[str, float]:
        """CIDEr of the captions; in how many of 100 pictures the right label is among the best five."""
        said = side.caption(side.store(self.tokens("captions")))
        found = {
            CIDER: float(self._cider.scores(said, self.references).mean()),
            "distinct captions %": 100 * len(set(said)) / len(said),
        }
        for title, name in ((SEEN, "labels"), (UNSEEN, "unseen")):
            labels, texts = _labelled(self._parts[name])
            scores = side.scores(side.store(self.tokens(name)), texts)
            found[title] = top_k_accuracy(scores.numpy(), labels, 5)
            prior = side.scores(side.store(self._null(name)), texts)
            found[title + WITHOUT_PRIOR] = top_k_accuracy((scores - prior).numpy(), labels, 5)
        return found

    def retrieval(self, side: AnySide, *, queries: int) -> dict[str, float]:
        """Recall of the photograph of a caption among `POOL`, for one caption each of evenly spread photographs.

        The prior of a caption is the same for all photographs, so it does not matter here.
        """
        stored = side.store(self.tokens("captions")[:POOL])
        owners = np.linspace(0, min(POOL, len(self.references)) - 1, queries).astype(int)
        texts = [self.references[row][0] for row in owners]
        scores = torch.cat([side.scores(stored, [text]) for text in texts], dim=1).T
        places = ranks(scores.numpy(), owners)
        return {title: float(100 * (places <= k).mean()) for title, k in RETRIEVAL.items()}

    def tokens(self, name: str) -> Tensor:
        """S_V of the pictures of a part, in the order of its examples."""
        part = self._parts[name]
        rows = np.array([example.visual for example in part.source.examples])
        return part.bank.get(rows, np.zeros_like(rows))

    def _null(self, name: str) -> Tensor:
        return self._nothing.expand_as(self.tokens(name)[:1])


def seconds_per_query(score: Callable[[str], Any], texts: list[str]) -> float:
    """The median over texts, each of which is asked once; the first two warm up."""
    taken = []
    for text in texts:
        began = time.perf_counter()
        score(text)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[2:])


def _labelled(part: Evaluation) -> tuple[np.ndarray, list[str]]:
    """The label of each picture as a row of the texts, int [B], and the texts of the classes."""
    examples = part.source.examples
    texts = list(dict.fromkeys(example.targets[0] for example in examples))
    return np.array([texts.index(example.targets[0]) for example in examples]), texts
