"""The published annotation files themselves: counts as their papers state them."""

from pathlib import Path

import pytest

from benchmarks.datasets import (
    activitynet,
    coin,
    didemo,
    dream1k,
    epic_kitchens,
    msrvtt,
    pope,
    registry,
    ssv2,
    youcook2,
)
from benchmarks.datasets.files import read_lines, words
from benchmarks.datasets.shapes import (
    AnomalySet,
    ClassificationSet,
    QuestionSet,
    RetrievalSet,
    TimedSet,
    TripletSet,
)

pytestmark = pytest.mark.shared


@pytest.fixture
def annotations(shared_data: Path) -> Path:
    return shared_data / "annotations"


def test_msrvtt(annotations: Path) -> None:
    with_semicolons = msrvtt.parse_1ka(annotations / "MSRVTT_JSFUSION_test.csv")
    with_commas = msrvtt.parse_1ka(annotations / "msrvtt" / "MSRVTT_JSFUSION_test.csv")
    assert with_semicolons == with_commas
    assert len({row.name for row in with_commas}) == len(with_commas) == 1000
    full = msrvtt.parse_captions(annotations / "msrvtt_caption_test.json")
    assert len(full) == 2990
    assert {len(row.captions) for row in full} == {20}


def test_msvd_didemo_activitynet_youcook2_dream1k(annotations: Path) -> None:
    msvd = msrvtt.parse_captions(annotations / "msvd_caption_test.json")
    assert (len(msvd), sum(len(row.captions) for row in msvd)) == (670, 27763)
    assert len(didemo.parse(annotations / "didemo" / "val_data.json")) == 1094
    assert len(activitynet.parse(annotations / "activitynet_captions_val_1.json")) == 4917
    rows = youcook2.parse(annotations / "youcook2" / "validation_youcook.csv")
    assert (len(rows), len({row.name for row in rows})) == (3350, 436)
    assert all((row.start or 0) < (row.end or 0) for row in rows)
    assert len({row.name for row in dream1k.parse(annotations / "dream1k" / "DREAM-1k.jsonl")}) == 1000


def test_epic_kitchens(annotations: Path) -> None:
    data = epic_kitchens.read(annotations / "epic100")
    assert (len(data.actions), len(data.verbs), len(data.nouns)) == (9668, 97, 300)
    assert data.text(data.actions[1], "action") == "put plate"
    assert all(action.start < action.end for action in data.actions)


def test_coin_taxonomy(annotations: Path) -> None:
    taxonomy = coin.parse_taxonomy(annotations / "coin" / "taxonomy.xlsx")
    assert (len(taxonomy.tasks), len(taxonomy.steps)) == (180, 778)


def test_pope(annotations: Path) -> None:
    for setting in pope.SETTINGS:
        rows = pope.parse(annotations / "pope" / f"coco_pope_{setting}.json", setting)
        assert len(rows) == 3000
        assert sum(row.answers == ("yes",) for row in rows) == 1500
    array = pope.parse(annotations / "pope" / "aokvqa_pope_seem_adversarial.json", "adversarial")
    assert len(array) == 3000


def test_names_of_classes(annotations: Path) -> None:
    labels = annotations / "action_labels"
    assert len({words(name) for name in read_lines(labels / "ucf101_label_map.txt")}) == 101
    assert len({words(name) for name in read_lines(labels / "hmdb51_label_map.txt")}) == 51
    assert len({ssv2._plain(name) for name in read_lines(labels / "sthv2_label_map.txt")}) == 174


COUNTS = {
    "flickr8k": (1000, 5000),
    "flickr8k-dev": (1000, 5000),
    "panda70m": (132, 132),
    "imagenet-samples": (1000, 998),  # two names stand for two classes each
    "imagenet-samples-80": (1000, 998),
    "caltech101": (909, 101),
    "daquar": (2241, 510),
    "coco5k": (441, 490),
    "sugarcrepe-pp": (4757, 5),
    "visla": (1625, 2),
    "long-timed": (13, 175),
    "ucsd-ped2": (12, 16),
}


@pytest.mark.parametrize("name", COUNTS)
def test_data_sets_that_are_here(name: str, shared_data: Path) -> None:
    entry = next(entry for entry in registry.ENTRIES if entry.name == name)
    data = entry.load(shared_data / entry.shared)
    assert _counts(data) == COUNTS[name]


def _counts(data: object) -> tuple[int, int]:
    if isinstance(data, RetrievalSet):
        return len(data.clips), len(data.captions)
    if isinstance(data, ClassificationSet):
        return len(data.clips), len(data.classes)
    if isinstance(data, QuestionSet):
        return len(data.questions), len(data.candidates)
    if isinstance(data, TripletSet):
        return len(data.triplets), len({triplet.subset for triplet in data.triplets})
    if isinstance(data, AnomalySet):
        return len(data.tests), len(data.training)
    assert isinstance(data, TimedSet)
    return len(data.videos), sum(len(video.events) for video in data.videos)
