"""The frozen networks of a model: run once for each input, by the fastest means of the machine, and cached."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from jepa_retrieval.models.config import VJepa2Config
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.modules.y_encoder import YEncoder
from jepa_retrieval.models.runtime.graphs import XEncoderGraph
from jepa_retrieval.models.runtime.model import part_inputs
from jepa_retrieval.models.runtime.parts import CPU_CALLS, GraphXEncoder

TEXT_BATCH = 64


def is_frozen(module: nn.Module) -> bool:
    """Whether no weight of the module is trained."""
    return not any(parameter.requires_grad for parameter in module.parameters())


def x_encoder_of(model: VLJEPA, *, fingerprint: str) -> Callable[[np.ndarray], np.ndarray]:
    """Uint8 [B, T, S, S, 3] to S_V float32 [B, N, D]: OpenVINO on a CPU, as when videos are indexed, else PyTorch.

    A clip has as many frames as it is given: unlike in inference it is not sampled to another number.
    """
    if model.device.type == "cpu":
        return _OnCpu(model, fingerprint)

    @torch.no_grad()
    def encode(frames: np.ndarray) -> np.ndarray:
        with torch.autocast(model.device.type, torch.bfloat16):
            tokens = model.encode_frames(torch.from_numpy(frames).to(model.device))
        result: np.ndarray = tokens.float().cpu().numpy()
        return result

    return encode


class _OnCpu:
    """The X-Encoder as a graph of OpenVINO; one that sees a clip at once has a graph for each number of frames."""

    def __init__(self, model: VLJEPA, fingerprint: str) -> None:
        self._model, self._fingerprint = model, fingerprint
        self._by_clip: dict[int | None, GraphXEncoder] = {}

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        clip = frames.shape[1] if isinstance(self._model.config.x_encoder, VJepa2Config) else None
        if clip not in self._by_clip:
            self._by_clip[clip] = self._convert(clip)
        return self._by_clip[clip].encode(frames)

    def _convert(self, clip: int | None) -> GraphXEncoder:
        from jepa_retrieval.models.runtime.openvino_graph import cached_graph

        graph = cached_graph(
            "training-x-encoder",
            self._fingerprint if clip is None else f"{self._fingerprint} {clip} frames",
            build=lambda: XEncoderGraph(self._model.x_encoder, clip=clip),
            inputs=part_inputs(self._model.config, "x_encoder"),
            reduced_precision=True,
            concurrent=True,
        )
        return GraphXEncoder(self._model.config.x_encoder, graph, calls=CPU_CALLS)


class PooledTower(nn.Module):
    """The Y-Encoder without its head: int [B, L] ids and mask to float [B, F]."""

    def __init__(self, y_encoder: YEncoder) -> None:
        super().__init__()
        self.y_encoder = y_encoder

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Pooled over the tokens that are not padding."""
        pooled: Tensor = self.y_encoder.pool(self.y_encoder.tower(ids, mask), mask).float()
        return pooled


def text_tower_of(model: VLJEPA, *, fingerprint: str) -> Callable[[Sequence[str]], Tensor]:
    """Texts to pooled features float32 [M, F] on the model's device: OpenVINO on a CPU, else PyTorch."""
    tower = PooledTower(model.y_encoder).eval()
    if model.device.type == "cpu":
        from jepa_retrieval.models.runtime.openvino_graph import cached_graph

        inputs = part_inputs(model.config, "y_encoder")
        graph = cached_graph(
            "training-text", fingerprint, build=lambda: tower, inputs=inputs, reduced_precision=False
        )

        def run(ids: Tensor, mask: Tensor) -> Tensor:
            return torch.from_numpy(graph(ids.numpy(), mask.numpy()))
    else:
        run = tower

    @torch.no_grad()
    def encode(texts: Sequence[str]) -> Tensor:
        starts = range(0, len(texts), TEXT_BATCH)
        return torch.cat(
            [run(*model.tokenise_targets(list(texts[start : start + TEXT_BATCH]))) for start in starts]
        )

    return encode


class QueryCache:
    """The tokens of a frozen query encoder, kept for queries that recur."""

    def __init__(self, model: VLJEPA, encoder: nn.Module) -> None:
        """`encoder` is the model's Predictor's: int [B, L] ids and mask to float [B, L, D]."""
        self._model = model
        self._encoder = encoder
        self._known: dict[str, Tensor] = {}  # query to float [L, D]

    @torch.no_grad()
    def __call__(self, queries: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Float [B, L, D] and int mask [B, L]; padding is 0."""
        new = [query for query in dict.fromkeys(queries) if query not in self._known]
        for start in range(0, len(new), TEXT_BATCH):
            self._encode(new[start : start + TEXT_BATCH])
        tokens = [self._known[query] for query in queries]
        lengths = torch.tensor([len(row) for row in tokens], device=tokens[0].device)
        padded = nn.utils.rnn.pad_sequence(tokens, batch_first=True)
        mask = torch.arange(padded.shape[1], device=lengths.device) < lengths[:, None]
        return padded, mask.long()

    def _encode(self, queries: list[str]) -> None:
        ids, mask = self._model.tokenise_queries(queries)
        # In full precision even when training is not: cached tokens must not depend on the first caller.
        with torch.autocast(self._model.device.type, enabled=False):
            tokens = self._encoder(ids, mask)
        for query, row, length in zip(queries, tokens, mask.sum(dim=1).tolist(), strict=True):
            self._known[query] = row[:length].clone()


def fingerprint_of_module(module: nn.Module) -> str:
    """Hex hash of a module's weights and their names."""
    digest = hashlib.sha256(type(module).__name__.encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
