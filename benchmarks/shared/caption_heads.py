"""Training of a Y-Encoder's heads with wrong captions, beside a Predictor that stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.shared.rewritten_captions import rewritten
from benchmarks.shared.run_tokens import picture_tokens
from benchmarks.shared.wrong_captions import WrongCaptions
from jepa_retrieval.models.modules.ensemble import split_members
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.training.config import TokensConfig
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.learner import Learner

TEMPERATURE = 0.05
SMOOTHING = 0.1
LEARNING_RATE = 1e-3
REWRITTEN_WEIGHT = 0.5
ENCODED_AT_ONCE = 864
Rewrite = Callable[[str], str | None]


@dataclass(frozen=True)
class Texts:
    """Features of captions, their rewritten forms and their wrong forms, float [T, F], and rows by text."""

    features: Tensor
    rows: dict[str, int]

    def of(self, texts: Sequence[str]) -> Tensor:
        """Float [len(texts), F]."""
        return self.features[[self.rows[text] for text in texts]]


@dataclass(frozen=True, eq=False)
class Seen:
    """A source and what the Predictor makes of its pictures."""

    source: Source
    share: int
    pictures: Tensor  # float16 [pictures, views, E], without hubness


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures with two captions each, and for some of them a wrong caption and a rewritten one."""

    pictures: Tensor  # float [B, E]
    captions: list[tuple[str, str]]
    wrong: list[tuple[int, str]]  # a picture of the batch, and what its first caption became
    other: list[tuple[int, str]]  # an entry of `wrong`, and its caption in other words


def chosen_wrong(text: str, rules: WrongCaptions) -> str | None:
    """The wrong caption that is learnt from: exchanges are rare, so they come first half of the time."""
    found = rules.of(text)
    exchanged = [wrong for rule, wrong in found.items() if rule.endswith("exchanged")]
    random = np.random.default_rng([1, *text.encode(errors="surrogatepass")[:64]])
    among = exchanged if exchanged and random.random() < 0.5 else list(found.values())
    return among[int(random.integers(len(among)))] if among else None


@torch.no_grad()
def see(
    learner: Learner, source: Source, config: TokensConfig, *, seed: int, views: int | None = None
) -> Tensor:
    """Ŝ_Y of all views, as the Predictor in training sees them, float16 [pictures, views, E] without hubness.

    `views`: of the first ones only.
    """
    predictor = learner.model.predictor
    assert isinstance(predictor, Predictor)
    tokens = picture_tokens(learner, source, config)[:, :views]
    torch.manual_seed(seed)
    predictor.train()
    parts = []
    for part in tokens.flatten(0, 1)[:, None].float().split(ENCODED_AT_ONCE):
        noisy = part + config.noise * torch.randn_like(part) * predictor.vision_input.std
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(learner.predict(noisy, [""] * len(noisy))[:, :-1].half())
    predictor.eval()
    return torch.cat(parts).view(*tokens.shape[:2], -1)


def batches(seen: Sequence[Seen], wrong_of: Rewrite, other_of: Rewrite, *, seed: int) -> Iterator[Batch]:
    """Without end; each source is read in a new order every epoch.

    `wrong_of` makes a wrong caption of a right one, `other_of` puts it into other words; None where they cannot.
    """
    random = np.random.default_rng(seed)

    def order(count: int) -> Iterator[int]:
        while True:
            yield from random.permutation(count).tolist()

    orders = [order(len(part.source.examples)) for part in seen]
    while True:
        batch = Batch(torch.empty(0), [], [], [])
        pictures = []
        for part, rows in zip(seen, orders, strict=True):
            examples = [part.source.examples[next(rows)] for _ in range(part.share)]
            views = torch.from_numpy(random.integers(0, part.pictures.shape[1], part.share))
            pictures.append(part.pictures[torch.tensor([example.visual for example in examples]), views])
            for example in examples:
                order_of_texts = random.permutation(len(example.targets))
                first, second = (example.targets[order_of_texts[n % len(order_of_texts)]] for n in (0, 1))
                batch.captions.append((first, second))
                if (wrong := wrong_of(first)) is not None:
                    if (other := other_of(first)) is not None:
                        batch.other.append((len(batch.wrong), other))
                    batch.wrong.append((len(batch.captions) - 1, wrong))
        yield Batch(torch.cat(pictures).float(), batch.captions, batch.wrong, batch.other)


