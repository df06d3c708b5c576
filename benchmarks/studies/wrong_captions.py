"""Do wrong captions teach nano's Y-Encoder to tell texts apart that share their words? Its heads alone are trained.

    python -m benchmarks.studies.wrong_captions RUN MODEL [MODEL ...] [--before MODEL --after MODEL] [--output FOLDER]

RUN is the folder of a training run of nano, whose tokens are used. The study starts with the mean of the MODELs'
weights, to which 0.7 of the change from `--before` to `--after` is added, as in benchmarks.studies.averaged_weights.
The Predictor stays as it is: what it sees in the training pictures is computed once, with its noise and dropout. The
heads of the Y-Encoder learn from three losses:

- InfoNCE as in stage 1, with a wrong caption of each picture (benchmarks/shared/wrong_captions.py) among the texts;
- each picture chooses between its caption and the wrong one;
- each caption, and the same caption in other words (benchmarks/shared/rewritten_captions.py), choose between one
  another and the wrong one.

Measured on the held-out sets, with the hubness correction, for several shares of the change: recall; how often a
picture of Flickr8k dev prefers its caption to a wrong one; how often a caption and its rewritten form are nearer to
each other than either to a wrong one. `--output` takes the model with the first share.
"""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.shared.caption_heads import Seen, Texts, chosen_wrong, see, train, with_heads
from benchmarks.shared.caption_networks import recalls
from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.rewritten_captions import rewritten
from benchmarks.shared.run_tokens import picture_tokens, text_features
from benchmarks.shared.wrong_captions import Vocabulary, WrongCaptions
from benchmarks.studies.averaged_weights import add_change, averaged, score
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.storage import write_model
from jepa_retrieval.training.config import TokensConfig, TrainConfig, load_config
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.hubness import fit_hubness
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.nano import RECIPES

SHARES = (0.6, 0.3, 1.0)  # of the change of the heads
STAGE_2_SHARE = 0.7
DEV_CAPTIONS = 2  # of each picture of Flickr8k dev that wrong ones are made of


class Triplet(NamedTuple):
    """A caption of a held-out picture, and what rules made of it."""

    picture: int
    caption: str
    other: str | None  # in other words
    wrong: str
    rule: str


def main() -> None:
    """Train the heads, measure them for each share."""
    options = _arguments()
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    model = averaged(options.models).eval()
    if options.before and options.after:
        add_change(model, options.before, options.after, share=STAGE_2_SHARE)
    learner = Learner(model, device=torch.device("cpu"))
    sources = [read_source(part) for part in recipe.sources]
    rules = WrongCaptions(Vocabulary.of(text for source in sources[:2] for text in _texts(source)))
    triplets = dev_triplets(read_source(recipe.evaluate[0]), rules)
    with timed() as timer:
        texts = read_texts(learner, sources, rules, triplets, folder=Path(recipe.tokens.folder))
        seen = [
            Seen(source, int(part.share), see(learner, source, recipe.tokens, seed=options.seed))
            for source, part in zip(sources, recipe.sources, strict=True)
        ]
    print(f"pictures and texts: {timer.seconds:.0f} s", flush=True)
    tuned = copy.deepcopy(model)
    with timed() as timer:
        train(tuned, seen, texts, rules, steps=options.steps, seed=options.seed)
    print(f"{options.steps} steps: {timer.seconds:.0f} s", flush=True)
    rows = []
    for number, share in enumerate((0.0, *SHARES)):
        mixed = with_heads(model, tuned, share=share)
        rows.append([share, *measure(mixed, recipe, texts, triplets)])
        print(rows[-1], flush=True)
        if options.output and number == 1:
            write_model(mixed, options.output, dtype=torch.float16, int8=True)
    heads = ["share", "Flickr8k dev R@1", "R@5", "R@10", "web dev R@1", "R@5", "R@10", "pictures", "texts"]
    print_table(heads, rows)
    print(save_result("wrong_captions", {"rows": rows, "seed": options.seed, "steps": options.steps}))


def dev_triplets(source: Source, rules: WrongCaptions) -> list[Triplet]:
    """Of two captions of each picture, by every rule that applies."""
    return [
        Triplet(example.visual, text, rewritten(text), wrong, rule)
        for example in source.examples
        for text in example.targets[:DEV_CAPTIONS]
        for rule, wrong in rules.of(text).items()
    ]


def read_texts(
    learner: Learner,
    sources: Sequence[Source],
    rules: WrongCaptions,
    triplets: Sequence[Triplet],
    *,
    folder: Path,
) -> Texts:
    """The frozen text tower's output for everything that is read."""
    texts = [text for source in sources for text in _texts(source)]
    for source in sources[:2]:
        for text in _texts(source):
            texts += [found for found in (rewritten(text), chosen_wrong(text, rules)) if found]
    for triplet in triplets:
        texts += [triplet.wrong, *([triplet.other] if triplet.other else [])]
        texts.append(triplet.caption)
    different = list(dict.fromkeys(texts))
    features = text_features(learner, different, folder=folder)
    return Texts(features, {text: row for row, text in enumerate(different)})


@torch.no_grad()
def measure(
    model: VLJEPA,
    recipe: TrainConfig,
    texts: Texts,
    triplets: Sequence[Triplet],
) -> list[str]:
    """Recalls after the hubness correction, and both shares of right preferences, percent, means over the rules."""
    head: nn.Module = model.y_encoder.head
    source = read_source(recipe.evaluate[0])
    plain = TokensConfig(folder=recipe.tokens.folder, workers=recipe.tokens.workers)
    learner = Learner(model, device=torch.device("cpu"))
    tokens = picture_tokens(learner, source, plain)
    seen = functional.normalize(learner.predict(tokens, [""] * len(tokens))[:, :-1].float(), dim=-1)
    pictures: dict[str, Tensor] = {}
    forms: dict[str, Tensor] = {}
    for rule in dict.fromkeys(triplet.rule for triplet in triplets):
        chosen = [triplet for triplet in triplets if triplet.rule == rule]
        right, wrong = (
            _embed(head, texts, [t.caption for t in chosen]),
            _embed(head, texts, [t.wrong for t in chosen]),
        )
        own = seen[[t.picture for t in chosen]]
        pictures[rule] = ((own * (right - wrong)).sum(1) > 0).float().mean()
        with_form = [row for row, t in enumerate(chosen) if t.other]
        other = _embed(head, texts, [chosen[row].other or "" for row in with_form])
        right, wrong = right[with_form], wrong[with_form]
        unlike = torch.maximum((right * wrong).sum(1), (other * wrong).sum(1))
        forms[rule] = ((right * other).sum(1) > unlike).float().mean()
    for rule, share in pictures.items():
        print(f"{rule}: pictures {100 * share:.1f}, texts {100 * forms[rule]:.1f}", flush=True)
    fit_hubness(model, recipe)
    found = [value for data in score(model, recipe).values() for value in recalls(*data)]
    found += [100 * float(torch.stack(list(shares.values())).mean()) for shares in (pictures, forms)]
    return [f"{value:.1f}" for value in found]


def _embed(head: nn.Module, texts: Texts, written: Sequence[str]) -> Tensor:
    return functional.normalize(head(texts.of(written)).float(), dim=-1)


def _texts(source: Source) -> list[str]:
    return [text for example in source.examples for text in example.targets]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder of a training run of nano")
    parser.add_argument("models", type=Path, nargs="+", help="folders of models, whose weights are averaged")
    parser.add_argument("--before", type=Path, help="model before stage 2")
    parser.add_argument("--after", type=Path, help="model after stage 2")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help=f"folder for the model with a share of {SHARES[0]}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
