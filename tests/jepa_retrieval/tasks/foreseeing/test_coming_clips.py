"""The clips that are shown as coming are in the order of the ranking, or else of their likeness."""

from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.tasks.foreseeing.coming_clips import coming_clips
from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
from tests.jepa_retrieval.tasks.conftest import AXES, HandModel, MakeIndex, unit
from tests.jepa_retrieval.tasks.foreseeing.test_foreseeing import nothing_changes

FILES = {
    "dogs.mp4": [(0.0, 2.0, ("dog",)), (2.0, 4.0, ("dog",))],
    "both.mp4": [(0.0, 2.0, ("dog", "cat"))],
    "cats.mp4": [(0.0, 2.0, ("cat",))],
}


@pytest.mark.parametrize("tokens", [True, False])
def test_the_ranking_decides_where_there_is_one(
    tmp_path: Path, make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch, tokens: bool
) -> None:
    index, model = make_index(FILES, tokens=tokens), HandModel()
    path = nothing_changes(tmp_path / "d.safetensors", len(AXES), fingerprint="f", unrelated=10.0)
    dynamics = open_dynamics(model, index=index, path=path)
    assert dynamics.ranking is None  # of a file without one
    dog, cat = unit("dog"), unit("cat")
    seen, embeddings = dog[np.newaxis], np.stack([dog, dog])
    near = coming_clips(index, seen, dynamics, embeddings, 2.0, top=2)
    assert [(one.path, one.end) for one in near] == [("dogs.mp4", 4.0), ("both.mp4", 2.0)]
    monkeypatch.setitem(dynamics.__dict__, "ranking", lambda states, *_: states @ cat)
    found = coming_clips(index, seen, dynamics, embeddings, 2.0, top=2)
    if not tokens:
        assert found == near
        return
    assert [one.path for one in found] == ["cats.mp4", "both.mp4"]
    assert found[1].score == pytest.approx(float(unit("dog", "cat") @ dog), abs=1e-3)
    every = coming_clips(index, seen, dynamics, embeddings, 2.0, top=4)
    assert [(one.path, one.end) for one in every] == [("cats.mp4", 2.0), ("both.mp4", 2.0), ("dogs.mp4", 4.0)]
