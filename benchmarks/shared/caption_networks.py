"""Small networks on nano's tokens, trained on the sources of its stage 1: for experiments that need a control each.

A network has one member: an MLP over S_V and its concept on the side of pictures, a linear layer and an MLP over
MiniLM's pooled features on the side of texts. A training takes about a tenth of the time of nano's stage 1, and
finds one to three points less at recall@1. Letters: B pictures, D token size, F text features, U different texts of
a batch, W width.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.shared.picture_teachers import (
    Guide,
    Teachers,
    blended,
    guidance_loss,
    shared_targets,
    taught_targets,
)

POSITIVES = 2  # captions of a picture in a batch
TOKEN_NOISE = 0.3  # standard deviations of a channel
CONCEPT_DROPOUT = 0.4
LEARNING_RATE = 1e-3
WARMUP = 50
AVERAGE_DECAY = 0.99
ENCODED_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one source with their captions, as frozen networks see them."""

    name: str
    tokens: Tensor  # float16 [pictures, views, D]
    concepts: Tensor  # float [pictures, views, F]
    examples: list[tuple[int, list[int]]]  # a picture, and the rows of its texts


@dataclass(frozen=True)
class Statistics:
    """Mean and deviation of the channels of tokens, concepts and texts."""

    tokens: tuple[Tensor, Tensor]
    concepts: tuple[Tensor, Tensor]
    texts: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, sources: Sequence[Pictures], texts: Tensor) -> Statistics:
        """Of the pictures' first view, for tokens of some 4,000 of a source; `texts` are features [T, F].

        Pictures that are not a number do not count.
        """
        sample = torch.cat([s.tokens[:: max(1, len(s.tokens) // 4096), 0].float() for s in sources])
        concepts = torch.cat([s.concepts[:, 0] for s in sources])
        sample, concepts = (of[~of.isnan().any(dim=1)] for of in (sample, concepts))
        return cls(
            (sample.mean(0), sample.std(0).clamp(min=1e-3)),
            (concepts.mean(0), concepts.std(0).clamp(min=1e-4)),
            (texts.mean(0), texts.std(0).clamp(min=0.01)),
        )


@dataclass(frozen=True, eq=False)
class Form:
    """How one network is trained; the defaults are the control."""

    seed: int  # of the order of examples, and of the weights unless `start` is given
    start: int | None = None
    steps: int = 240
    blocks: int = 0  # residual blocks of an MLP after the picture's first layers
    loss: str = "infonce"  # or "sigmoid"
    mixed: float = 0.0  # share of examples that are mixed with another one (FuseMix)
    smoothing: float = 0.1
    kept: dict[str, Tensor] = field(default_factory=dict)  # bool [examples] by source: which are used
    teachers: Teachers | None = None
    teacher_share: float = 0.7  # of the targets
    teacher_temperature: float = 0.04
    guide: Guide | None = None


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.enter, self.leave = (
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.Linear(width, width),
        )
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.dropout = nn.Dropout(0.1)

    def forward(self, hidden: Tensor) -> Tensor:
        update: Tensor = self.dropout(self.leave(functional.gelu(self.enter(self.norm(hidden)))))
        return hidden + update


class CaptionNetwork(nn.Module):
    """Pictures and texts in one space."""

    def __init__(
        self,
        statistics: Statistics,
        *,
        hidden: int = 1024,
        middle: int = 512,
        width: int = 256,
        blocks: int = 0,
        predicts: int = 0,
    ) -> None:
        """`predicts`: features of another network that it learns to predict; 0: none."""
        super().__init__()
        self.statistics = statistics
        size, features = len(statistics.tokens[0]), len(statistics.texts[0])
        self.token_dropout, self.hidden_dropout, self.text_dropout = (
            nn.Dropout(0.5),
            nn.Dropout(0.5),
            nn.Dropout(0.1),
        )
        self.enter, self.lift = nn.Linear(size, hidden), nn.Linear(hidden, middle)
        self.concept = nn.Linear(len(statistics.concepts[0]), middle)
        self.blocks = nn.Sequential(*[_Block(middle) for _ in range(blocks)])
        self.norm, self.leave = nn.LayerNorm(middle), nn.Linear(middle, width)
        self.linear = nn.Linear(features, width)
        enter, leave = nn.Linear(features, 1024), nn.Linear(1024, width)
        nn.init.zeros_(leave.weight)
        self.mlp = nn.Sequential(enter, nn.GELU(), nn.Dropout(0.3), leave)
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.bias = nn.Parameter(
            torch.tensor(-10.0)
        )  # of the sigmoid loss, as SigLIP starts (arXiv 2303.15343)
        self.predicted = nn.Linear(middle, predicts) if predicts else None

    def embed_pictures(self, tokens: Tensor, concepts: Tensor) -> Tensor:
        """S_V [B, D] and concepts [B, F] to float32 [B, W], unit length."""
        return self.finish(self.see(tokens, concepts))

    def finish(self, hidden: Tensor) -> Tensor:
        """What `see` gives to float32 [B, W], unit length."""
        return functional.normalize(self.leave(hidden).float(), dim=-1)

    def see(self, tokens: Tensor, concepts: Tensor) -> Tensor:
        """S_V [B, D] and concepts [B, F] to the last hidden layer [B, middle]."""
        mean, deviation = self.statistics.tokens
        seen = (tokens - mean) / deviation
        mean, deviation = self.statistics.concepts
        named = (concepts - mean) / deviation
        if self.training:
            seen = seen + TOKEN_NOISE * torch.randn_like(seen)
            named = named * (torch.rand(len(named), 1) > CONCEPT_DROPOUT)
        hidden = self.hidden_dropout(functional.gelu(self.enter(self.token_dropout(seen))))
        joined = self.lift(hidden) + self.concept(named)
        seen_hidden: Tensor = self.norm(self.blocks(joined))
        return seen_hidden

    def embed_texts(self, features: Tensor) -> Tensor:
        """Features [U, F] to float32 [U, W], unit length."""
        mean, deviation = self.statistics.texts
        seen = self.text_dropout((features - mean) / deviation)
        return functional.normalize((self.linear(seen) + self.mlp(seen)).float(), dim=-1)


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures with two captions each."""

    tokens: Tensor  # float [B, D]
    concepts: Tensor  # float [B, F]
    texts: Tensor  # int64 [B, POSITIVES], rows of texts
    taught: Tensor | None  # float [B, sum of E], what the teachers see in the pictures
    shown: Tensor | None  # float [B, C], the guide's features


def batches(sources: Sequence[Pictures], shares: Sequence[int], form: Form) -> Iterator[Batch]:
    """Without end; each source is read in a new order every epoch."""
    random = np.random.default_rng(form.seed)

    def order(source: Pictures) -> Iterator[int]:
        rows = np.arange(len(source.examples))
        if source.name in form.kept:
            rows = rows[form.kept[source.name].numpy()]
        while True:
            yield from random.permutation(rows)

    orders = [order(source) for source in sources]
    while True:
        tokens, concepts, texts, taught, shown = [], [], [], [], []
        for source, share, numbers in zip(sources, shares, orders, strict=True):
            chosen = [source.examples[int(next(numbers))] for _ in range(share)]
            rows = torch.tensor([row for row, _ in chosen])
            views = torch.from_numpy(random.integers(0, source.tokens.shape[1], share))
            tokens.append(source.tokens[rows, views])
            concepts.append(source.concepts[rows, views])
            if form.teachers is not None:
                taught.append(form.teachers.pictures[source.name][rows, views])
            if form.guide is not None:
                shown.append(form.guide.rows(source.name, rows))
            for _, captions in chosen:
                mixed = random.permutation(len(captions))
                texts += [captions[mixed[number % len(captions)]] for number in range(POSITIVES)]
        yield Batch(
            torch.cat(tokens).float(),
            torch.cat(concepts),
            torch.tensor(texts).view(-1, POSITIVES),
            torch.cat(taught).float() if taught else None,
            torch.cat(shown) if shown else None,
        )


def train(sources: Sequence[Pictures], shares: Sequence[int], texts: Tensor, form: Form) -> CaptionNetwork:
    """The moving average of a network's weights after training; `texts` [T, F] are the features of all texts."""
    torch.manual_seed(form.seed if form.start is None else form.start)
    predicts = form.guide.size if form.guide is not None and form.guide.prediction else 0
    network = CaptionNetwork(Statistics.of(sources, texts), blocks=form.blocks, predicts=predicts)
    torch.manual_seed(7000 + form.seed)
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.999))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=LEARNING_RATE,
        total_steps=form.steps + 1,
        pct_start=min(WARMUP, form.steps // 5) / form.steps,
    )
    average = copy.deepcopy(network)
    for step, batch in zip(range(form.steps), batches(sources, shares, form), strict=False):
        optimizer.zero_grad(set_to_none=True)
        loss_of(network, batch, texts, form, step).backward()
        optimizer.step()
        schedule.step()
        decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    return average.eval()


def loss_of(network: CaptionNetwork, batch: Batch, texts: Tensor, form: Form, step: int) -> Tensor:
    """Of a batch: InfoNCE in both directions with several positives and soft targets, or the sigmoid loss."""
    different, places = torch.unique(batch.texts, return_inverse=True)
    tokens, concepts, features = batch.tokens, batch.concepts, texts[different]
    right = torch.zeros(len(tokens), len(different)).scatter_(1, places, 1.0)
    if form.mixed:
        # Both sides of a pair are mixed with the same other pair (FuseMix, arXiv 2312.10144); its target is its own.
        chance = np.random.default_rng([form.seed, step]).beta(1, 1, (len(tokens), 1))
        own = torch.from_numpy(chance).float().clamp(min=0.5)
        other = torch.randperm(len(tokens))
        is_mixed = (torch.rand(len(tokens), 1) < form.mixed).float()
        own = own * is_mixed + (1 - is_mixed)
        tokens, concepts, features = (
            own * values + (1 - own) * values[other]
            for values in (tokens, concepts, texts[batch.texts[:, 0]])
        )
        right = torch.eye(len(tokens))
    with torch.autocast("cpu", torch.bfloat16):
        hidden = network.see(tokens, concepts)
        seen, said = network.finish(hidden), network.embed_texts(features)
        predicted = None if network.predicted is None else network.predicted(hidden)
    logits = network.log_scale.exp() * (seen @ said.T)
    if form.loss == "sigmoid":
        losses = -functional.logsigmoid((2 * right - 1) * (logits + network.bias))
        wrong = (losses * (1 - right)).sum() / len(tokens)
        return ((losses * right).sum() / right.sum() + wrong) / 2
    targets = [right / right.sum(1, keepdim=True), (right / right.sum(0, keepdim=True).clamp(min=1)).T]
    if form.teachers is not None and batch.taught is not None:
        soft = taught_targets(form.teachers, batch.taught, different, right, form.teacher_temperature)
        targets = blended(targets, soft, form.teacher_share)
    if form.guide is not None and form.guide.shared_texts and batch.shown is not None:
        soft = shared_targets(right, batch.shown, form.guide.temperature)
        targets = blended(targets, soft, form.guide.shared_texts)
    losses_of = [
        -(((1 - form.smoothing) * wanted + form.smoothing / wanted.shape[1]) * found.log_softmax(1))
        .sum(1)
        .mean()
        for wanted, found in zip(targets, (logits, logits.T), strict=True)
    ]
    loss = (losses_of[0] + losses_of[1]) / 2
    if form.guide is not None and batch.shown is not None:
        loss = loss + guidance_loss(form.guide, batch.shown, seen, predicted)
    return loss


@torch.no_grad()
def scores(network: CaptionNetwork, pictures: Pictures, texts: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines [texts, pictures] of a source, and the right picture of each text, int64 [texts]."""
    network.eval()
    rows = torch.tensor([text for _, captions in pictures.examples for text in captions])
    owners = torch.tensor([picture for picture, captions in pictures.examples for _ in captions])
    with torch.autocast("cpu", torch.bfloat16):
        seen = torch.cat(
            [
                network.embed_pictures(tokens.float(), concepts)
                for tokens, concepts in zip(
                    pictures.tokens[:, 0].split(ENCODED_AT_ONCE),
                    pictures.concepts[:, 0].split(ENCODED_AT_ONCE),
                    strict=True,
                )
            ]
        )
        said = network.embed_texts(texts[rows])
    return said @ seen.T, owners


def recalls(similarity: Tensor, owners: Tensor) -> list[float]:
    """Recall@1, @5, @10 in percent, text to picture; ties count as misses."""
    ranks = (similarity >= similarity.gather(1, owners[:, None])).sum(dim=1)
    return [100 * (ranks <= k).float().mean().item() for k in (1, 5, 10)]


def averaged(networks: Sequence[CaptionNetwork]) -> CaptionNetwork:
    """A network with the mean of the weights of others that were trained from one start."""
    found = copy.deepcopy(networks[0])
    states = [network.state_dict() for network in networks]
    with torch.no_grad():
        for name, weight in found.state_dict().items():
            weight.copy_(torch.stack([state[name] for state in states]).mean(dim=0))
    return found
