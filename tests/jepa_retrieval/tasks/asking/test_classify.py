from collections.abc import Sequence

import pytest

from indexes import Index
from jepa_retrieval.tasks.asking.classify import DEFAULT_TEMPLATES, Classification, classify
from jepa_retrieval.tasks.asking.clip_set import IndexedClips
from jepa_retrieval.tasks.searching.stored_clips import Selection
from tests.jepa_retrieval.tasks.conftest import HandModel, MakeIndex

FILES = {
    "walk.mp4": [(0.0, 6.0, ("dog",)), (6.0, 8.0, ("dog", "light")), (8.0, 9.0, ("cat",)), (9.0, 10.0, ("dog",))],
    "car.jpg": [(None, None, ("car",))],
}  # fmt: skip
LABELS = ["a dog", "a cat", "a car"]


def classified(
    index: Index,
    model: HandModel,
    labels: Sequence[str],
    *,
    where: str | None = None,
    clip_ids: Sequence[int] | None = None,
    **options: object,
) -> Classification:
    selection = Selection(where=where, clip_ids=clip_ids)
    return classify([IndexedClips(index, selection)], model, labels, **options)


def test_a_file_is_named_by_all_its_clips(make_index: MakeIndex, model: HandModel) -> None:
    found = classified(make_index(FILES), model, LABELS)
    assert [(item.path, item.start, item.end) for item in found.items] == [
        ("car.jpg", None, None),
        ("walk.mp4", 0.0, 10.0),
    ]
    assert [item.labels[0].name for item in found.items] == ["a car", "a dog"]
    dog = found.items[1].labels[0]
    assert dog.score == pytest.approx((6 + 2 * 0.5**0.5 + 0 + 1) / 10, abs=1e-3)
    assert sum(label.probability for label in found.items[1].labels) == pytest.approx(1.0)
    assert found.items[1].clip_id == 0
    assert (found.labels, found.model, found.temperature) == (tuple(LABELS), "by-hand", 0.1)
    assert len(model.encoded) == len(LABELS) * len(DEFAULT_TEMPLATES)


def test_a_timeline_joins_equal_neighbours(make_index: MakeIndex, model: HandModel) -> None:
    found = classified(make_index(FILES), model, LABELS, per="moment", where="kind = 'video'")
    assert [(item.start, item.end, item.labels[0].name) for item in found.items] == [
        (0.0, 8.0, "a dog"),
        (8.0, 9.0, "a cat"),
        (9.0, 10.0, "a dog"),
    ]


def test_clips_and_the_number_of_labels(make_index: MakeIndex, model: HandModel) -> None:
    found = classified(make_index(FILES), model, LABELS, per="clip", top=2)
    assert len(found.items) == 5
    assert all(len(item.labels) == 2 for item in found.items)


def test_a_prompt_asks_the_model_first(make_index: MakeIndex, model: HandModel) -> None:
    found = classified(make_index(FILES), model, ["dark", "light"], per="clip", prompt="how bright is it?",
        clip_ids=[1],
    )  # fmt: skip
    assert model.asked == ["How bright is it?"]
    assert found.items[0].labels[0].score == pytest.approx(1.0, abs=1e-3)


def test_several_clip_sets_are_classified_together(make_index: MakeIndex, model: HandModel) -> None:
    index = make_index(FILES)
    whole = classified(index, model, LABELS, per="clip")
    clip_sets = [IndexedClips(index, Selection(paths=[path])) for path in FILES]
    assert classify(clip_sets, model, LABELS, per="clip").items == whole.items


def test_an_empty_selection_is_an_empty_result(make_index: MakeIndex, model: HandModel) -> None:
    found = classified(make_index(FILES), model, LABELS, where="duration > 1e9")
    assert found.items == ()
    assert "Nothing found" in found._repr_html_()
