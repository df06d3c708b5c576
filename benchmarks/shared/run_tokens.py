"""What networks see of a source, from the cache of a training run; what is not there yet is computed first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jepa_retrieval.training.config import TokensConfig
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.token_cache import open_tokens


def picture_tokens(learner: Learner, source: Source, config: TokensConfig) -> Tensor:
    """Tokens of all views of a source's pictures, float [pictures, views, D]."""
    bank, build = open_tokens(source, learner.vision, config, frames=1)
    _finish(build())
    rows = np.arange(bank.rows)
    views = [bank.get(rows, np.full_like(rows, view))[:, 0] for view in range(bank.views)]
    return torch.stack(views, dim=1)


def text_features(learner: Learner, texts: Sequence[str], *, folder: Path) -> Tensor:
    """Features of texts, float [texts, F]; `folder` holds the cache."""
    cache_texts(learner, texts, folder=folder)
    return learner.text_features(list(texts))


def cache_texts(learner: Learner, texts: Sequence[str], *, folder: Path) -> None:
    """Have the learner know the features of texts, each computed once; `folder` holds the cache."""
    _finish(learner.cache_texts(list(dict.fromkeys(texts)), folder=folder))


def _finish(work: Iterator[object]) -> None:
    for _ in work:
        pass
