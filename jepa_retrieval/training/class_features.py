"""Visual tokens of ImageNet's classes, made from the classifiers' weights without any picture of ImageNet.

    python -m jepa_retrieval.training.class_features OUT --images FOLDER --names FILE

The classifier of an EfficientNet-Lite scores a pooled feature x with w_c . x. Among the features of ordinary
photographs with covariance C, the ones that score high for class c lie from the mean in the direction C w_c (that is
the regression of x on the score). A token of class c is an ordinary photograph's feature, partly pulled to the mean,
moved along that direction until the score is as high as classifiers give their own class.

The result is a folder of ready-made tokens, source format "tokens", whose texts are the classes' names.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from indexes.files import write_atomically
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import EfficientNetLiteConfig, LlamaPredictorConfig, load_config
from jepa_retrieval.models.modules.concepts import TEMPLATES, class_names
from jepa_retrieval.models.registry import CONFIGS
from jepa_retrieval.models.storage import initialise_model
from jepa_retrieval.training.data.examples import MediaFolder, Visual
from jepa_retrieval.training.data.visuals import fit_of_config, load_frames
from jepa_retrieval.training.frozen import fingerprint_of_module, x_encoder_of
from jepa_retrieval.training.row_cache import fingerprint_of

PHOTOGRAPH_SHARE = (0.2, 0.9)  # range of the photograph's share in a token
SCORE_INCREASE = (6.0, 14.0)  # range by which the class's score increases
BATCH = 16


def class_features(tokens: Tensor, classifiers: Sequence[Tensor], *, views: int, seed: int = 0) -> Tensor:
    """Tokens of every class.

    Args:
        tokens: global tokens of ordinary photographs, float [M, D]: a part for each classifier, then others.
        classifiers: weights float [classes, width of the part] each.
        views: tokens for each class.
        seed: of the photographs and amounts that are drawn.

    Returns:
        Float [classes, views, 1, D].
    """
    generator = torch.Generator().manual_seed(seed)
    seen = sum(weight.shape[1] for weight in classifiers)
    mean = tokens.mean(dim=0)
    # One score over all channels, the mean of the classifiers' scores; those that no classifier uses weigh 0.
    score = torch.cat([weight - weight.mean(dim=0) for weight in classifiers], dim=1) / len(classifiers)
    directions = _unit_increases(tokens - mean, functional.pad(score, (0, tokens.shape[1] - seen)))
    shape = (len(directions), views)
    photographs = tokens[torch.randint(len(tokens), shape, generator=generator)]
    share = _uniform(PHOTOGRAPH_SHARE, shape, generator)
    increase = _uniform(SCORE_INCREASE, shape, generator)
    made = mean + share * (photographs - mean) + increase * directions[:, None]
    made[..., :seen].clamp_(min=0)  # what classifiers see are means of activations that are not negative
    return made.unsqueeze(2)


def _unit_increases(features: Tensor, score: Tensor) -> Tensor:
    """The regression of features on scores: directions that increase each class's score by one.

    Args:
        features: float [M, D], centred.
        score: weights of the scores, float [classes, D].
    """
    moved = score @ (features.T @ features / len(features))
    return moved / (score * moved).sum(dim=1, keepdim=True)


def _uniform(limits: tuple[float, float], shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.rand((*shape, 1), generator=generator)


def write_class_features(
    folder: Path, images: Path, names: Path, *, config: Path, count: int = 2000, views: int = 8
) -> None:
    """Make the folder of ready-made tokens; `names` lists the files of `images`, of which `count` are used."""
    model = initialise_model(load_config(config), base=config.parent)
    section, predictor = model.config.x_encoder, model.config.predictor
    if not (
        isinstance(section, EfficientNetLiteConfig)
        and section.grid == 0
        and isinstance(predictor, LlamaPredictorConfig)
        and predictor.concepts
    ):
        raise UsageError(f"{config}: class features need EfficientNet-Lite with grid 0 and concepts")
    media = MediaFolder(images)
    found = [media.find(name) for name in names.read_text(encoding="utf-8").split()]
    paths = [path for path in found if path is not None]
    if not paths:
        raise UsageError(f"{names}: none of its files is in {images}")
    chosen = np.random.default_rng(0).permutation(len(paths))[:count]
    fingerprint = fingerprint_of([repr(section), fingerprint_of_module(model.x_encoder)])
    encode = x_encoder_of(model, fingerprint=fingerprint)
    tokens = []
    for start in range(0, len(chosen), BATCH):
        frames = [
            load_frames(
                Visual(str(paths[row])), image_size=section.image_size, frames=1, fit=fit_of_config(section)
            )
            for row in chosen[start : start + BATCH]
        ]
        tokens.append(torch.from_numpy(encode(np.stack(frames))[:, 0]))
    trained: Any = model.predictor  # its concepts are there only by config
    weights = [layer.weight for layer in trained.vision_input.concepts.classifiers]
    with torch.no_grad():
        made = class_features(torch.cat(tokens), weights, views=views)
    folder.mkdir(parents=True, exist_ok=True)
    tokens_file = io.BytesIO()
    np.save(tokens_file, made.numpy().astype(np.float16))
    write_atomically(folder / "tokens.npy", tokens_file.getvalue(), durable=False)
    lines = [
        json.dumps({"visual": row, "texts": [template.format(name) for template in TEMPLATES]})
        for row, name in enumerate(class_names())
    ]
    write_atomically(folder / "examples.jsonl", ("\n".join(lines) + "\n").encode(), durable=False)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--images", type=Path, required=True, help="folder of ordinary photographs")
    parser.add_argument("--names", type=Path, required=True, help="file with one of their names a line")
    parser.add_argument("--config", type=Path, default=CONFIGS / "nano.json", help="the model's config")
    parser.add_argument("--count", type=int, default=2000, help="photographs to use")
    parser.add_argument("--views", type=int, default=8, help="tokens for each class")
    options = parser.parse_args()
    write_class_features(
        options.out,
        options.images,
        options.names,
        config=options.config,
        count=options.count,
        views=options.views,
    )


if __name__ == "__main__":
    main()
