"""The last step of a training: the hubness correction is fitted to captions (models/modules/hubness.py)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.training.config import TrainConfig
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.token_cache import open_tokens

BATCH = 512
CLUSTER_STEPS = 10  # of k-means


@torch.no_grad()
def fit_hubness(model: VLJEPA, recipe: TrainConfig) -> None:
    """Fit the correction, if the model has one, to the recipe's captions and to the pictures of its first source."""
    predictor = model.predictor
    if not isinstance(predictor, Predictor) or predictor.hubness is None:
        return
    learner = Learner(model.eval(), device=torch.device("cpu"))
    source = read_source(recipe.sources[0])
    described = [read_source(part) for part in recipe.sources[1:] if part.format == "captions"]
    size = model.config.embedding_size - 1
    captions = functional.normalize(_captions(learner, [source, *described], recipe)[:, :size], dim=-1)
    fit_correction(model, captions, _pictures(learner, source, recipe)[:, :size])


@torch.no_grad()
def fit_correction(model: VLJEPA, captions: Tensor, pictures: Tensor) -> None:
    """Fit the correction of a model that has one.

    Args:
        model: it changes in place.
        captions: S_Y without the dimension of the correction, float [C, E - 1], unit length.
        pictures: Ŝ_Y without it, float [P, E - 1].
    """
    predictor = model.predictor
    assert isinstance(predictor, Predictor) and predictor.hubness is not None
    clusters = faiss.Kmeans(
        captions.shape[1], len(predictor.hubness.bank), niter=CLUSTER_STEPS, seed=0, min_points_per_centroid=1
    )
    clusters.train(captions.numpy())
    captions_of = np.bincount(clusters.index.search(captions.numpy(), 1)[1][:, 0], minlength=clusters.k)
    predictor.hubness.fit(
        torch.from_numpy(clusters.centroids),
        # An empty cluster gets almost no weight.
        torch.from_numpy(np.maximum(captions_of, 1e-3) / len(captions)).float(),
        pictures,
        # The loss's temperature is for cosines without the dimension's share.
        temperature=model.config.temperature / math.sqrt(1 - predictor.hubness.share),
    )


def _captions(learner: Learner, sources: Sequence[Source], recipe: TrainConfig) -> Tensor:
    found = []
    for source in sources:
        texts = [text for example in source.examples for text in example.targets]
        _finish(learner.cache_texts(list(dict.fromkeys(texts)), folder=Path(recipe.tokens.folder)))
        found += [learner.embed_texts(part) for part in _parts(texts)]
    return torch.cat(found)


def _pictures(learner: Learner, source: Source, recipe: TrainConfig) -> Tensor:
    bank, build = open_tokens(source, learner.vision, recipe.tokens, frames=1)
    _finish(build())
    parts = [np.array(part) for part in _parts(range(len(source.visuals)))]
    return torch.cat(
        [learner.predict(bank.get(rows, np.zeros_like(rows)), [""] * len(rows)) for rows in parts]
    )


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def _finish(work: Iterable[object]) -> None:
    """Complete the build of a cache."""
    for _ in work:
        pass
