import json
import shutil
from pathlib import Path

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import load_config
from jepa_retrieval.training.answers import add_answers, common_answers
from jepa_retrieval.training.config import load_config as load_recipe
from jepa_retrieval.training.data.examples import SourceBuilder, Visual
from tests.jepa_retrieval.training.conftest import Recipe
from tests.media_factory import make_picture


def test_answers_that_several_questions_have_come_commonest_first() -> None:
    source = SourceBuilder("q")
    for query, answer in [
        ("What?", "red"), ("Which?", "red"), ("How?", "garbage_bin"), ("Where?", "garbage bin"),
        ("Who?", "red"), ("Why?", "once"), ("", "a caption"), ("", "a caption"),
    ]:  # fmt: skip
        source.add(Visual("a.png"), query, [answer])
    assert common_answers([source.build()]) == ["red", "garbage bin"]


def test_a_model_folder_gets_the_answers_of_its_recipe(
    recipe: Recipe, model_file: Path, tmp_path: Path
) -> None:
    make_picture(tmp_path / "0.png")
    rows = [{"image": "0.png", "question": question, "answer": "yes"} for question in ("is it", "was it")]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asking = '[[sources]]\nname = "q"\nformat = "vqa"\npath = "q.jsonl"'
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(model_file, folder)
    assert add_answers(folder, load_recipe(recipe(sources=asking))) == 1
    named = load_config(folder / "config.json").answers
    assert named is not None
    assert (folder / named).read_text(encoding="utf-8") == "yes\n"


def test_a_recipe_that_asks_nothing_has_no_answers(recipe: Recipe, model_file: Path, tmp_path: Path) -> None:
    shutil.copy(model_file, tmp_path)
    with pytest.raises(UsageError, match="asks questions"):
        add_answers(tmp_path, load_recipe(recipe()))
