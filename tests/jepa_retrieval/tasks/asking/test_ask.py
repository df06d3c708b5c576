from collections.abc import Sequence

import pytest

from indexes import Index
from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.asking.ask import Answers, ask, default_answers
from jepa_retrieval.tasks.asking.clip_set import IndexedClips
from jepa_retrieval.tasks.asking.yes_no import wants_yes_or_no
from jepa_retrieval.tasks.searching.stored_clips import Selection
from tests.jepa_retrieval.tasks.conftest import HandModel, MakeIndex

FILES = {
    "night.mp4": [(0.0, 2.0, ("dog", "dark")), (2.0, 4.0, ("cat", "dark")), (4.0, 6.0, ("dog", "light"))],
    "day.jpg": [(None, None, ("car", "light"))],
    "dusk.jpg": [(None, None, ("car", "dark", "light"))],
}


def answered(
    index: Index, model: HandModel, question: str, *, paths: Sequence[str] | None = None, **options: object
) -> Answers:
    return ask([IndexedClips(index, Selection(paths=paths))], model, question, **options)


def test_the_question_decides_what_is_seen(make_index: MakeIndex, model: HandModel) -> None:
    found = answered(make_index(FILES), model, "how bright is it")
    assert (found.question, found.candidates) == ("How bright is it?", ("dark", "light", "dog"))
    best = {(item.path, item.start, item.end): item.answers[0].name for item in found.items}
    assert best[("night.mp4", 0.0, 4.0)] == "dark"  # two clips of one answer are one moment
    assert best[("night.mp4", 4.0, 6.0)] == "light"
    assert best[("day.jpg", None, None)] == "light"


def test_items_are_ranked_by_the_asked_for_answer(make_index: MakeIndex, model: HandModel) -> None:
    found = answered(make_index(FILES), model, "How bright is it?", answer="dark", per="clip", top=1)
    probabilities = [item.probability_of("dark") for item in found.items]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(probability > 0 for probability in probabilities)  # told even where another answer is the best
    assert {item.path for item in found.items[:2]} == {"night.mp4"}
    assert found.items[2].path == "dusk.jpg"
    assert found.first(2).items == found.items[:2]


def test_of_a_file_all_clips_count(make_index: MakeIndex, model: HandModel) -> None:
    found = answered(
        make_index(FILES), model, "How bright?", answers=["dark", "light"], per="file",
        paths=["night.mp4"],
    )  # fmt: skip
    assert [answer.name for answer in found.items[0].answers] == ["dark", "light"]
    assert (found.items[0].start, found.items[0].end) == (0.0, 6.0)


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Is there a dog?", True),
        ("are these people dancing", True),
        ("Is it red or blue?", False),
        ("What is it?", False),
        ("How many dogs are there?", False),
        ("", False),
    ],
)
def test_questions_of_yes_or_no(question: str, wanted: bool) -> None:
    assert wants_yes_or_no(question) == wanted


def test_a_yes_is_likely_where_the_question_is_true_as_a_statement(
    make_index: MakeIndex, model: HandModel
) -> None:
    # This model knows neither yes nor no: both lie on the axis "other".
    index = make_index(FILES)
    found = answered(index, model, "Is there a cat?", answer="yes", per="clip")
    assert [(item.path, item.start) for item in found.items[:1]] == [("night.mp4", 2.0)]
    assert found.items[0].probability_of("yes") > 0.5 > found.items[1].probability_of("yes")
    for item in found.items:
        assert item.probability_of("yes") + item.probability_of("no") == pytest.approx(1.0)
    others = answered(
        index, model, "Is there a cat?", answers=["yes", "no", "perhaps"], answer="yes", per="clip"
    )
    assert len({round(item.probability_of("yes"), 6) for item in others.items}) == 1


def test_the_models_own_answers_are_the_default(model: HandModel) -> None:
    assert default_answers("What is it?", model) == model.answers
    assert default_answers("Is it a dog?", model) == ("yes", "no")
    model.answers = ()
    with pytest.raises(UsageError, match="--answers"):
        default_answers("What is it?", model)


def test_an_answer_must_be_a_candidate(make_index: MakeIndex, model: HandModel) -> None:
    with pytest.raises(UsageError, match="'green' is not among the candidates: dark, light, dog"):
        answered(make_index(FILES), model, "How bright?", answer="green")


def test_an_empty_question(make_index: MakeIndex, model: HandModel) -> None:
    with pytest.raises(UsageError, match="empty"):
        answered(make_index(FILES), model, " ? ")


def test_answers_about_several_clip_sets_are_in_one_order(make_index: MakeIndex, model: HandModel) -> None:
    index = make_index(FILES)
    whole = answered(index, model, "How bright?", answer="dark")
    clip_sets = [
        IndexedClips(index, Selection(paths=paths)) for paths in (["dusk.jpg", "day.jpg"], ["night.mp4"])
    ]
    assert ask(clip_sets, model, "How bright?", answer="dark").items == whole.items
