"""VL-JEPA: X-Encoder, Predictor and Y-Encoder around one embedding space.

Chen et al., "VL-JEPA: Joint Embedding Predictive Architecture for Vision-language", arXiv 2512.10942.

Dimension letters: B batch, T frames, H height, W width, N visual tokens, D their width, L text tokens, E embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.models.config import LlamaPredictorConfig, ModelConfig
from jepa_retrieval.models.modules.concepts import TEMPLATES, Concepts, class_names
from jepa_retrieval.models.modules.fixed_directions import HeadWithFixedDirections
from jepa_retrieval.models.modules.mean_pool import MeanPool
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.modules.x_encoder import build_x_encoder
from jepa_retrieval.models.modules.y_encoder import YEncoder
from jepa_retrieval.models.text_tokenizers import query_tokenizer, target_tokenizer
from jepa_retrieval.models.tokenizer import TokenIds, Tokenise

TEXT_BATCH = 100


class TextBatch(NamedTuple):
    """Texts as token ids."""

    ids: Tensor  # int [B, L]
    mask: Tensor  # int [B, L]; 1: a token, 0: padding


class VLJEPA(nn.Module):
    """The parts that are trained together. A Y-Decoder works on finished embeddings and is not among them."""

    def __init__(self, config: ModelConfig, *, base: Path | str = ".") -> None:
        """All weights are random: `storage.initialise_model` starts a training, `storage.read_model` reads a
        trained model.

        Args:
            config: the model's config.
            base: what relative paths in `config` are relative to.
        """
        super().__init__()
        self.config = config
        self.base = Path(base)
        self.x_encoder = build_x_encoder(config.x_encoder)
        self.predictor: Predictor | MeanPool = (
            Predictor(
                config.predictor,
                token_size=config.x_encoder.token_size,
                embedding_size=config.embedding_size,
            )
            if isinstance(config.predictor, LlamaPredictorConfig)
            else MeanPool()
        )
        self.y_encoder = YEncoder(
            config.y_encoder,
            embedding_size=config.embedding_size,
            concepts=getattr(config.predictor, "concepts", None),
            hubness=getattr(config.predictor, "hubness", None),
            members=getattr(config.predictor, "members", 1),
        )
        self.train(False)

    # --- Arithmetic ---------------------------------------------------------------------------------------

    def forward(
        self,
        visual: Tensor,
        queries: Sequence[str] | TextBatch,
        targets: Sequence[str] | TextBatch,
        token_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The two sides of the loss: Ŝ_Y and S_Y, float [B, E], of unit length.

        Args:
            visual: frames, uint8 [B, T, H, W, 3], or their tokens S_V, float [B, N, D].
            queries: X_Q, B texts ("" for none).
            targets: Y, B texts.
            token_mask: [B, N], 0 at padding.
        """
        tokens = visual if visual.dim() == 3 else self.encode_frames(visual)
        return self.predict(tokens, queries, token_mask), self.encode_texts(targets)

    def encode_frames(self, frames: Tensor) -> Tensor:
        """Uint8 [B, T, H, W, 3] to S_V float [B, N, D]."""
        tokens: Tensor = self.x_encoder(frames)
        return tokens

    def predict(
        self, tokens: Tensor, queries: Sequence[str] | TextBatch, token_mask: Tensor | None = None
    ) -> Tensor:
        """S_V [B, N, D] and queries to Ŝ_Y [B, E], of unit length."""
        query = queries if isinstance(queries, TextBatch) else self.tokenise_queries(queries)
        return functional.normalize(self.predictor(tokens, *query, token_mask), dim=-1)

    def encode_texts(self, texts: Sequence[str] | TextBatch) -> Tensor:
        """B texts to S_Y [B, E], of unit length."""
        batch = texts if isinstance(texts, TextBatch) else self.tokenise_targets(texts)
        return functional.normalize(self.y_encoder(*batch), dim=-1)

    def tokenise_queries(self, texts: Sequence[str]) -> TextBatch:
        """Queries as the Predictor's token ids; a Predictor that ignores them gets none."""
        if self._query_tokenizer is None:
            none = torch.zeros(len(texts), 0, dtype=torch.long, device=self.device)
            return TextBatch(none, none)
        return self._on_device(self._query_tokenizer(texts))

    def tokenise_targets(self, texts: Sequence[str]) -> TextBatch:
        """Texts as the Y-Encoder's token ids."""
        return self._on_device(self._target_tokenizer(texts))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.y_encoder.parameters()).device

    def train(self, mode: bool = True) -> VLJEPA:
        """As usual, except that frozen parts stay in evaluation mode: no dropout, no batch statistics."""
        super().train(mode)
        for name in self.frozen_modules():
            self.get_submodule(name).eval()
        return self

    def frozen_modules(self) -> list[str]:
        """Names of the sub-modules that training must leave as they are."""
        config = self.config
        frozen = ["x_encoder"] if config.x_encoder.frozen else []
        if isinstance(config.predictor, LlamaPredictorConfig):
            frozen += ["predictor.query_tokens"] if config.predictor.query_tokens.frozen else []
            frozen += ["predictor.layers", "predictor.norm"] if config.predictor.frozen else []
            frozen += ["predictor.vision_input.concepts.classifiers"] if config.predictor.concepts else []
        return frozen + (["y_encoder.tower"] if config.y_encoder.tower.frozen else [])

    # --- Weights ------------------------------------------------------------------------------------------

    @torch.no_grad()
    def fit_concepts(self) -> None:
        """Compute the embeddings of the concepts' names, if there are concepts, with the Y-Encoder's tower."""
        concepts = self.predictor.vision_input.concepts if isinstance(self.predictor, Predictor) else None
        if not isinstance(concepts, Concepts):
            return
        names = class_names()
        total = torch.zeros_like(concepts.names)
        for template in TEMPLATES:
            for start in range(0, len(names), TEXT_BATCH):
                rows = slice(start, start + TEXT_BATCH)
                batch = self.tokenise_targets([template.format(name) for name in names[rows]])
                total[rows] += self.y_encoder.pool(self.y_encoder.tower(*batch), batch.mask)
        embeddings = total / len(TEMPLATES)
        concepts.fit(embeddings)
        head = self.y_encoder.head
        if isinstance(head, HeadWithFixedDirections):
            assert isinstance(self.predictor, Predictor) and self.predictor.fixed is not None
            head.mean.copy_(embeddings.mean(dim=0))
            for fixed in (head.fixed, self.predictor.fixed):
                fixed.fit(embeddings - head.mean)

    # --- Tokenizers ---------------------------------------------------------------------------------------

    @cached_property
    def _query_tokenizer(self) -> Tokenise | None:
        return query_tokenizer(self.config, base=self.base)

    @cached_property
    def _target_tokenizer(self) -> Tokenise:
        return target_tokenizer(self.config, base=self.base)

    def _on_device(self, batch: TokenIds) -> TextBatch:
        return TextBatch(*(torch.from_numpy(array).to(self.device) for array in batch))
