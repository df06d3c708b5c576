"""Retrain nano from nothing: the tokens of ImageNet's classes, stage 1, stage 2, their mean, and the weights to ship.

    JEPA_SHARED=../shared python -m jepa_retrieval.training.nano runs/nano

A run that was interrupted continues where it stopped. The result is RUN/nano: config.json, the answer vocabulary, and
model.safetensors in half precision. They belong in jepa_retrieval/models/weights/nano.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

import torch

from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.registry import CONFIGS
from jepa_retrieval.models.storage import read_model, write_model
from jepa_retrieval.training.answers import add_answers
from jepa_retrieval.training.class_features import write_class_features
from jepa_retrieval.training.config import Stage, load_config
from jepa_retrieval.training.hubness import fit_hubness
from jepa_retrieval.training.stages import train

RECIPES = Path(__file__).parent / "recipes"
STAGES: tuple[Stage, ...] = ("pretrain", "sft")
STAGE_2_SHARE = 0.7  # of the averaged weights; chosen on Flickr8k dev and coco5k's held-out part

logger = logging.getLogger(__name__)


def retrain(shared: Path, run: Path) -> Path:
    """Train nano on the data in `shared` and return the folder of the result."""
    # The recipes name these two folders.
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared.resolve()), str(run.resolve())
    flickr = shared / "data" / "flickr8k"
    if not (run / "classes" / "examples.jsonl").exists():
        write_class_features(
            run / "classes",
            flickr / "images",
            flickr / "Flickr_8k.trainImages.txt",
            config=CONFIGS / "nano.json",
        )
    folders = []
    for stage in STAGES:
        report = train(load_config(RECIPES / f"nano_{stage}.toml"), stage)
        logger.info("%s: %s after %.0f s: %s", stage, report.model, report.seconds, report.metrics)
        folders.append(report.model)
    model = interpolate(*folders, share=STAGE_2_SHARE)
    fit_hubness(model, load_config(RECIPES / "nano_pretrain.toml"))
    write_model(model, run / "nano", dtype=torch.float16, int8=True)
    add_answers(run / "nano", load_config(RECIPES / "nano_sft.toml"))
    return run / "nano"


@torch.no_grad()
def interpolate(first: Path, second: Path, *, share: float) -> VLJEPA:
    """A model whose weights lie between those of two models, `share` of the way to the second.

    Fine-tuning forgets a little of what it does not train; a model between the two answers as well and searches
    better (Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv 2109.01903).
    """
    model, other = read_model(first), read_model(second).state_dict()
    for name, weight in model.state_dict().items():
        if weight.is_floating_point():
            weight.lerp_(other[name], share)
    return model


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder for caches, checkpoints and the result")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    retrain(Path(os.environ.get("JEPA_SHARED", "../shared")), options.run)


if __name__ == "__main__":
    main()
