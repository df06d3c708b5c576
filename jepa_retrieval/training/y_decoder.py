"""Train a Y-Decoder on text alone: from a perturbed embedding of a caption back to the caption.

    JEPA_SHARED=../shared python -m jepa_retrieval.training.y_decoder RECIPE.toml

In use the decoder gets Ŝ_Y, predicted from a picture, which lies outside the region of caption embeddings S_Y. So it
learns from points around captions: the mean of one picture's captions, with noise that is made of other captions
(after Nukrai et al., "Text-Only Training for Image Captioning using Noise-Injected CLIP", arXiv 2211.00575), and, as
in use, projected onto a memory of captions (Li et al., "DeCap", arXiv 2303.03032).

An interrupted run continues where it stopped. The result is OUTPUT/model: a config and the decoder's two files, which
are to be copied into the folder of the model that they decode for.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import YDecoderConfig
from jepa_retrieval.models.modules.concepts import class_names
from jepa_retrieval.models.modules.y_decoder import YDecoder
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.registry import load_model
from jepa_retrieval.models.text_embeddings import cached_text_embeddings
from jepa_retrieval.models.y_decoder_files import CaptionMemory, save_y_decoder
from jepa_retrieval.settings import read_settings
from jepa_retrieval.text_files import read_toml
from jepa_retrieval.training.checkpoint import Checkpoint
from jepa_retrieval.training.config import BatchSize, Count, Interval, OptimConfig, resolve_path
from jepa_retrieval.training.curves import Curves
from jepa_retrieval.training.data.caption_points import (
    Corpus,
    TextConfig,
    choose,
    perturb,
    prepare,
    project,
)
from jepa_retrieval.training.optim import WeightAverage, build_optimizer, build_schedule
from jepa_retrieval.training.random_state import set_random_state

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """One training run."""

    model: str  # whose embeddings are decoded: a name of `jepa models list`, or local:FOLDER
    output: str
    steps: Interval
    batch_size: BatchSize
    seed: Count = 0
    log_every: Interval = 50
    checkpoint_every: Interval = 200


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The tables of a recipe."""

    run: RunConfig
    text: TextConfig
    decoder: YDecoderConfig
    optim: OptimConfig


def load_recipe(path: Path) -> Recipe:
    """Read a TOML file; `$NAME` comes from the environment."""
    recipe = read_settings(Recipe, read_toml(path), where=path.name, error=UsageError)
    recipe.optim.check_steps(recipe.run.steps, where=path.name)
    run, text, base = recipe.run, recipe.text, path.resolve().parent
    return dataclasses.replace(
        recipe,
        run=dataclasses.replace(run, output=resolve_path(run.output, base=base)),
        text=dataclasses.replace(
            text,
            captions=resolve_path(text.captions, base=base),
            names=resolve_path(text.names, base=base),
            others=resolve_path(text.others, base=base),
        ),
    )


def train(recipe: Recipe) -> Path:
    """Run a recipe to its end; the folder with the config and the decoder's files."""
    output = Path(recipe.run.output)
    output.mkdir(parents=True, exist_ok=True)
    model = load_model(recipe.run.model)
    corpus = prepare(recipe.text, recipe.decoder, model, seed=recipe.run.seed)
    section = dataclasses.replace(recipe.decoder, vocabulary=corpus.tokenizer.size)
    torch.manual_seed(recipe.run.seed)
    module = YDecoder(section, embedding_size=corpus.embeddings.shape[1])
    average = Trainer(recipe, corpus, module, output).run()
    average.swap()
    save_y_decoder(
        module,
        section,
        corpus.tokenizer,
        memory=_memory(corpus, model),
        config=model.config,
        folder=output / "model",
    )
    return output / "model"


def _memory(corpus: Corpus, model: Model) -> CaptionMemory | None:
    """What the decoder remembers: the corpus' clusters and words, and the names of ImageNet's classes."""
    if corpus.memory is None or corpus.words is None:
        return None
    names = [f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}" for name in class_names()]
    return CaptionMemory(corpus.memory.numpy(), corpus.words, names, cached_text_embeddings(names, model))


