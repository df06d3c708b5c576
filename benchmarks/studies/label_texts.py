"""How should the texts of a broad label count: by its name, by the nearest text, or all together?.

    python -m benchmarks.studies.label_texts [--model nano]

Caltech-101's photographs in ten groups of classes. Groups and texts were written down before anything was measured.
nano is trained on the names of these classes, but not on the groups' texts: this compares methods, not models.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.photographs import encode_photographs, predict
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.asking.candidates import Candidate, CandidateSet
from jepa_retrieval.tasks.asking.classify import DEFAULT_TEMPLATES

CLASSES = {
    "Animal": "ant bass beaver brontosaurus butterfly cougar_body cougar_face crab crayfish crocodile crocodile_head "
    "dalmatian dolphin dragonfly elephant emu flamingo flamingo_head gerenuk hawksbill hedgehog ibis kangaroo "
    "Leopards llama lobster nautilus octopus okapi panda pigeon platypus rhino rooster scorpion sea_horse starfish "
    "stegosaurus tick trilobite wild_cat",
    "Vehicle": "airplanes car_side ferry helicopter ketch Motorbikes schooner inline_skate",
    "Music": "accordion electric_guitar euphonium gramophone grand_piano mandolin metronome saxophone",
    "Person": "Faces Faces_easy",
    "Furniture": "chair lamp ceiling_fan chandelier windsor_chair",
    "Plant": "bonsai joshua_tree lotus sunflower water_lilly strawberry",
    "Electronics": "camera cellphone laptop stapler watch headphone",
    "Building": "minaret pagoda pyramid",
    "Cartoon": "garfield snoopy",
    "Household": "cup ewer pizza scissors wrench umbrella barrel",
}
TEXTS = {
    "Animal": ("an animal", "a wild animal", "an insect", "a bird", "a fish", "a sea animal"),
    "Vehicle": ("a vehicle", "an airplane", "a car", "a boat", "a motorcycle"),
    "Music": ("a musical instrument", "a guitar", "a trumpet", "a piano", "music"),
    "Person": ("a person", "a man's face", "a woman smiling", "a portrait of a person"),
    "Furniture": ("furniture", "a chair", "a lamp", "a room"),
    "Plant": ("a plant", "a flower", "a tree", "a fruit"),
    "Electronics": ("electronics", "a computer", "a telephone", "a gadget"),
    "Building": ("a building", "a tower", "a temple", "a monument"),
    "Cartoon": ("a cartoon", "a drawing of a character", "a comic strip"),
    "Household": ("a household object", "a cup", "a tool", "food"),
}


def main() -> None:
    """Classify with each method, print accuracy and its mean over the groups."""
    options = _arguments()
    model = load_model(options.model)
    files = sorted((shared_data() / "caltech101" / "images").glob("*/*"))
    group_of = {name: number for number, names in enumerate(CLASSES.values()) for name in names.split()}
    kept = [file for file in files if file.parent.name in group_of]
    truth = np.array([group_of[file.parent.name] for file in kept])
    seen = predict(model, encode_photographs(model, kept))

    def scores(candidates: list[Candidate]) -> np.ndarray:
        return CandidateSet(candidates, model, templates=DEFAULT_TEMPLATES).scores(seen)

    each = scores([Candidate(text, (text,)) for texts in TEXTS.values() for text in texts])
    first = np.cumsum([0, *(len(texts) for texts in TEXTS.values())][:-1])
    methods = {
        "the group's name": scores([Candidate(name, (name.lower(),)) for name in TEXTS]),
        "nearest text": np.maximum.reduceat(each, first, axis=1),
        "texts together": scores([Candidate(name, texts) for name, texts in TEXTS.items()]),
    }
    rows = [
        [method, *(f"{100 * value:.1f}" for value in _accuracy(found, truth))]
        for method, found in methods.items()
    ]
    print(f"{options.model}: {len(kept)} photographs of Caltech-101 in {len(TEXTS)} groups")
    print_table(["labels", "right, %", "mean over groups, %"], rows)
    print(save_result("label_texts", {"model": options.model, "rows": rows}))


def _accuracy(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    right = scores.argmax(axis=1) == truth
    return float(right.mean()), float(np.mean([right[truth == group].mean() for group in np.unique(truth)]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    return parser.parse_args()


if __name__ == "__main__":
    main()
