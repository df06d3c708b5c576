"""One photograph of each of ImageNet's 1,000 classes, named by the class names that CLIP's authors wrote.

FOLDER/images/n01440764_tench.JPEG    WordNet id, whose order is that of the classes
FOLDER/en_classnames.json             {"imagenet1k": ["tench", ...]}; or in ../annotations/clip_prompts
FOLDER/en_zeroshot_classification_templates.json    {"imagenet1k": ["a photo of a {c}.", ...]}
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import DataSetError, MediaFolder, read_json, require
from benchmarks.datasets.shapes import ClassificationSet

SOURCE = "github.com/EliSchwartz/imagenet-sample-images"
PROMPTS = "github.com/facebookresearch/perception_models, apps/pe/clip_benchmark/datasets"
ONE: tuple[str, ...] = ("a photo of a {}.",)
KEY = "imagenet1k"


def prompts_file(folder: Path, name: str) -> Path:
    """A file of class names or templates: beside the images, or in ../annotations/clip_prompts."""
    beside = folder.parent / "annotations" / "clip_prompts"
    return require(beside if (beside / name).exists() else folder, name, source=PROMPTS)


def load(folder: Path, *, clip_templates: bool = False) -> ClassificationSet:
    """1,000 photographs; with "a photo of a ...", or CLIP's 80 templates averaged."""
    classes = [str(name) for name in read_json(prompts_file(folder, "en_classnames.json"))[KEY]]
    templates = ONE
    if clip_templates:
        document = read_json(prompts_file(folder, "en_zeroshot_classification_templates.json"))
        templates = tuple(str(text).replace("{c}", "{}") for text in document[KEY])
    media = MediaFolder(folder, source=SOURCE)
    names = sorted(path.name for path in (folder / "images").glob("n*_*"))
    if len(names) != len(classes):
        raise DataSetError(
            f"{folder / 'images'}: must hold {len(classes)} photographs, one of each class, not {len(names)}; "
            f"they come from {SOURCE}"
        )
    rows = [Labelled(f"images/{name}", label) for name, label in zip(names, classes, strict=True)]
    title = f"ImageNet, one photograph a class, {len(templates)} template{'s' if len(templates) > 1 else ''}"
    return classification_set(title, rows, media, classes=classes, templates=templates)


load_clip = partial(load, clip_templates=True)
