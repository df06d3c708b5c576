"""Do learnt layers over MiniLM's tokens tell "a dog chases a cat" from the reverse? With wrong captions by rules.

    python -m benchmarks.studies.word_order RUN [--model nano] [--steps 150] [--forms ...] [--test] [--output FOLDER]

RUN is the folder of a training run of nano, whose tokens are used. The Predictor stays as it is. Each form of the
Y-Encoder (benchmarks/shared/text_branches.py) starts as the model's own and learns from the same batches: the mean
over frozen tokens, which is the control; an attention pooling over frozen tokens beside it; the last layers of the
text tower, thawed. The losses are those of benchmarks.studies.wrong_captions, and InfoNCE between two captions of a
picture with the wrong captions among the choices. Captions in other words get another structure too
(benchmarks/shared/restructured_captions.py).

Measured for several shares of what was learnt, on the captions held out of Flickr8k and of the web, with the hubness
correction: recall; how often a picture prefers its caption to a wrong one; how often a caption and its other wording
are nearer to each other than either is to a wrong one. `--test` measures SugarCrepe++ too, each form with the largest
share that costs less than half a point at recall@1 on both sets: nothing is chosen on SugarCrepe++.
"""

from __future__ import annotations

import argparse
import functools
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.datasets import registry
from benchmarks.datasets.shapes import TripletSet
from benchmarks.published.hard_negatives import evaluate_encoder
from benchmarks.shared.caption_heads import Seen, batches, chosen_wrong, see
from benchmarks.shared.caption_networks import recalls
from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.restructured_captions import restructured
from benchmarks.shared.run_tokens import picture_tokens
from benchmarks.shared.text_branches import FORMS, Members, TextBranch, mixed, train
from benchmarks.shared.token_states import TokenStates
from benchmarks.shared.wrong_captions import Vocabulary, WrongCaptions
from jepa_retrieval.models.modules.fixed_directions import HeadWithFixedDirections
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.storage import read_model
from jepa_retrieval.training.config import TokensConfig, TrainConfig, load_config
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.hubness import fit_correction
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.nano import RECIPES

logger = logging.getLogger(__name__)

SHARES = (0.5, 1.0)  # of what was learnt
MAX_LOSS = 0.5  # points at recall@1 that a share may cost and be tested
BATCH_SHARE = 0.3  # of the recipe's batch
VIEWS = 1  # of each training picture
CAPTIONS_OF_HUBNESS = 3000  # of each of the two large sources
ENCODED_AT_ONCE = 2048
HEADINGS = [
    "form",
    "share",
    *(
        f"{name} {k}"
        for name in ("Flickr8k dev", "web dev")
        for k in ("R@1", "R@5", "R@10", "pictures", "texts")
    ),
]


class Choice(NamedTuple):
    """A caption of a held-out picture, and what rules made of it."""

    picture: int
    caption: str
    other: str | None  # in other words
    wrong: str
    rule: str


class HeldOut(NamedTuple):
    """A set that nothing is trained on."""

    name: str
    pictures: Tensor  # Ŝ_Y without the dimension of the hubness correction, float [P, E - 1], unit length
    texts: list[str]
    owners: Tensor  # int64 [T], the picture of each text
    choices: list[Choice]


