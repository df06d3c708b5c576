"""The protocols of the tasks, on sets whose figures can be worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets.shapes import (
    AnticipationSet,
    ClassificationSet,
    Clip,
    Future,
    Question,
    QuestionSet,
    RetrievalSet,
    StateChange,
    StateChangeSet,
    Triplet,
    TripletSet,
)
from benchmarks.published import (
    anticipation,
    captioning,
    classification,
    hard_negatives,
    questions,
    retrieval,
    world_prediction,
)
from benchmarks.shared.cider import Cider
from benchmarks.shared.embedder import Embedder
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Sentence
from tests.benchmarks.conftest import COLOURS, ColourModel, unit
from tests.media_factory import make_picture


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, ...]:
    folder = tmp_path_factory.mktemp("media")
    return tuple(Clip(make_picture(folder / f"{name}.png", colour=c)) for name, c in COLOURS.items())


def test_retrieval_gives_both_directions_and_the_pools(embedder: Embedder, clips: tuple[Clip, ...]) -> None:
    captions = ("something red", "a red thing", "green", "blue", "this is red, in truth yellow")
    data = RetrievalSet("t", clips, captions, (0, 0, 1, 2, 3), 7, {"small": frozenset([0, 3])})
    outcome = retrieval.evaluate(data, embedder)
    assert list(outcome.rows) == [
        "text to video",
        "video to text",
        "text to video, small",
        "video to text, small",
    ]
    whole = outcome.rows["text to video"]
    assert (whole["queries"], whole["pool"], whole["recall@1"]) == (5, 4, 80.0)  # the last caption misleads
    assert (outcome.metric, outcome.value) == ("recall@1", 80.0)
    back = outcome.rows["video to text"]
    assert (back["queries"], back["pool"], back["recall@1"]) == (
        4,
        5,
        50.0,
    )  # red ties with it, which counts against
    small = outcome.rows["text to video, small"]
    assert (small["queries"], small["pool"], small["recall@1"]) == (3, 2, pytest.approx(200 / 3))
    assert outcome.counts == {"clips named": 7, "clips found": 4, "clips read": 4, "captions": 5}


def test_retrieval_leaves_unreadable_clips_out_of_the_pool(
    embedder: Embedder, clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    data = RetrievalSet("t", (Clip(broken), *clips[:2]), ("blue", "red", "green"), (0, 1, 2), 3)
    outcome = retrieval.evaluate(data, embedder)
    assert outcome.rows["text to video"]["queries"] == outcome.rows["text to video"]["pool"] == 2
    assert outcome.value == 100.0
    assert list(embedder.unreadable) == [str(broken)]


def test_classification_averages_templates_and_classes(embedder: Embedder, clips: tuple[Clip, ...]) -> None:
    data = ClassificationSet(
        "t",
        clips,
        (0, 1, 2, 1),  # the yellow picture is said to be green
        ("red", "green", "blue", "yellow"),
        4,
        ("a {} thing", "{}"),
        {"wrong": frozenset([3])},
    )
    outcome = classification.evaluate(data, embedder)
    assert outcome.value == outcome.rows["all"]["top-1"] == 75.0
    assert outcome.rows["all"]["top-1, mean of classes"] == pytest.approx(250 / 3)
    assert outcome.rows["all"]["top-5"] == 100.0
    assert outcome.rows["wrong"] == {
        "clips": 1,
        "top-1": 0.0,
        "top-5": 100.0,
        "top-1, mean of classes": 0.0,
    }


def test_questions_are_answered_by_the_nearest_candidate(embedder: Embedder, clips: tuple[Clip, ...]) -> None:
    asked = (
        *tuple(Question(row, "what colour", (name,), "colour") for row, name in enumerate(COLOURS)),
        Question(3, "what is the opposite of it", ("blue",), "other"),
    )
    known = (("colour", "red"), ("colour", "red"), ("other", "blue"))
    data = QuestionSet("t", clips, asked, tuple(COLOURS), 9, known=known, note="made")
    outcome = questions.evaluate(data, embedder)
    assert outcome.value == 100.0
    assert outcome.rows["colour"] == {"questions": 4, "accuracy": 100.0}
    assert outcome.rows["commonest answer"]["accuracy"] == 20.0
    assert outcome.rows["commonest of its type"]["accuracy"] == 40.0
    assert outcome.rows["grey picture"]["accuracy"] < 100.0
    assert outcome.notes == ["made"]
    assert outcome.counts["questions named"] == 9


def test_pope_is_the_mean_of_its_settings(embedder: Embedder, clips: tuple[Clip, ...]) -> None:
    # "yes" and "no" mean nothing to this model, so it says the same to all.
    asked = (
        Question(0, "is it red", ("yes",), "random"),
        Question(0, "is it blue", ("no",), "random"),
        Question(1, "is it red", ("no",), "popular"),
    )
    data = QuestionSet("t", clips, asked, ("yes", "no"), 3, scoring="yes/no")
    outcome = questions.evaluate(data, embedder)
    said_yes = outcome.rows["all"]["yes rate"] == 100.0
    assert outcome.rows["random"]["accuracy"] == 50.0
    assert outcome.value == pytest.approx(25.0 if said_yes else 75.0)
    assert set(outcome.rows["all"]) >= {"precision", "recall", "F1", "yes rate"}


def test_vqa_counts_how_many_people_agree(embedder: Embedder, clips: tuple[Clip, ...]) -> None:
    answers = ("red",) * 2 + ("pink",) * 8
    data = QuestionSet("t", clips, (Question(0, "what", answers),), ("red", "blue"), 1, scoring="vqa")
    assert questions.evaluate(data, embedder).value == pytest.approx(60.0)


def test_hard_negatives_average_the_subsets_without_weights(embedder: Embedder) -> None:
    right = Triplet("a red car", "the car is red", "a blue car", "one")
    wrong = Triplet("a red car", "the car is crimson", "a red bus", "two")
    outcome = hard_negatives.evaluate(TripletSet("t", (right, right, wrong)), embedder)
    assert outcome.rows["one"] == {"triplets": 2, "accuracy": 100.0}
    assert outcome.rows["two"] == {"triplets": 1, "accuracy": 0.0}
    assert outcome.value == 50.0


def test_world_prediction_takes_the_nearest_action(embedder: Embedder, clips: tuple[Clip, ...]) -> None:
    red, green, blue, yellow = clips
    data = StateChangeSet(
        "t",
        (
            StateChange(red, red, (blue, red, green, yellow), 1),
            StateChange(blue, blue, (green, yellow, red, blue), 0),  # the right answer is not the nearest
        ),
        3,
    )
    outcome = world_prediction.evaluate(data, embedder)
    assert outcome.rows["all"] == {"questions": 2, "accuracy": 50.0}
    assert outcome.rows["guessing"]["accuracy"] == 25.0


def test_anticipation_reports_each_horizon(embedder: Embedder, clips: tuple[Clip, ...]) -> None:
    classes = (*COLOURS, "nothing", "none", "never")
    futures = (*tuple(Future(clip, row, "1 s") for row, clip in enumerate(clips)), Future(clips[0], 2, "2 s"))
    outcome = anticipation.evaluate(AnticipationSet("t", futures, classes, 5), embedder)
    assert outcome.rows["1 s"]["top-1"] == outcome.value == 100.0
    assert outcome.rows["2 s"]["top-1"] == 0.0
    assert outcome.metric == "recall@5, mean of classes"


class ColourYDecoder:
    """Says the nearest colour."""

    def decode(self, embeddings: np.ndarray) -> list[Sentence]:
        named = unit(np.array(list(COLOURS.values())) / 255 - 0.5)
        return [
            Sentence(f"a {list(COLOURS)[row]} thing", 1.0) for row in (embeddings @ named.T).argmax(axis=1)
        ]


def test_captioning_scores_a_sentence_of_each_clip_that_can_be_read(
    model: ColourModel, embedder: Embedder, clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    captions = ("a red thing", "a scarlet thing", "a green thing", "a blue sea", "yellow", "not seen")
    gone = Clip(tmp_path / "gone.png")
    data = RetrievalSet("t", (*clips, gone), captions, (0, 0, 1, 2, 3, 4), 5)
    with pytest.raises(UsageError, match="colours has no Y-Decoder"):
        captioning.evaluate(data, embedder)
    model.y_decoder = ColourYDecoder()  # type: ignore[assignment]
    outcome = captioning.evaluate(data, embedder)
    groups = [["a red thing", "a scarlet thing"], ["a green thing"], ["a blue sea"], ["yellow"]]
    said = [f"a {name} thing" for name in COLOURS]
    assert outcome.value == pytest.approx(Cider(groups).scores(said, groups).mean())
    assert outcome.rows["Y-Decoder"]["clips"] == 4
    assert outcome.counts == {"clips named": 5, "clips found": 5, "clips read": 4, "captions": 5}
    with pytest.raises(UsageError, match="at least two clips"):
        captioning.evaluate(data.limited(1), embedder)


def test_limits_take_an_even_share(clips: tuple[Clip, ...]) -> None:
    data = RetrievalSet("t", clips, ("a", "b", "c", "d"), (3, 2, 1, 0), 4, {"s": frozenset([0, 1])})
    two = data.limited(2)
    assert two.clips == (clips[0], clips[3])
    assert [two.clips[owner] for owner in two.owners] == [clips[3], clips[0]]
    assert two.captions == ("a", "d")
    assert two.subsets == {"s": frozenset([0])}
    assert data.limited(9) is data
    labelled = ClassificationSet("t", clips, (0, 1, 2, 3), tuple("abcd"), 4).limited(2)
    assert (labelled.clips, labelled.labels) == ((clips[0], clips[3]), (0, 3))
    assert len(labelled.classes) == 4
    assert np.array_equal(labelled.labels, (0, 3))
