"""The parts as frozen graphs: arrays in, one float array out, everything else inside.

What a part does around its network (unit length, sharing of equal queries) is inside too, so that both back ends
compute the same. This module imports PyTorch; it is reached only for a conversion and on CUDA.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.models.config import VJepa2Config
from jepa_retrieval.models.modules.frames import spread_frames
from jepa_retrieval.models.modules.mean_pool import MeanPool
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.modules.y_decoder import YDecoder
from jepa_retrieval.models.modules.y_encoder import YEncoder

Part = Literal["x_encoder", "predictor", "y_encoder", "y_decoder"]


class XEncoderGraph(nn.Module):
    """Frames to visual tokens."""

    def __init__(self, x_encoder: nn.Module, *, clip: int | None = None) -> None:
        """`clip`: the frames of a clip, to which any other number is sampled uniformly; None: as they come."""
        super().__init__()
        self.x_encoder = x_encoder
        self.clip = clip

    def forward(self, frames: Tensor) -> Tensor:
        """Uint8 [B, T, H, W, 3] to S_V float [B, N, D]."""
        tokens: Tensor = self.x_encoder(frames if self.clip is None else spread_frames(frames, self.clip))
        return tokens.float()


class PredictorGraph(nn.Module):
    """Visual tokens and queries to unit embeddings."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.predictor = predictor

    def forward(self, tokens: Tensor, query_ids: Tensor, query_mask: Tensor, rows: Tensor) -> Tensor:
        """S_V float [B, N, D]; U different queries, int [U, L]; which query each row has, int [B]: to [B, E].

        Most batches share one query (the prompt of an index), whose tokens are then computed once.
        """
        query = self.predictor.embed_queries(query_ids, query_mask)
        embeddings = self.predictor.predict(tokens, query[rows], query_mask[rows])
        return functional.normalize(embeddings.float(), dim=-1)


class PooledGraph(nn.Module):
    """The predictor of a CLIP-style model, which takes no query."""

    def __init__(self, pool: MeanPool) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, tokens: Tensor) -> Tensor:
        """Float [B, N, E] to unit [B, E]."""
        nothing = tokens.new_zeros((tokens.shape[0], 0))
        return functional.normalize(self.pool(tokens, nothing, nothing).float(), dim=-1)


class YEncoderGraph(nn.Module):
    """Token ids to unit embeddings."""

    def __init__(self, y_encoder: YEncoder) -> None:
        super().__init__()
        self.y_encoder = y_encoder

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Int [B, L] ids and their mask to S_Y float [B, E]."""
        return functional.normalize(self.y_encoder(ids, mask).float(), dim=-1)


class YDecoderGraph(nn.Module):
    """One step of the Y-Decoder."""

    def __init__(self, y_decoder: YDecoder) -> None:
        super().__init__()
        self.y_decoder = y_decoder

    def forward(self, embeddings: Tensor, ids: Tensor, cache: Tensor, filled: Tensor) -> Tensor:
        """As `YDecoder.step`, in one array [B, V + 2 * layers * W]: log probabilities, then keys and values."""
        logits, news = self.y_decoder.step(embeddings, ids, cache, filled)
        return torch.cat([functional.log_softmax(logits.float(), dim=-1), news.float().flatten(1)], dim=1)


def build_graph(model: VLJEPA, part: Literal["x_encoder", "predictor", "y_encoder"]) -> nn.Module:
    """One part of a model, ready to be converted or compiled."""
    if part == "x_encoder":
        section = model.config.x_encoder
        clip = section.frames if isinstance(section, VJepa2Config) else None
        return XEncoderGraph(model.x_encoder, clip=clip).eval()
    if part == "y_encoder":
        return YEncoderGraph(model.y_encoder).eval()
    predictor = model.predictor
    return (PooledGraph(predictor) if isinstance(predictor, MeanPool) else PredictorGraph(predictor)).eval()
