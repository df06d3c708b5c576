"""Would a second stage of search, over what nano found first, rank better? Measured on nano's dev sets.

    python -m benchmarks.studies.second_stage RUN [--model nano] [--seeds 1] [--steps 320]

RUN is the folder of a training run of nano, whose tokens are used. The first stage is a model's ranking; its first 50
are ranked again by its score and a weighted score of the second stage. Three are trained on the captions of nano's
stage 1: another member, a network that reads text and picture together, with hard negatives, and both. One needs no
training (all there is with `--seeds 0`): each picture's hubness among the other pictures of the set, subtracted. With
several seeds, the mean of all their scores is measured too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.pair_scores import CaptionedPictures, Member, PairNetwork, Schedule, train_pairs
from benchmarks.shared.run_tokens import picture_tokens, text_features
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.storage import read_model
from jepa_retrieval.training.config import TokensConfig, TrainConfig, load_config
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.nano import RECIPES

HUBNESS_WEIGHTS = (0.1, 0.2, 0.3)
HUBNESS_TEMPERATURES = (0.05, 0.1)
CANDIDATES = 50  # of the first stage that are ranked again
MEMBER_WEIGHTS = (0.1, 0.2, 0.4, 0.8)
PAIR_WEIGHTS = (0.006, 0.012, 0.025, 0.05)
MIN_PICTURES = 5000  # smaller sources, such as labelled pictures, are left out
BATCH = 256
Measured = tuple[str, str, list[float]]  # a second stage, its weight, and recall@1, @5, @10 in percent
SHARES = (0.57, 0.43)  # of Flickr8k's and the web's captions in a batch


def main() -> None:
    """Train with each seed, measure every weight, print gains at recall@1 and the three recalls."""
    options = _arguments()
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    learner = Learner(read_model(options.model).eval(), device=torch.device("cpu"))
    sources, dev_sets = read_sets(learner, recipe)
    schedule = Schedule(options.steps)
    shares = [share / sum(SHARES[: len(sources)]) for share in SHARES[: len(sources)]]
    print(f"trained on {', '.join(f'{s.name} ({len(s.tokens)})' for s in sources)}")
    rows: list[list[object]] = []
    candidates = [first_stage(learner, data) for data in dev_sets]
    for of_set in candidates:
        rows += _rows(of_set, "", of_set.without_training())
    found: list[list[Tensor]] = [[] for _ in dev_sets]
    for seed in range(options.seeds):
        with timed() as timer:
            member, pairs = train_pairs(sources, shares, schedule, seed=seed)
        print(f"seed {seed}: trained in {timer.seconds:.0f} s")
        for of_set, data, scores in zip(candidates, dev_sets, found, strict=True):
            scores.append(of_set.second_scores(member, pairs, data))
            rows += _rows(of_set, str(seed), of_set.trained(scores[-1]))
    if options.seeds > 1:
        for of_set, scores in zip(candidates, found, strict=True):
            rows += _rows(of_set, "all", of_set.trained(torch.stack(scores).mean(dim=0)))
    print_table(["dev set", "seed", "second stage", "weight", "R@1", "R@5", "R@10"], rows)
    print(save_result("second_stage", {"model": str(options.model), "steps": options.steps, "rows": rows}))


def read_sets(
    learner: Learner, recipe: TrainConfig
) -> tuple[list[CaptionedPictures], list[CaptionedPictures]]:
    """The large captioned sources of a recipe, and its held-out ones."""
    captions = [read_source(part) for part in recipe.sources if part.format == "captions"]
    held_out = [read_source(part) for part in recipe.evaluate if part.task == "retrieval"]
    plain = TokensConfig(folder=recipe.tokens.folder, workers=recipe.tokens.workers)
    found = []
    for source, config in [
        *((source, recipe.tokens) for source in captions if len(source.visuals) >= MIN_PICTURES),
        *((source, plain) for source in held_out),
    ]:
        pairs = [(example.visual, text) for example in source.examples for text in example.targets]
        found.append(
            CaptionedPictures(
                source.name,
                picture_tokens(learner, source, config),
                text_features(learner, [text for _, text in pairs], folder=Path(config.folder)),
                torch.tensor([row for row, _ in pairs]),
            )
        )
    count = len(found) - len(held_out)
    return found[:count], found[count:]


@torch.no_grad()
def first_stage(learner: Learner, data: CaptionedPictures) -> Candidates:
    """What the model finds by the cosines of S_Y and Ŝ_Y."""
    tokens = data.tokens[:, :1].float()
    predicted = torch.cat([learner.predict(part, [""] * len(part)) for part in tokens.split(BATCH)]).float()
    texts = torch.cat([learner.model.y_encoder.embed(part) for part in data.texts.split(BATCH)]).float()
    scores = functional.normalize(texts, dim=-1) @ predicted.T
    best, pictures = scores.topk(min(CANDIDATES, scores.shape[1]), dim=1)
    return Candidates(data.name, best, pictures, pictures == data.owners[:, None], predicted)


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the first stage found for T texts: its first C pictures."""

    name: str
    scores: Tensor  # float32 [T, C], cosines of the first stage
    pictures: Tensor  # int64 [T, C]
    right: Tensor  # bool [T, C]: the text's own picture
    predicted: Tensor  # Ŝ_Y of all pictures, float32 [pictures, E], unit length

    @torch.no_grad()
    def second_scores(self, member: Member, pairs: PairNetwork, data: CaptionedPictures) -> Tensor:
        """The member's cosines and the pair network's log odds, float32 [2, T, C]."""
        seen, said = member.embed_pictures(data.tokens[:, 0]), member.embed_texts(data.texts)
        log_odds = [
            pairs(seen[pictures], texts[:, None])
            for pictures, texts in zip(self.pictures.split(BATCH), said.split(BATCH), strict=True)
        ]
        return torch.stack([(said @ seen.T).gather(1, self.pictures), torch.cat(log_odds)])

    def without_training(self) -> Iterator[Measured]:
        """The first stage alone, and with hubness among the set's own pictures subtracted, as QB-Norm does."""
        yield "none", "", recalls(self.scores, self.right)
        cosines = (self.predicted @ self.predicted.T).fill_diagonal_(-torch.inf)
        for temperature in HUBNESS_TEMPERATURES:
            hubness = temperature * (cosines / temperature).logsumexp(dim=1)
            for weight in HUBNESS_WEIGHTS:
                scores = self.scores - weight * hubness[self.pictures]
                yield f"own hubness, T {temperature:g}", f"{weight:g}", recalls(scores, self.right)

    def trained(self, second: Tensor) -> Iterator[Measured]:
        """Each trained second stage with each weight, from `second_scores`."""
        cosines, log_odds = second
        for weight in MEMBER_WEIGHTS:
            yield "member", f"{weight:g}", recalls(self.scores + weight * cosines, self.right)
        for weight in PAIR_WEIGHTS:
            yield "pair network", f"{weight:g}", recalls(self.scores + weight * log_odds, self.right)
        for weight in PAIR_WEIGHTS:
            both = self.scores + MEMBER_WEIGHTS[1] * cosines + weight * log_odds
            yield f"member x {MEMBER_WEIGHTS[1]:g} + pair network", f"{weight:g}", recalls(both, self.right)


def _rows(candidates: Candidates, seed: str, measured: Iterator[Measured]) -> list[list[object]]:
    return [
        [candidates.name, seed, form, weight, *(f"{value:.2f}" for value in found)]
        for form, weight, found in measured
    ]


def recalls(scores: Tensor, right: Tensor) -> list[float]:
    """Recall@1, @5, @10 in percent over candidates [texts, candidates]; without the right picture a text misses."""
    best = torch.where(right, scores, -torch.inf).amax(dim=1, keepdim=True)
    ranks = (scores >= best).sum(dim=1)
    found = right.any(dim=1)
    return [100 * ((ranks <= k) & found).float().mean().item() for k in (1, 5, 10)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder of a training run of nano")
    parser.add_argument(
        "--model", type=Path, default=WEIGHTS / "nano", help="folder of the first stage's model"
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=320)
    return parser.parse_args()


if __name__ == "__main__":
    main()