class Trainer:
    """The loop. A batch is a function of the seed and the step, so a run continues exactly where it stopped."""

    def __init__(self, recipe: Recipe, corpus: Corpus, module: YDecoder, output: Path) -> None:
        self._recipe, self._corpus, self._module, self._output = recipe, corpus, module, output
        self._optimizer = build_optimizer(module.parameters(), torch.nn.Module(), recipe.optim)
        self._schedule = build_schedule(self._optimizer, recipe.optim, steps=recipe.run.steps)
        self._average = WeightAverage(module.parameters(), recipe.optim.ema_decay)
        self._checkpoint = Checkpoint(
            output,
            dataclasses.asdict(recipe),
            weights=dict(module.named_parameters()),
            optimizer=self._optimizer,
            schedule=self._schedule,
            average=self._average,
        )
        self._step = 0
        self._resume()
        self._curves = Curves(output, keep_until=self._step)

    def run(self) -> WeightAverage:
        """Train to the end; the moving average of the weights."""
        run, began, first = self._recipe.run, time.monotonic(), self._step
        while self._step < run.steps:
            loss = self._train_step()
            self._step += 1
            if self._step % run.log_every == 0 or self._step == run.steps:
                held_out = self._held_out_loss()
                speed = (self._step - first) / (time.monotonic() - began)
                self._curves.add(self._step, {"loss": loss, "held-out.loss": held_out})
                logger.info(
                    "step %d of %d: loss %.3f, held out %.3f, %.1f steps/s, %.0f s left",
                    *(self._step, run.steps, loss, held_out, speed, (run.steps - self._step) / speed),
                )
            if self._step % run.checkpoint_every == 0 or self._step == run.steps:
                self._checkpoint.save(self._step)
        return self._average

    def _train_step(self) -> float:
        generator = torch.Generator().manual_seed(self._recipe.run.seed * 1_000_003 + self._step)
        pictures = len(self._corpus.counts) - self._recipe.text.held_out
        rows = torch.randint(pictures, (self._recipe.run.batch_size,), generator=generator)
        self._module.train()
        loss = self._loss(rows, generator)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self._recipe.optim.clip_norm:
            torch.nn.utils.clip_grad_norm_(self._module.parameters(), self._recipe.optim.clip_norm)
        self._optimizer.step()
        self._schedule.step()
        self._average.update()
        return float(loss.detach())

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        count = self._recipe.text.held_out
        if not count:
            return float("nan")
        rows = torch.arange(len(self._corpus.counts) - count, len(self._corpus.counts))
        self._module.eval()
        with self._average.swapped():
            return float(self._loss(rows, torch.Generator().manual_seed(0)))

    def _loss(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        corpus = self._corpus
        chosen = choose(corpus, rows, generator)
        asked = perturb(corpus, rows, self._recipe.text.noise, generator)
        if corpus.memory is not None:
            asked = project(asked, corpus.memory, self._recipe.decoder.temperature)
        lengths = corpus.lengths[chosen]
        ids = corpus.ids[chosen, : int(lengths.max()) + 1]
        positions = torch.arange(ids.shape[1] - 1)
        counted = positions < lengths[:, None]
        with torch.autocast("cpu", torch.bfloat16):
            logits = self._module.logits(self._module.attend(asked, ids[:, :-1])[counted])
        return functional.cross_entropy(logits.float(), ids[:, 1:][counted])

    def _resume(self) -> None:
        state = self._checkpoint.resume()
        if state is None:
            return
        self._step = state["step"]
        set_random_state(state["random"][0])
        logger.info("continuing from step %d", self._step)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipe", type=Path, help="a TOML file, such as recipes/nano_y_decoder.toml")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    logger.info("wrote %s", train(load_recipe(options.recipe)))


if __name__ == "__main__":
    main()
