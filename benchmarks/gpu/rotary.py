"""Rotary positions: what bfloat16 inference errs with angles in bfloat16 ("cast", the fault) and in float32 ("ours").

Attention with random weights is nearly even and hides wrong angles; so queries are multiplied, by 6, and those of
EmbeddingGemma, which are normalised, by several factors. The error is that of all tokens, in the length of those
computed in float32 on the same device.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention

from benchmarks.gpu.facts import Facts
from benchmarks.gpu.models import SHARPER, full_size, random_frames
from jepa_retrieval.models.config import GemmaConfig, LlamaPredictorConfig, VJepa2Config
from jepa_retrieval.models.modules.gemma import Gemma
from jepa_retrieval.models.modules.predictor import Member
from jepa_retrieval.models.modules.vjepa2 import Attention, VJepa2
from jepa_retrieval.models.runtime.precision import cast_matrices, computing_in


class Layers(nn.Module):
    """The Predictor's layers over given tokens."""

    def __init__(self, config: LlamaPredictorConfig) -> None:
        super().__init__()
        self.member = Member(config, token_size=config.width, embedding_size=64)

    def forward(self, tokens: Tensor) -> Tensor:
        """Float [B, S, width] to the same."""
        valid = torch.ones(tokens.shape[:2], dtype=torch.long, device=tokens.device)
        return self.member.attend(tokens.to(next(self.member.layers.parameters()).dtype), valid)


def run(facts: Facts) -> None:
    """Compare the three networks that have rotary positions."""
    config = full_size(facts.smoke)
    positions, device = (256 if facts.smoke else 4096), facts.device
    torch.manual_seed(0)
    with torch.device(device):
        assert isinstance(config.predictor, LlamaPredictorConfig)
        layers = Layers(config.predictor).eval()
        _sharpen(layers, "q_proj.weight")
        tokens = torch.randn(1, positions, config.predictor.width)
    _compare(facts, "predictor", layers, (tokens,), positions)
    del layers
    with torch.device(device):
        assert isinstance(config.y_encoder.tower, GemmaConfig)
        gemma = Gemma(config.y_encoder.tower).eval()
        ids = torch.randint(config.y_encoder.tower.vocabulary, (2, 256 if facts.smoke else 2048))
    # How much random attention may be sharpened until it only magnifies noise is not known beforehand.
    for factor in (1.0, 1.25, 1.5, 2.0):
        sharper = copy.deepcopy(gemma)
        for name, parameter in sharper.named_parameters():
            parameter.data += (
                factor - 1 if "q_norm" in name else 0.0
            )  # the norm's factor is one more than its weight
        _compare(
            facts, f"y_encoder, queries x {factor:g}", sharper, (ids, torch.ones_like(ids)), ids.shape[1]
        )
        del sharper
    del gemma
    with torch.device(device):
        assert isinstance(config.x_encoder, VJepa2Config)
        vjepa2 = VJepa2(config.x_encoder).eval()
        _sharpen(vjepa2, "query.weight")
    size = config.x_encoder.image_size
    frames = random_frames((1, config.x_encoder.frames, size, size), device)
    ours = Attention.apply_rotary_embeddings

    def library(turn: bool) -> None:
        Attention.apply_rotary_embeddings = (  # type: ignore[method-assign]
            VJEPA2RopeAttention.apply_rotary_embeddings if turn else ours
        )

    _compare(facts, "x_encoder", vjepa2, (frames,), 1024, before=library)


def _sharpen(network: nn.Module, name: str) -> None:
    for known, parameter in network.named_parameters():
        if known.endswith(name):
            parameter.data *= SHARPER


@torch.no_grad()
def _compare(
    facts: Facts,
    name: str,
    network: nn.Module,
    inputs: tuple[Tensor, ...],
    positions: int,
    *,
    before: Callable[[bool], None] | None = None,
) -> None:
    exact = network(*inputs).float()
    cast = copy.deepcopy(network).to(torch.bfloat16)
    if before:
        before(True)
    with torch.autocast(inputs[0].device.type, enabled=False):
        wrong = cast(*inputs).float()
    if before:
        before(False)
    ours = cast_matrices(network, torch.bfloat16)
    with computing_in(torch.bfloat16, inputs[0].device):
        found = ours(*inputs).float()
    facts.say(name, positions=positions, cast=_errors(wrong, exact), ours=_errors(found, exact))


def _errors(found: Tensor, exact: Tensor) -> dict[str, float]:
    means = nn.functional.cosine_similarity(found.mean(dim=1), exact.mean(dim=1), dim=-1)
    return {
        "relative_error": float((found - exact).norm() / exact.norm()),
        "one_minus_cosine_of_the_mean": float(1 - means.min()),
    }
