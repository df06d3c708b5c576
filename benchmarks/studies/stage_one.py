"""What would make stage 1 of nano better? Cheap experiments on its tokens, with a control of equal seeds and steps.

    python -m benchmarks.studies.stage_one RUN [--teacher MODEL --teacher MODEL] [--seeds 2] [--only FORM]

RUN is the folder of a training run of nano, whose tokens are used; sources, shares and dev sets are those of
nano_pretrain.toml. Teachers are model folders, such as RUN/pretrain/best. The networks have one member and no Llama
layer (benchmarks/shared/caption_networks.py). Forms:

- control;
- distilled: the mean similarity of the teachers is 0.7 of the targets;
- dropped: without the tenth of the web's pairs that the teachers find least plausible;
- sigmoid: the loss of SAIL (arXiv 2412.04616), with all positives;
- mixed: FuseMix (arXiv 2312.10144) on half of the examples;
- blocks 2, blocks 4: a deeper network;
- same start: begins with the weights of seed 0; the mean of the weights, and of the scores, of the two.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.shared.caption_networks import (
    CaptionNetwork,
    Form,
    Pictures,
    averaged,
    recalls,
    scores,
    train,
)
from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.picture_teachers import Teachers
from benchmarks.shared.run_tokens import picture_tokens, text_features
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.storage import read_model
from jepa_retrieval.training.config import SourceConfig, TokensConfig, TrainConfig, load_config
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.nano import RECIPES

WEB = "web captions"
DROPPED = 0.1  # share of the web's pairs
FORMS = ("control", "distilled", "dropped", "sigmoid", "mixed", "blocks 2", "blocks 4", "same start")
NEED_TEACHERS = ("distilled", "dropped")
ENCODED_AT_ONCE = 1024


def main() -> None:
    """Train every form with every seed, print recalls of each and of the ensembles."""
    options = _arguments()
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    learner = Learner(read_model(WEIGHTS / "nano").eval(), device=torch.device("cpu"))
    pictures, texts = read_pictures(learner, recipe)
    sources, dev_sets = pictures[: len(recipe.sources)], pictures[len(recipe.sources) :]
    shares = [int(source.share) for source in recipe.sources]
    teachers = teach(options.teacher, sources, texts) if options.teacher else None
    rows: list[list[object]] = []

    def add(name: str, seed: object, similarities: list[Tensor]) -> None:
        for data, found in zip(dev_sets, similarities, strict=True):
            owners = scores_owners(data)
            rows.append([name, seed, data.name, *(f"{value:.1f}" for value in recalls(found, owners))])
            print(rows[-1], flush=True)

    def similarity(network: CaptionNetwork) -> list[Tensor]:
        return [scores(network, data, texts)[0] for data in dev_sets]

    first: CaptionNetwork | None = None
    for name in options.only or FORMS:
        if name in NEED_TEACHERS and teachers is None:
            continue
        of_seeds = []
        for seed in range(options.seeds):
            if name == "same start" and seed == 0:
                continue
            with timed() as timer:
                network = train(sources, shares, texts, form_of(name, seed, options.steps, sources, teachers))
            print(f"{name}, seed {seed}: {timer.seconds:.0f} s", flush=True)
            first = network if (name, seed) == ("control", 0) else first
            of_seeds.append(similarity(network))
            add(name, seed, of_seeds[-1])
            if name == "same start" and first is not None:
                add("mean of weights, same start", f"0 and {seed}", similarity(averaged([first, network])))
                pairs = zip(similarity(first), of_seeds[-1], strict=True)
                add("mean of scores, same start", f"0 and {seed}", [one + other for one, other in pairs])
        if len(of_seeds) > 1 and name != "same start":
            sums = [torch.stack(list(found)).sum(0) for found in zip(*of_seeds, strict=True)]
            add(f"{name}: mean of scores", "all", sums)
    print_table(["form", "seed", "dev set", "R@1", "R@5", "R@10"], rows)
    print(save_result("stage_one", {"steps": options.steps, "rows": rows}))


def form_of(name: str, seed: int, steps: int, sources: Sequence[Pictures], teachers: Teachers | None) -> Form:
    """How a form is trained."""
    if name == "distilled":
        return Form(seed, steps=steps, teachers=teachers, smoothing=0.0)
    if name == "dropped":
        assert teachers is not None
        web = next(source for source in sources if source.name == WEB)
        plausible = plausibility(web, teachers)
        return Form(seed, steps=steps, kept={WEB: plausible > plausible.quantile(DROPPED)})
    if name == "sigmoid":
        return Form(seed, steps=steps, loss="sigmoid")
    if name == "mixed":
        return Form(seed, steps=steps, mixed=0.5)
    if name.startswith("blocks"):
        return Form(seed, steps=steps, blocks=int(name.split()[1]))
    return Form(seed, steps=steps, start=0 if name == "same start" else None)


def read_pictures(learner: Learner, recipe: TrainConfig) -> tuple[list[Pictures], Tensor]:
    """The recipe's sources, then its held-out ones, and the features of all their texts, float [T, F]."""
    predictor = learner.model.predictor
    assert isinstance(predictor, Predictor)
    plain = TokensConfig(folder=recipe.tokens.folder, workers=recipe.tokens.workers)
    numbers: dict[str, int] = {}
    features: list[Tensor] = []
    found = []
    for config in (*recipe.sources, *recipe.evaluate):
        source = read_source(config)
        is_training = type(config) is SourceConfig
        tokens = picture_tokens(learner, source, recipe.tokens if is_training else plain).half()
        of_source = list(dict.fromkeys(text for example in source.examples for text in example.targets))
        rows = text_features(learner, of_source, folder=Path(recipe.tokens.folder))
        for text, row in zip(of_source, rows, strict=True):
            if text not in numbers:
                numbers[text] = len(numbers)
                features.append(row.half())
        examples = [(e.visual, [numbers[text] for text in e.targets]) for e in source.examples]
        found.append(Pictures(source.name, tokens, concepts_of(predictor, tokens), examples))
    return found, torch.stack(features).float()


