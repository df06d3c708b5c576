"""What is measured on held-out examples while training: retrieval, answers, classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from jepa_retrieval.training.config import EvaluateConfig
from jepa_retrieval.training.data.examples import Example, Source
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.token_cache import TokenBank

BATCH = 256
RANKS = (1, 5, 10)


@dataclass(frozen=True)
class Evaluation:
    """A held-out source with its tokens, and the candidate answers for questions."""

    config: EvaluateConfig
    source: Source
    bank: TokenBank
    candidates: tuple[str, ...] = ()


@torch.no_grad()
def evaluate(learner: Learner, evaluation: Evaluation) -> dict[str, float]:
    """Percentages by the name of the metric.

    ``retrieval``: recall@1, @5, @10 of the visual among all, for each text. ``answers``: accuracy of the candidate
    nearest to Ŝ_Y. ``classes``: the same with a class's mean over its templates as the candidate.
    """
    was_training = learner.model.training
    learner.model.eval()
    try:
        task = {"retrieval": _retrieval, "answers": _answers, "classes": _classes}[evaluation.config.task]
        return task(learner, evaluation)
    finally:
        learner.model.train(was_training)


def _predict(learner: Learner, bank: TokenBank, examples: Sequence[Example]) -> Tensor:
    parts = []
    for start in range(0, len(examples), BATCH):
        some = examples[start : start + BATCH]
        rows = np.array([example.visual for example in some])
        parts.append(
            learner.predict(bank.get(rows, np.zeros_like(rows)), [example.query for example in some])
        )
    return torch.cat(parts).float()


def _embed(learner: Learner, texts: Sequence[str]) -> Tensor:
    return torch.cat([learner.embed_texts(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]).float()


def _retrieval(learner: Learner, evaluation: Evaluation) -> dict[str, float]:
    examples = evaluation.source.examples
    predicted = _predict(learner, evaluation.bank, examples)
    texts = [text for example in examples for text in example.targets]
    owners = torch.tensor([row for row, e in enumerate(examples) for _ in e.targets], device=predicted.device)
    similarity = _embed(learner, texts) @ predicted.T
    own = similarity.gather(1, owners[:, None])
    # Ties count as misses: a collapsed model must not look perfect.
    ranks = (similarity >= own).sum(dim=1)
    return {f"recall@{k}": 100 * (ranks <= k).float().mean().item() for k in RANKS}


def _answers(learner: Learner, evaluation: Evaluation) -> dict[str, float]:
    predicted = _predict(learner, evaluation.bank, evaluation.source.examples)
    nearest = (predicted @ _embed(learner, evaluation.candidates).T).argmax(dim=1).tolist()
    return _accuracy([evaluation.candidates[row] for row in nearest], evaluation.source.examples)


def _classes(learner: Learner, evaluation: Evaluation) -> dict[str, float]:
    examples = evaluation.source.examples
    classes = list(dict.fromkeys(example.targets for example in examples))
    texts = [text for templates in classes for text in templates]
    of_class = torch.tensor([row for row, templates in enumerate(classes) for _ in templates])
    embedded = _embed(learner, texts)
    centres = torch.zeros(len(classes), embedded.shape[1], device=embedded.device)
    centres.index_add_(0, of_class.to(embedded.device), embedded)
    nearest = (
        (_predict(learner, evaluation.bank, examples) @ F.normalize(centres, dim=-1).T).argmax(dim=1).tolist()
    )
    return _accuracy([classes[row][0] for row in nearest], examples)


def _accuracy(given: Sequence[str], examples: Sequence[Example]) -> dict[str, float]:
    right = sum(text in example.targets for text, example in zip(given, examples, strict=True))
    return {"accuracy": 100 * right / len(examples)}
