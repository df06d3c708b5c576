"""Networks that score a pair of a text and a picture, for a second stage of search; trained with hard negatives.

`Member` compares two embeddings, as another member of the Predictor would. `PairNetwork` reads both together, as the
image-text matching of BLIP does (Li et al., arXiv 2201.12086), and gives the log odds of "Does this show <text>?".
Dimension letters: B pairs, D token size, F text features, W width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 256
HIDDEN = 512
TOKEN_NOISE = 0.3  # standard deviations, as in nano's stage 1
LABEL_SMOOTHING = 0.1
MIN_DEVIATION = 0.01  # of a channel: some channels of MiniLM never change
AVERAGE_DECAY = 0.98  # of the moving average of the weights


@dataclass(frozen=True, eq=False)
class CaptionedPictures:
    """Pictures of one source with their captions, as frozen networks see them."""

    name: str
    tokens: Tensor  # float16 [pictures, views, D]
    texts: Tensor  # float32 [texts, F]: pooled features of the text tower
    owners: Tensor  # int64 [texts]: the picture of each

    def captions_of(self) -> list[list[int]]:
        """The rows of each picture's texts."""
        found: list[list[int]] = [[] for _ in range(len(self.tokens))]
        for row, owner in enumerate(self.owners.tolist()):
            found[owner].append(row)
        return found


class Standardise(nn.Module):
    """Channels to mean 0 and deviation 1 over the training set."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, sample: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", sample.mean(dim=0))
        self.register_buffer("deviation", sample.std(dim=0).clamp(min=MIN_DEVIATION))

    def forward(self, values: Tensor) -> Tensor:
        """Float [B, channels] to the same shape."""
        return (values.float() - self.mean) / self.deviation


class Member(nn.Module):
    """Two embeddings and their cosine."""

    def __init__(self, tokens: Tensor, texts: Tensor) -> None:
        """`tokens` [M, D] and `texts` [M, F] are samples of the training set."""
        super().__init__()
        self.of_token, self.of_text = Standardise(tokens), Standardise(texts)
        self.picture = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(tokens.shape[1], HIDDEN),
            nn.GELU(),
            nn.Dropout(0.5),
            nn.Linear(HIDDEN, WIDTH),
        )
        self.linear = nn.Linear(texts.shape[1], WIDTH)
        self.mlp = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(texts.shape[1], 768), nn.GELU(), nn.Dropout(0.3), nn.Linear(768, WIDTH)
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))

    def embed_pictures(self, tokens: Tensor) -> Tensor:
        """S_V [B, D] to float32 [B, W], unit length."""
        seen = self.of_token(tokens)
        if self.training:
            seen = seen + TOKEN_NOISE * torch.randn_like(seen)
        return functional.normalize(self.picture(seen).float(), dim=-1)

    def embed_texts(self, texts: Tensor) -> Tensor:
        """Features [B, F] to float32 [B, W], unit length."""
        seen = self.of_text(texts)
        return functional.normalize((self.linear(seen) + self.mlp(seen)).float(), dim=-1)


class PairNetwork(nn.Module):
    """Log odds that a picture shows what a text says, from the two embeddings of a `Member`."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(10.0))
        self.picture, self.text, self.product = (nn.Linear(WIDTH, 256) for _ in range(3))
        self.rest = nn.Sequential(nn.GELU(), nn.Dropout(0.3), nn.Linear(256, 64), nn.GELU(), nn.Linear(64, 1))

    def forward(self, pictures: Tensor, texts: Tensor) -> Tensor:
        """Unit [..., W] twice, of shapes that broadcast, to [...]."""
        # Unit vectors have entries near 1 / sqrt(W); the layers expect entries near 1.
        product, root = pictures * texts, math.sqrt(WIDTH)
        mixed = self.picture(root * pictures) + self.text(root * texts) + self.product(WIDTH * product)
        log_odds: Tensor = self.gain * product.sum(dim=-1) + self.rest(mixed).squeeze(-1)
        return log_odds