@torch.no_grad()
def concepts_of(predictor: Predictor, tokens: Tensor) -> Tensor:
    """Concepts of S_V [pictures, views, D], to half precision and back, float [pictures, views, F]."""
    parts = []
    for part in tokens.flatten(0, 1).split(2 * ENCODED_AT_ONCE):
        words = predictor.vision_input.words(part[:, None].float())
        assert words is not None
        parts.append(words[:, 0].half())
    return torch.cat(parts).view(*tokens.shape[:2], -1).float()


@torch.no_grad()
def teach(folders: Sequence[Path], sources: Sequence[Pictures], texts: Tensor) -> Teachers:
    """What models make of all views of all pictures, and of all texts."""
    seen: dict[str, list[Tensor]] = {source.name: [] for source in sources}
    said = []
    for folder in folders:
        learner = Learner(read_model(folder).eval(), device=torch.device("cpu"))
        for source in sources:
            parts = source.tokens.flatten(0, 1)[:, None].float().split(ENCODED_AT_ONCE)
            found = torch.cat([learner.predict(part, [""] * len(part)).half() for part in parts])
            seen[source.name].append(found.view(*source.tokens.shape[:2], -1))
        embedded = [learner.model.y_encoder.embed(part) for part in texts.split(ENCODED_AT_ONCE)]
        said.append(functional.normalize(torch.cat(embedded).float(), dim=-1).half())
    joined = {name: torch.cat(parts, dim=-1) for name, parts in seen.items()}
    return Teachers(len(folders), joined, torch.cat(said, dim=-1))


def plausibility(source: Pictures, teachers: Teachers) -> Tensor:
    """The share of other texts and other pictures of the source that a pair scores above, float [examples]."""
    rows = torch.tensor([row for row, _ in source.examples])
    captions = torch.tensor([texts[0] for _, texts in source.examples])
    seen = teachers.pictures[source.name][rows, :2].float().mean(dim=1)
    similarity = seen @ teachers.texts[captions].float().T
    own = similarity.diagonal()[:, None]
    return ((similarity < own).float().mean(dim=1) + (own > similarity.T).float().mean(dim=1)) / 2


def scores_owners(pictures: Pictures) -> Tensor:
    """The right picture of each text, int64 [texts]."""
    return torch.tensor([picture for picture, captions in pictures.examples for _ in captions])


def form_arguments(description: str | None, forms: Sequence[str]) -> argparse.ArgumentParser:
    """The arguments of a study that trains forms on the tokens of a run."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0] if description else None)
    parser.add_argument("run", type=Path, help="folder of a training run of nano")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument(
        "--only", choices=forms, action="append", help="this form; may be given several times"
    )
    return parser


def _arguments() -> argparse.Namespace:
    parser = form_arguments(__doc__, FORMS)
    parser.add_argument(
        "--teacher", type=Path, action="append", help="folder of a model; may be given several times"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