def main() -> None:
    """Train the forms one after the other, measure each."""
    options = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    model = read_model(options.model).eval()
    learner = Learner(model, device=torch.device("cpu"))
    sources = [read_source(part) for part in recipe.sources]
    rules = WrongCaptions(Vocabulary.of(text for source in sources[:2] for text in _texts(source)))
    with timed() as timer:
        seen = [
            Seen(
                source,
                max(1, round(BATCH_SHARE * part.share)),
                see(learner, source, recipe.tokens, seed=options.seed, views=VIEWS),
            )
            for source, part in zip(sources, recipe.sources, strict=True)
        ]
        held_out = [read_held_out(learner, read_source(part), recipe, rules) for part in recipe.evaluate]
    logger.info("pictures: %.0f s", timer.seconds)
    evaluation = Evaluation(learner, sources[:2], recipe, held_out, test=options.test)
    states = TokenStates(model, last_layers=options.layers)
    head, predictor = model.y_encoder.head, model.predictor
    assert isinstance(head, HeadWithFixedDirections) and isinstance(predictor, Predictor)
    members = Members(len(predictor.members), predictor.size)
    rows: list[list[str]] = []
    tests: dict[str, object] = {}
    for number, form in enumerate(options.forms):
        torch.manual_seed(options.seed)
        branch = TextBranch(head, states, form)
        if number == 0:
            rows.append(["as it was", "0", *evaluation.of(branch)])
            tests["as it was"] = evaluation.tested(branch)
        before = [weight.detach().clone() for weight in branch.parameters()]
        wrong_of = functools.cache(functools.partial(chosen_wrong, rules=rules))
        learnt_from = batches(seen, wrong_of, functools.cache(restructured), seed=options.seed)
        with timed() as timer:
            train(branch, learnt_from, members, steps=options.steps, seed=options.seed)
        logger.info("%s: %d steps in %.0f s", form, options.steps, timer.seconds)
        if options.output:
            options.output.mkdir(parents=True, exist_ok=True)
            torch.save(branch.state_dict(), options.output / f"{form.replace(' ', '_')}.pt")
        for share in SHARES:
            rows.append([form, f"{share:g}", *evaluation.of(mixed(before, branch, share=share))])
        share = share_to_test(rows[0], rows[-len(SHARES) :])
        tests[f"{form}, {share:g}"] = evaluation.tested(mixed(before, branch, share=share))
    print_table(HEADINGS, rows)
    print(save_result("word_order", {"rows": rows, "sugarcrepe++": tests, "steps": options.steps}))


def share_to_test(start: Sequence[str], rows: Sequence[Sequence[str]]) -> float:
    """The largest share that costs less than `MAX_LOSS` on both sets; rows as in `HEADINGS`. Else the smallest."""
    places = [place for place, heading in enumerate(HEADINGS) if heading.endswith("R@1")]
    cheap = [
        float(row[1])
        for row in rows
        if all(float(start[place]) - float(row[place]) < MAX_LOSS for place in places)
    ]
    return max(cheap) if cheap else min(float(row[1]) for row in rows)


def read_held_out(learner: Learner, source: Source, recipe: TrainConfig, rules: WrongCaptions) -> HeldOut:
    """Pictures, captions, and what every rule that applies makes of each picture's first caption."""
    plain = TokensConfig(folder=recipe.tokens.folder, workers=recipe.tokens.workers)
    return HeldOut(
        source.name,
        predicted(learner, picture_tokens(learner, source, plain)),
        _texts(source),
        torch.tensor([example.visual for example in source.examples for _ in example.targets]),
        [
            Choice(example.visual, text, restructured(text), wrong, rule)
            for example in source.examples
            for text in example.targets[:1]
            for rule, wrong in rules.of(text).items()
        ],
    )


@torch.no_grad()
def predicted(learner: Learner, tokens: Tensor) -> Tensor:
    """S_V [P, 1, D] to Ŝ_Y without the dimension of the hubness correction, float [P, E - 1], unit length."""
    parts = [learner.predict(part, [""] * len(part))[:, :-1] for part in tokens.split(ENCODED_AT_ONCE)]
    return functional.normalize(torch.cat(parts).float(), dim=-1)


