"""Do runs of nano's stage 1 that began with the same weights find more when their weights are averaged? On dev sets.

    python -m benchmarks.studies.averaged_weights RUN MODEL MODEL [...] [--before MODEL --after MODEL] [--share 0.7]
    python -m benchmarks.studies.averaged_weights RUN --train 3

RUN is the folder of a training run of nano, whose tokens are used; each MODEL is a model folder, such as
RUN/pretrain/best. `--train` makes more: runs of 300 steps that begin with the weights of seed 0 and see the examples
in the order of seeds 1, 2, ...; they are kept in RUN/averaged. Measured are each of them, the mean of their scores
(an ensemble, as slow as all of them together) and the mean of their weights (Wortsman et al., "Model soups", arXiv
2203.05482). `--before` and `--after` are the models before and after stage 2: `--share` of that change is added to
the mean (Ilharco et al., "Editing models with task arithmetic", arXiv 2212.04089). Last, the hubness correction is
fitted, as the shipped weights have it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.shared.caption_networks import recalls
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.run_tokens import cache_texts, picture_tokens
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.registry import CONFIG_FILE
from jepa_retrieval.models.storage import read_model, write_model
from jepa_retrieval.training.config import TokensConfig, TrainConfig, load_config
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.hubness import fit_hubness
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.nano import RECIPES
from jepa_retrieval.training.stages import build_model, train

BATCH = 512
STEPS = 300  # of a run that `--train` makes
Scores = dict[str, tuple[Tensor, Tensor]]  # by dev set: [texts, pictures], and the right picture of each text


def main() -> None:
    """Measure every model and the means."""
    options = _arguments()
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    folders = [*options.models, *(train_run(options.run, seed) for seed in range(1, options.train + 1))]
    if len(folders) < 2:
        raise SystemExit("a mean needs two models: name them, or make them with --train")
    rows: list[list[object]] = []

    def add(name: str, found: Scores) -> None:
        for data, (similarity, owners) in found.items():
            rows.append([name, data, *(f"{value:.1f}" for value in recalls(similarity, owners))])
            print(rows[-1], flush=True)

    alone = []
    for folder in folders:
        alone.append(score(read_model(folder), recipe))
        add(str(folder), alone[-1])
    add(
        "mean of scores",
        {name: (torch.stack([s[name][0] for s in alone]).mean(0), alone[0][name][1]) for name in alone[0]},
    )
    mean = averaged(folders)
    add("mean of weights", score(mean, recipe))
    if options.before and options.after:
        add_change(mean, options.before, options.after, share=options.share)
        add("and stage 2", score(mean, recipe))
    fit_hubness(mean, recipe)
    add("and hubness correction", score(mean, recipe))
    if options.output:
        write_model(mean, options.output, dtype=torch.float16, int8=True)
    print_table(["model", "dev set", "R@1", "R@5", "R@10"], rows)
    print(save_result("averaged_weights", {"rows": rows}))


def train_run(run: Path, seed: int, *, steps: int = STEPS) -> Path:
    """Stage 1 from the weights of seed 0, with the examples in the order of another seed; the folder of its model."""
    output, start = run / "averaged" / str(seed), run / "averaged" / "start"
    if not (start / CONFIG_FILE).exists():
        torch.manual_seed(0)
        write_model(build_model(load_config(RECIPES / "nano_pretrain.toml").model), start)
    changes = [f"run.output={output}", f"run.seed={seed}", f"phases.0.steps={steps}"]
    changes += [f"model.init={start}", "model.weights=trained"]
    return train(load_config(RECIPES / "nano_pretrain.toml", overrides=changes), "pretrain").model


@torch.no_grad()
def averaged(folders: Sequence[Path]) -> VLJEPA:
    """A model with the mean weights of others."""
    model = read_model(folders[0])
    states = [read_model(folder).state_dict() for folder in folders]
    for name, weight in model.state_dict().items():
        if weight.is_floating_point():
            weight.copy_(mean_of([state[name] for state in states]))
    return model


def mean_of(tensors: Sequence[Tensor]) -> Tensor:
    """Their mean; of equal tensors that value to the last bit: caches are named by the weights of frozen parts."""
    found = torch.stack(list(tensors))
    return found[0] if bool(found.eq(found[0]).all()) else found.mean(dim=0)


@torch.no_grad()
def add_change(model: VLJEPA, before: Path, after: Path, *, share: float) -> None:
    """Add a share of what changed between two models to a third one."""
    old, new = read_model(before).state_dict(), read_model(after).state_dict()
    for name, weight in model.state_dict().items():
        if weight.is_floating_point():
            weight.add_(new[name] - old[name], alpha=share)


@torch.no_grad()
def score(model: VLJEPA, recipe: TrainConfig) -> Scores:
    """Cosines of the texts and pictures of the recipe's held-out sets."""
    learner = Learner(model.eval(), device=torch.device("cpu"))
    plain = TokensConfig(folder=recipe.tokens.folder, workers=recipe.tokens.workers)
    found = {}
    for part in recipe.evaluate:
        source = read_source(part)
        texts = [text for example in source.examples for text in example.targets]
        cache_texts(learner, texts, folder=Path(plain.folder))
        pictures = picture_tokens(learner, source, plain).split(BATCH)  # of one view, which is one token
        seen = [learner.predict(tokens, [""] * len(tokens)) for tokens in pictures]
        said = [learner.embed_texts(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        owners = torch.tensor([example.visual for example in source.examples for _ in example.targets])
        found[part.name] = (torch.cat(said).float() @ torch.cat(seen).float().T, owners)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder of a training run of nano")
    parser.add_argument("models", type=Path, nargs="*", help="folders of models")
    parser.add_argument("--train", type=int, default=0, help="how many runs to make")
    parser.add_argument("--before", type=Path, help="model before stage 2")
    parser.add_argument("--after", type=Path, help="model after stage 2")
    parser.add_argument("--share", type=float, default=0.7, help="of the change that is added")
    parser.add_argument("--output", type=Path, help="folder to write the mean to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
