"""Ways from the tokens of a text tower to S_Y that can keep the order of words, and how they are trained.

A mean over frozen tokens keeps little of the order of words. A branch is a copy of the Y-Encoder's head with what it
reads: the frozen mean; or beside it an attention pooling over the frozen tokens; or the mean over the last layers,
which learn too. The fixed directions keep reading the frozen mean, as they stand for the tower's own space.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.shared.caption_heads import Batch, member_loss
from benchmarks.shared.token_states import MAX_TOKENS, TokenStates, mean_over, run_layers
from jepa_retrieval.models.modules.ensemble import split_members
from jepa_retrieval.models.modules.fixed_directions import HeadWithFixedDirections

logger = logging.getLogger(__name__)

FORMS = ("mean", "token pooling", "thawed layers")
TEMPERATURE = 0.05
PARAPHRASE_WEIGHT = 0.3
LEARNING_RATE = 3e-4
THAWED_RATE = 1e-4
POOLING_HEADS, POOLING_HIDDEN = 6, 768
LOG_EVERY = 5


class TokenPooling(nn.Module):
    """An MLP on each token and its position, and a mean with learnt weights; zero at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(0.02 * torch.randn(MAX_TOKENS, width))
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, POOLING_HIDDEN), nn.GELU(), nn.Linear(POOLING_HIDDEN, width)
        )
        self.scores = nn.Linear(width, POOLING_HEADS)
        self.leave = nn.Linear(width, width)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """Float [B, L, D] and which of them are no padding, bool [B, L], to float [B, D]."""
        hidden = self.norm(tokens) + self.positions[: tokens.shape[1]]
        hidden = hidden + self.mlp(hidden)
        weights = self.scores(hidden).float().masked_fill(~valid[..., None], -torch.inf).softmax(dim=1)
        pooled = torch.einsum("blh,blhd->bhd", weights, hidden.float().unflatten(-1, (POOLING_HEADS, -1)))
        left: Tensor = self.leave(pooled.flatten(1))
        return left


class TextBranch(nn.Module):
    """One of the `FORMS`, which starts as the model's own Y-Encoder."""

    def __init__(self, head: HeadWithFixedDirections, states: TokenStates, form: str) -> None:
        super().__init__()
        self.head = copy.deepcopy(head)
        self.states = states
        self.pooling = TokenPooling(len(head.mean)) if form == "token pooling" else None
        self.layers = copy.deepcopy(states.last).requires_grad_() if form == "thawed layers" else None

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Texts to S_Y, float32 [B, E - 1], unit length, without the dimension of the hubness correction."""
        frozen = self.states.means(texts)
        embeddings = self.head.fixed(self.head.learnt(self._pooled(texts, frozen)), frozen - self.head.mean)
        return functional.normalize(embeddings.float(), dim=-1)

    def groups(self) -> list[dict[str, Any]]:
        """Parameters for an optimizer: the last layers of the tower learn more slowly."""
        slow = [] if self.layers is None else list(self.layers.parameters())
        fast = [*self.head.learnt.parameters(), *([] if self.pooling is None else self.pooling.parameters())]
        return [
            {"params": part, "lr": rate}
            for part, rate in ((fast, LEARNING_RATE), (slow, THAWED_RATE))
            if part
        ]

    def _pooled(self, texts: Sequence[str], frozen: Tensor) -> Tensor:
        if self.pooling is None and self.layers is None:
            return frozen
        parts = []
        chunks = self.states.in_chunks(texts)
        for chunk in chunks:
            with torch.autocast("cpu", torch.bfloat16):
                if self.layers is not None:
                    hidden = run_layers(self.layers, chunk.tokens, chunk.valid)
                else:
                    with torch.no_grad():
                        hidden = run_layers(self.states.last, chunk.tokens, chunk.valid)
                change = None if self.pooling is None else self.pooling(hidden, chunk.valid).float()
            parts.append(
                mean_over(hidden.float(), chunk.valid) if change is None else frozen[chunk.rows] + change
            )
        places = torch.cat([chunk.rows for chunk in chunks]).argsort()
        return torch.cat(parts)[places]


@dataclass(frozen=True)
class Members:
    """How S_Y and Ŝ_Y are divided among the members of a Predictor."""

    count: int
    size: int  # dimensions that each learns


def train(
    branch: TextBranch, learnt_from: Iterator[Batch], members: Members, *, steps: int, seed: int
) -> None:
    """Train the branch; nothing else changes."""
    torch.manual_seed(seed)
    groups = branch.groups()
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=[group["lr"] for group in groups], total_steps=steps + 1, pct_start=0.1
    )
    branch.head.train()
    for step, batch in zip(range(1, steps + 1), learnt_from, strict=False):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(branch, batch, members)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % LOG_EVERY == 0:
            logger.info("step %d: loss %.3f", step, loss.item())
    branch.eval()


def loss_of(branch: TextBranch, batch: Batch, members: Members) -> Tensor:
    """The mean of the members' losses."""
    captions = list(dict.fromkeys(text for pair in batch.captions for text in pair))
    places = {text: place for place, text in enumerate(captions)}
    owned = torch.tensor([[places[text] for text in pair] for pair in batch.captions])
    wrong, other = [text for _, text in batch.wrong], [text for _, text in batch.other]
    parts = [
        split_members(part, members=members.count, size=members.size)
        for part in (batch.pictures, branch([*captions, *wrong, *other]))
    ]
    losses = []
    for pictures, said in zip(*parts, strict=True):
        written = functional.normalize(said, dim=-1).split([len(captions), len(wrong), len(other)])
        of_wrong = torch.tensor([picture for picture, _ in batch.wrong])
        of_other = torch.tensor([entry for entry, _ in batch.other])
        found = member_loss(functional.normalize(pictures, dim=-1), written, owned, of_wrong, of_other)
        losses.append(found + PARAPHRASE_WEIGHT * paraphrase_loss(written[0], written[1], owned))
    return torch.stack(losses).mean()


def paraphrase_loss(captions: Tensor, wrong: Tensor, owned: Tensor) -> Tensor:
    """InfoNCE between the two captions of a picture, with all other captions and the wrong ones among the choices.

    Args:
        captions: S_Y, float [C, E], unit length.
        wrong: S_Y of wrong captions [W, E].
        owned: int64 [B, 2], the captions of each picture; pictures with one caption do not count.
    """
    pairs = owned[owned[:, 0] != owned[:, 1]]
    if not len(pairs):
        return captions.new_zeros(())
    losses = []
    for own, wanted in (pairs.T, pairs.T.flip(0)):
        logits = captions[own] @ torch.cat([captions, wrong]).T / TEMPERATURE
        logits = logits.scatter(1, own[:, None], -torch.inf)
        losses.append(functional.cross_entropy(logits, wanted))
    return (losses[0] + losses[1]) / 2


@torch.no_grad()
def mixed(before: Sequence[Tensor], trained: TextBranch, *, share: float) -> TextBranch:
    """A branch with weights that are a share of the way from those before training (WiSE-FT, arXiv 2109.01903)."""
    found = copy.copy(trained)
    found._modules = {name: copy.deepcopy(part) for name, part in trained._modules.items()}
    for weight, old in zip(found.parameters(), before, strict=True):
        weight.copy_(old.lerp(weight, share))
    return found