def contrastive_loss(scores: Tensor) -> Tensor:
    """InfoNCE in both directions over scores [B, B] of texts and pictures."""
    right = torch.arange(len(scores))
    losses = [functional.cross_entropy(s, right, label_smoothing=LABEL_SMOOTHING) for s in (scores, scores.T)]
    return (losses[0] + losses[1]) / 2


def matching_loss(
    pairs: PairNetwork, pictures: Tensor, texts: Tensor, scores: Tensor, *, negatives: int
) -> Tensor:
    """Binary cross-entropy of right pairs and hard wrong ones, and which of them is right.

    Args:
        pairs: gives log odds.
        pictures: unit [B, W].
        texts: unit [B, W], of the same pairs.
        scores: [B, B], texts by pictures: wrong ones are drawn by the softmax of these, so that near ones are common.
        negatives: wrong pictures for each text, and wrong texts for each picture.
    """
    with torch.no_grad():
        others = scores.detach().clone().fill_diagonal_(-1e9)
        wrong_pictures = torch.multinomial(others.softmax(dim=1), negatives)
        wrong_texts = torch.multinomial(others.T.softmax(dim=1), negatives)
    right = pairs(pictures, texts)[:, None]
    by_text = torch.cat([right, pairs(pictures[wrong_pictures], texts[:, None])], dim=1)
    by_picture = torch.cat([right, pairs(pictures[:, None], texts[wrong_texts])], dim=1)
    first = torch.zeros(len(texts), dtype=torch.long)
    chosen = functional.cross_entropy(by_text, first) + functional.cross_entropy(by_picture, first)
    wrong = torch.cat([by_text[:, 1:], by_picture[:, 1:]], dim=1)
    binary = functional.softplus(-right).mean() + functional.softplus(wrong).mean()
    return (chosen + binary) / 2


@dataclass(frozen=True)
class Schedule:
    """How long and with what to train."""

    steps: int
    batch: int = 512
    negatives: int = 4  # 0: the member alone is trained
    learning_rate: float = 1e-3


def train_pairs(
    sources: Sequence[CaptionedPictures], shares: Sequence[float], schedule: Schedule, *, seed: int
) -> tuple[Member, PairNetwork]:
    """Train both networks together; `shares` of every batch come from each source."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sample = torch.cat([source.tokens[::4, 0] for source in sources]).float()
    member, pairs = Member(sample, torch.cat([source.texts[::4] for source in sources])), PairNetwork()
    networks = nn.ModuleList([member, pairs]).train()
    matrices = [p for p in networks.parameters() if p.ndim > 1]
    others = [p for p in networks.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.99))
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.learning_rate, total_steps=schedule.steps, pct_start=0.15
    )
    average = torch.optim.swa_utils.AveragedModel(
        networks, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE_DECAY)
    )
    captions = [source.captions_of() for source in sources]
    for _ in range(schedule.steps):
        parts = [
            _draw(source, known, round(schedule.batch * share), rng)
            for source, known, share in zip(sources, captions, shares, strict=True)
        ]
        tokens, texts = (torch.cat(column) for column in zip(*parts, strict=True))
        with torch.autocast("cpu", torch.bfloat16):
            seen, said = member.embed_pictures(tokens), member.embed_texts(texts)
        scores = said @ seen.T * member.log_scale.exp()
        loss = contrastive_loss(scores)
        if schedule.negatives:
            loss = loss + matching_loss(pairs, seen, said, scores, negatives=schedule.negatives)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rates.step()
        average.update_parameters(networks)
    networks.load_state_dict(average.module.state_dict())
    networks.eval()
    return member, pairs


def _draw(
    source: CaptionedPictures, captions: list[list[int]], count: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Different pictures in a random view, [count, D], and one caption of each, [count, F]."""
    rows = rng.choice(len(captions), count, replace=False)
    views = rng.integers(source.tokens.shape[1], size=count)
    texts = [int(rng.choice(captions[row])) for row in rows]
    return source.tokens[torch.from_numpy(rows), torch.from_numpy(views)], source.texts[texts]
