"""VL-JEPA: X-Encoder, Predictor and Y-Encoder around one embedding space.

Chen et al., "VL-JEPA: Joint Embedding Predictive Architecture for Vision-language", arXiv 2512.10942.

Dimension letters: B batch, T frames, H height, W width, N visual tokens, D their width, L text tokens, E embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.models.config import LlamaPredictorConfig, ModelConfig, OpenClipTextConfig, load_config
from jepa_retrieval.models.modules.concepts import TEMPLATES, Concepts, class_names
from jepa_retrieval.models.modules.fixed_directions import HeadBesideKept
from jepa_retrieval.models.modules.mean_pool import MeanPool
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.modules.pretrained import pretrained_parts
from jepa_retrieval.models.modules.storage import CONFIG_FILE, load_pretrained, load_trained, save_trained
from jepa_retrieval.models.modules.x_encoder import build_x_encoder
from jepa_retrieval.models.modules.y_encoder import YEncoder
from jepa_retrieval.models.open_clip import OpenClipTokenizer
from jepa_retrieval.models.sources import locate
from jepa_retrieval.models.tokenizer import TOKENIZER_FILE, TextTokenizer, TokenIds

TEXT_BATCH = 100


class TextBatch(NamedTuple):
    """Texts as token ids."""

    ids: Tensor  # int [B, L]
    mask: Tensor  # int [B, L]; 1: a token, 0: padding


class VLJEPA(nn.Module):
    """The parts that are trained together. A Y-Decoder works on finished embeddings and is not among them."""

    def __init__(self, config: ModelConfig, *, base: Path | str = ".") -> None:
        """All weights are random: use `initialise` to start a training, `from_pretrained` to use a trained model.

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
            levelling=getattr(config.predictor, "levelling", None),
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
            token_mask: [B, N], 0 at tokens that only fill the batch.
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
        if isinstance(self.predictor, MeanPool):
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

    @classmethod
    def initialise(cls, config: ModelConfig, *, base: Path | str = ".") -> VLJEPA:
        """A model to be trained: pretrained parts from their sources, random weights for all that is new.

        Raises:
            ModelError: a source is missing or does not fit, or a frozen part has no source.
        """
        model = cls(config, base=base)
        load_pretrained(model, pretrained_parts(config, base=model.base))
        model._fit_concepts()
        return model

    @classmethod
    def from_pretrained(cls, folder: Path | str, *, dtype: torch.dtype = torch.float32) -> VLJEPA:
        """A trained model from the folder that `save_pretrained` wrote. Every tensor must be there.

        Raises:
            ModelError: names the file, source or tensor that is missing, damaged or does not fit.
        """
        folder = Path(folder)
        model = cls(load_config(folder / CONFIG_FILE), base=folder)
        load_trained(model, folder)
        return model.to(dtype)

    def save_pretrained(
        self,
        folder: Path | str,
        *,
        bundle: bool = False,
        dtype: torch.dtype | None = None,
        rows8: bool = False,
    ) -> ModelConfig:
        """Write `config.json` and `model.safetensors`, from which `from_pretrained` restores the model.

        Args:
            folder: made if it is not there.
            bundle: copy frozen pretrained parts and tokenizers too, so that the folder needs nothing else.
            dtype: of the stored weights; None: as they are.
            rows8: store large matrices in a byte a weight (rows8.py).

        Returns:
            The config as written, with the digests of all weights.
        """
        return save_trained(
            self.config,
            self.state_dict(),
            Path(folder),
            base=self.base,
            bundle=bundle,
            dtype=dtype,
            rows8=rows8,
        )

    @torch.no_grad()
    def _fit_concepts(self) -> None:
        """Give the concepts, if there are any, the embeddings of their names by the Y-Encoder's tower."""
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
        if isinstance(head, HeadBesideKept):
            assert isinstance(self.predictor, Predictor) and self.predictor.kept is not None
            head.mean.copy_(embeddings.mean(dim=0))
            for kept in (head.kept, self.predictor.kept):
                kept.fit(embeddings - head.mean)

    # --- Tokenizers ---------------------------------------------------------------------------------------

    @cached_property
    def _query_tokenizer(self) -> TextTokenizer:
        section = self.config.predictor
        assert isinstance(section, LlamaPredictorConfig)
        path = locate(section.query_tokens.tokenizer, TOKENIZER_FILE, base=self.base)
        return TextTokenizer(path, max_tokens=section.max_query_tokens)

    @cached_property
    def _target_tokenizer(self) -> Callable[[Sequence[str]], TokenIds]:
        section = self.config.y_encoder
        if isinstance(section.tower, OpenClipTextConfig):
            return OpenClipTokenizer(section.tower.architecture)
        path = locate(section.tower.tokenizer, TOKENIZER_FILE, base=self.base)
        return TextTokenizer(path, max_tokens=section.max_tokens)

    def _on_device(self, batch: TokenIds) -> TextBatch:
        return TextBatch(*(torch.from_numpy(array).to(self.device) for array in batch))