def train(
    model: VLJEPA, seen: Sequence[Seen], texts: Texts, rules: WrongCaptions, *, steps: int, seed: int
) -> None:
    """Train the heads of the Y-Encoder; nothing else changes."""
    head = model.y_encoder.head
    torch.manual_seed(seed)
    weights = [weight for weight in head.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.0, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=LEARNING_RATE, total_steps=steps + 1, pct_start=0.1
    )
    head.train()

    def known(found: str | None) -> str | None:
        return found if found in texts.rows else None

    learnt_from = batches(
        seen, lambda text: known(chosen_wrong(text, rules)), lambda text: known(rewritten(text)), seed=seed
    )
    for _, batch in zip(range(steps), learnt_from, strict=False):
        optimizer.zero_grad(set_to_none=True)
        loss_of(model, batch, texts).backward()
        optimizer.step()
        schedule.step()
    head.eval()


def loss_of(model: VLJEPA, batch: Batch, texts: Texts) -> Tensor:
    """The mean of the members' losses."""
    predictor = model.predictor
    assert isinstance(predictor, Predictor)
    captions = list(dict.fromkeys(text for pair in batch.captions for text in pair))
    places = {text: place for place, text in enumerate(captions)}
    owned = torch.tensor([[places[text] for text in pair] for pair in batch.captions])
    wrong, other = [text for _, text in batch.wrong], [text for _, text in batch.other]
    said = functional.normalize(model.y_encoder.head(texts.of([*captions, *wrong, *other])).float(), dim=-1)
    members = [
        split_members(part, members=len(predictor.members), size=predictor.size)
        for part in (batch.pictures, said)
    ]
    sizes = [len(captions), len(wrong), len(other)]
    return torch.stack(
        [
            member_loss(
                functional.normalize(pictures, dim=-1),
                functional.normalize(written, dim=-1).split(sizes),
                owned,
                torch.tensor([picture for picture, _ in batch.wrong]),
                torch.tensor([entry for entry, _ in batch.other]),
            )
            for pictures, written in zip(*members, strict=True)
        ]
    ).mean()


def member_loss(
    pictures: Tensor, written: Sequence[Tensor], owned: Tensor, of_wrong: Tensor, of_other: Tensor
) -> Tensor:
    """The three losses of one member; all vectors have unit length.

    Args:
        pictures: Ŝ_Y [B, E].
        written: S_Y of captions [C, E], wrong captions [W, E] and captions in other words [O, E].
        owned: int64 [B, 2], the captions of each picture; the wrong ones are made of the first.
        of_wrong: int64 [W], their pictures.
        of_other: int64 [O], their wrong captions.
    """
    captions, wrong, other = written
    logits = pictures @ torch.cat([captions, wrong]).T / TEMPERATURE
    right = torch.zeros(len(pictures), len(captions)).scatter_(1, owned, 1.0)
    of_pictures = (1 - SMOOTHING) * right / right.sum(1, keepdim=True) + SMOOTHING / len(captions)
    of_pictures = functional.pad(of_pictures, (0, len(wrong)))
    of_captions = (1 - SMOOTHING) * (right / right.sum(0)).T + SMOOTHING / len(pictures)
    losses = [
        -(wanted * found.log_softmax(1)).sum(1).mean() / 2
        for wanted, found in ((of_pictures, logits), (of_captions, logits[:, : len(captions)].T))
    ]
    first = captions[owned[of_wrong, 0]]
    chosen = preference(pictures[of_wrong], first, wrong)
    own, false = first[of_other], wrong[of_other]
    alike = preference(own, other, false) + preference(other, own, false)
    return losses[0] + losses[1] + chosen + REWRITTEN_WEIGHT * alike / 2


def preference(vectors: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    """The loss of a choice between two, by cosine; all are [N, E]."""
    return functional.softplus((vectors * (wrong - right)).sum(1) / TEMPERATURE).mean()


@torch.no_grad()
def with_heads(model: VLJEPA, tuned: VLJEPA, *, share: float) -> VLJEPA:
    """The model with heads that are a share of the way to others."""
    mixed = copy.deepcopy(model)
    for weight, other in zip(
        mixed.y_encoder.head.parameters(), tuned.y_encoder.head.parameters(), strict=True
    ):
        weight.lerp_(other, share)
    return mixed