class Evaluation:
    """The held-out sets, and what the hubness correction is fitted to."""

    def __init__(
        self,
        learner: Learner,
        sources: Sequence[Source],
        recipe: TrainConfig,
        sets: Sequence[HeldOut],
        *,
        test: bool,
    ) -> None:
        """`sources`: those whose captions, and the first one's pictures, the correction is fitted to."""
        self._model, self._sets = learner.model, sets
        self._captions = [e.targets[0] for s in sources for e in s.examples[:CAPTIONS_OF_HUBNESS]]
        self._pictures = predicted(learner, picture_tokens(learner, sources[0], recipe.tokens)[:, :1])
        self._test = registry.load(registry.find("hard-negatives", "sugarcrepe-pp"), None) if test else None

    @torch.no_grad()
    def of(self, branch: TextBranch) -> list[str]:
        """Recalls and shares of right preferences on each set, in percent, as in `HEADINGS`."""
        predictor, y_encoder = self._model.predictor, self._model.y_encoder
        assert isinstance(predictor, Predictor) and predictor.hubness is not None
        assert y_encoder.hubness is not None
        fit_correction(self._model, embed(branch, self._captions), self._pictures)
        found: list[float] = []
        for data in self._sets:
            seen = functional.normalize(predictor.hubness(data.pictures), dim=-1)
            said = y_encoder.hubness(embed(branch, data.texts))
            found += [*recalls(said @ seen.T, data.owners), *preferences(branch, data)]
        logger.info("%s", " ".join(f"{value:.1f}" for value in found))
        return [f"{value:.1f}" for value in found]

    @torch.no_grad()
    def tested(self, branch: TextBranch) -> dict[str, float] | None:
        """SugarCrepe++, percent, by kind and on average."""
        if self._test is None:
            return None
        assert isinstance(self._test, TripletSet)
        hubness = self._model.y_encoder.hubness
        assert hubness is not None
        found = evaluate_encoder(self._test, lambda texts: hubness(embed(branch, texts)).numpy())
        shares = {name: float(figures["accuracy"]) for name, figures in found.rows.items()}
        logger.info("%s", shares)
        return shares


@torch.no_grad()
def embed(branch: TextBranch, texts: Sequence[str]) -> Tensor:
    """S_Y of any number of texts, float [T, E - 1]."""
    return torch.cat(
        [branch(texts[at : at + ENCODED_AT_ONCE]) for at in range(0, len(texts), ENCODED_AT_ONCE)]
    )


@torch.no_grad()
def preferences(branch: TextBranch, data: HeldOut) -> tuple[float, float]:
    """How often pictures, and texts, are right; means over the rules, in percent."""
    texts = list(dict.fromkeys(text for c in data.choices for text in (c.caption, c.wrong, c.other) if text))
    row = {text: number for number, text in enumerate(texts)}
    said = embed(branch, texts)
    pictures: dict[str, list[bool]] = {}
    forms: dict[str, list[bool]] = {}
    for choice in data.choices:
        right, wrong, seen = said[row[choice.caption]], said[row[choice.wrong]], data.pictures[choice.picture]
        pictures.setdefault(choice.rule, []).append(bool(seen @ right > seen @ wrong))
        if choice.other:
            other = said[row[choice.other]]
            forms.setdefault(choice.rule, []).append(bool(right @ other > max(right @ wrong, other @ wrong)))
    for rule, found in pictures.items():
        logger.info("%s: pictures %.1f, texts %.1f", rule, 100 * np.mean(found), 100 * np.mean(forms[rule]))
    first, second = (100 * float(np.mean([np.mean(f) for f in by.values()])) for by in (pictures, forms))
    return first, second


def _texts(source: Source) -> list[str]:
    return [text for example in source.examples for text in example.targets]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder of a training run of nano")
    parser.add_argument(
        "--model", type=Path, default=WEIGHTS / "nano", help="folder of the model to begin with"
    )
    parser.add_argument("--forms", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--layers", type=int, default=2, help="last layers of the text tower that are thawed")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", action="store_true", help="measure SugarCrepe++ too")
    parser.add_argument("--output", type=Path, help="folder for the weights of the trained forms")
    return parser.parse_args()


if __name__ == "__main__":
    main()
