import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.searching.prompted import MARGIN, PromptRerank, clips_to_fetch, combined, rank_again
from tests.jepa_retrieval.tasks.conftest import HandModel, MakeIndex, unit

FILES = {
    "a.mp4": [(0.0, 2.0, ("dog", "light"))],
    "b.mp4": [(0.0, 2.0, ("dog", "dark"))],
    "c.mp4": [(0.0, 2.0, ("cat", "dark"))],
}


def test_the_prompt_decides_between_what_scores_alike(make_index: MakeIndex, model: HandModel) -> None:
    index = make_index(FILES)
    query = unit("dog", "dark", "light")
    hits = index.search(query[None], k=3)[0]
    assert hits[0].score == pytest.approx(hits[1].score, abs=1e-3)  # both dogs are as near
    asked = rank_again(hits, unit("dog", "dark"), "How bright is it?", index=index, model=model, weight=0.5)
    assert [hit.path for hit in asked][:1] == ["b.mp4"]
    scores = {hit.path: hit.score for hit in asked}
    plain = {hit.path: hit.score for hit in hits}
    assert scores["b.mp4"] == pytest.approx(0.5 * plain["b.mp4"] + 0.5 * 0.5**0.5, abs=1e-3)
    assert scores["a.mp4"] == pytest.approx(0.5 * plain["a.mp4"] + MARGIN, abs=1e-3)  # it was the first hit
    assert len(model.asked) == 3
    stage = PromptRerank(index, model, "how bright is it?", weight=0.5)
    assert stage(unit("dog", "dark"), hits) == asked


def test_the_first_hit_gives_way_only_to_one_that_is_clearly_better(
    make_index: MakeIndex, model: HandModel
) -> None:
    index = make_index(FILES)
    hits = index.search(unit("dog", "dark", "light")[None], k=3)[0]
    light, dark = (next(hit for hit in hits if hit.path == path) for path in ("a.mp4", "b.mp4"))
    for first, second in ((light, dark), (dark, light)):
        # The prompt does not speak of brightness, so that both dogs stay alike.
        asked = rank_again([first, second], unit("dog"), "What is it?", index=index, model=model)
        assert [hit.path for hit in asked] == [first.path, second.path]


def test_nothing_found_stays_nothing(make_index: MakeIndex, model: HandModel) -> None:
    assert rank_again([], unit("dog"), "What?", index=make_index(FILES), model=model) == []


def test_a_model_without_questions_is_told(make_index: MakeIndex) -> None:
    index = make_index(FILES)
    hits = index.search(unit("dog")[None], k=3)[0]
    with pytest.raises(UsageError, match="takes no questions"):
        rank_again(hits, unit("dog"), "What?", index=index, model=HandModel(query_conditioned=False))


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1))
def test_the_mean_lies_between_the_two(plain: float, prompted: float, weight: float) -> None:
    mean = combined(plain, prompted, weight)
    assert min(plain, prompted) - 1e-9 <= mean <= max(plain, prompted) + 1e-9
    assert combined(plain, prompted, 0.0) == plain


def test_the_first_stage_fetches_more_than_is_wanted() -> None:
    assert clips_to_fetch(1) >= 100
    assert clips_to_fetch(50) >= 500
    assert np.all(np.diff([clips_to_fetch(top) for top in range(1, 100)]) >= 0)
