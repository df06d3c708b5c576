"""The model as the training loop sees it, with shortcuts around its frozen parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.modules.bert import Bert
from jepa_retrieval.models.modules.ensemble import split_members
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.training.data.visuals import fit_of_config
from jepa_retrieval.training.frozen import (
    TEXT_BATCH,
    QueryCache,
    fingerprint_of_module,
    is_frozen,
    text_tower_of,
    x_encoder_of,
)
from jepa_retrieval.training.row_cache import RowCache, fingerprint_of
from jepa_retrieval.training.sharding import shard_layers
from jepa_retrieval.training.token_cache import VisionSpec


class Learner:
    """VL-JEPA while it is trained."""

    def __init__(self, model: VLJEPA, *, device: torch.device) -> None:
        self.model = model.to(device)
        self.device = device
        self.frozen_tower = is_frozen(model.y_encoder.tower)
        self._is_divided = False
        self._features: Tensor | None = None  # float [texts, F] of a frozen tower
        self._rows: dict[str, int] = {}  # text to row of _features
        encoder = getattr(model.predictor, "query_tokens", None)
        self._queries = (
            QueryCache(model, encoder) if isinstance(encoder, Bert) and is_frozen(encoder) else None
        )

    def divide_layers(self) -> None:
        """Divide the trained layers among all processes; they call this together, before an optimizer is made."""
        self._is_divided = True
        shard_layers(self.model, device=self.device)

    def predict(self, tokens: Tensor, queries: Sequence[str]) -> Tensor:
        """S_V [B, N, D] and queries to Ŝ_Y [B, E], unit length."""
        tokens = tokens.to(self.device, torch.float32)
        if self._queries is None:
            return self.model.predict(tokens, list(queries))
        if self._is_divided:  # layers that all processes run together must run equally often in each
            return self._predict_alike(tokens, queries)
        predicted = tokens.new_empty(len(tokens), self.model.config.embedding_size)
        # Captions are predicted separately from questions, so that they need no padding to the questions' length.
        for asks in (False, True):
            rows = [row for row, query in enumerate(queries) if bool(query) == asks]
            if rows:
                found = self._predict_alike(tokens[rows], [queries[row] for row in rows])
                predicted[rows] = found.to(predicted.dtype)
        return predicted

    def _predict_alike(self, tokens: Tensor, queries: Sequence[str]) -> Tensor:
        predictor = self.model.predictor
        assert isinstance(predictor, Predictor) and self._queries is not None
        query, mask = self._queries(queries)
        return F.normalize(predictor.predict(tokens, query, mask), dim=-1)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts to S_Y [M, E], unit length."""
        if not self.frozen_tower:
            return self.model.encode_texts(list(texts))
        return F.normalize(self.model.y_encoder.embed(self.text_features(texts)), dim=-1)

    def split_members(self, embeddings: Tensor) -> list[Tensor]:
        """Ŝ_Y or S_Y [..., E] as each member of the Predictor would give it alone, unit length."""
        predictor = self.model.predictor
        if not isinstance(predictor, Predictor):
            return [embeddings]
        return split_members(embeddings, members=len(predictor.members), size=predictor.size)

    @property
    def standardises(self) -> bool:
        """Whether the Predictor scales its visual tokens by the statistics of the training set."""
        predictor = self.model.predictor
        return isinstance(predictor, Predictor) and any(m.vision_input.standardise for m in predictor.members)

    @torch.no_grad()
    def encode_frames(self, frames: Tensor, *, batch_size: int) -> Tensor:
        """Uint8 [B, T, S, S, 3] to S_V in half precision [B, N, D] on the model's device, a few visuals at a time."""
        parts = frames.split(batch_size)
        if self.device.type == "cpu":
            return torch.cat([self.vision.tokens(part) for part in parts])
        with torch.autocast(self.device.type, torch.bfloat16):
            found = [
                self.model.encode_frames(part.to(self.device, non_blocking=True)).bfloat16() for part in parts
            ]
        return torch.cat(found)

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Pooled outputs of the text tower, float [M, F]; no gradient flows back."""
        if self._features is not None and all(text in self._rows for text in texts):
            rows = torch.tensor([self._rows[text] for text in texts], device=self.device)
            return self._features[rows]
        return self._tower(texts)

    def cache_texts(self, texts: Sequence[str], *, folder: Path) -> Iterator[tuple[int, int]]:
        """Run a frozen tower over different `texts` once, or find the result on disk; yields (done, total).

        Called for one list after the other, so that runs that share a source share its file on disk.
        """
        if not self.frozen_tower or not texts:
            return
        size = self._tower(texts[:1]).shape[1]
        fingerprint = fingerprint_of([self._tower_fingerprint, *texts])
        cache = RowCache(folder / "texts", fingerprint, rows=len(texts), row_shape=(size,), dtype="float32")
        # Texts of like length together: little padding. The order is a function of the texts alone.
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))

        def compute(places: list[int]) -> np.ndarray:
            return self._tower([texts[order[place]] for place in places]).cpu().numpy()

        for done in cache.build(compute, batch_size=TEXT_BATCH):
            yield done, len(texts)
        new = [place for place, row in enumerate(order) if texts[row] not in self._rows]
        features = torch.from_numpy(np.array(cache.data[new])).to(self.device)
        for place in new:
            self._rows[texts[order[place]]] = len(self._rows)
        self._features = features if self._features is None else torch.cat([self._features, features])

    @cached_property
    def vision(self) -> VisionSpec:
        """How the frozen X-Encoder makes tokens."""
        config = self.model.config.x_encoder
        if not is_frozen(self.model.x_encoder):
            raise UsageError(
                "the model's config does not freeze its X-Encoder: this training keeps it as it is"
            )
        return VisionSpec(
            encode=lambda frames: self._x_encoder(frames),
            fingerprint=self._x_fingerprint,
            image_size=config.image_size,
            fit=fit_of_config(config),
            token_size=config.token_size,
            tokens_per_frame=config.tokens_per_frame,
            framewise=config.kind != "vjepa2",
        )

    @cached_property
    def _x_fingerprint(self) -> str:
        # The config too: equal weights give other tokens at another image size or grid.
        return fingerprint_of(
            [repr(self.model.config.x_encoder), fingerprint_of_module(self.model.x_encoder)]
        )

    @cached_property
    def _x_encoder(self) -> Callable[[np.ndarray], np.ndarray]:
        # Built on first use: not at all if all tokens are on disk.
        return x_encoder_of(self.model, fingerprint=self._x_fingerprint)

    @cached_property
    def _tower_fingerprint(self) -> str:
        encoder = self.model.y_encoder
        return fingerprint_of([repr(self.model.config.y_encoder), fingerprint_of_module(encoder.tower)])

    def _tower(self, texts: Sequence[str]) -> Tensor:
        if not self.frozen_tower:
            raise UsageError("loss.soft_target_weight needs a Y-Encoder whose text tower is frozen")
        return self._tower_runner(texts)

    @cached_property
    def _tower_runner(self) -> Callable[[Sequence[str]], Tensor]:
        return text_tower_of(self.model, fingerprint=self._tower_fingerprint)
