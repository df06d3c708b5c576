"""`jepa ask` on a small real library: the form of answers, which does not depend on the model's training."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jepa_retrieval.library import Library
from tests.cli.conftest import Golden, Jepa
from tests.real_media import photograph, video


def test_a_question_of_yes_or_no_ranks_the_moments(jepa: Jepa, library: Path) -> None:
    done = jepa("ask", "is there a cat", "--index", library, "--json", "--top", 3)
    assert (done.status, done.err) == (0, "")
    items = json.loads(done.out)
    assert len(items) == 3
    yes = [next(a["probability"] for a in item["answers"] if a["answer"] == "yes") for item in items]
    assert yes == sorted(yes, reverse=True)


def test_answers_as_json(jepa: Jepa, library: Path, golden: Golden) -> None:
    command = ["ask", "what animal is this", "--answers", "a cat,a truck", "--index", library, "--json"]
    golden("ask_json", jepa(*command, "--where", "path = 'photos/chelsea.png'").out)


def test_answers_as_lines(jepa: Jepa, library: Path, golden: Golden) -> None:
    done = jepa(
        "ask", library / "photos" / "chelsea.png", "What animal is this?", "--answers", "a cat,a truck"
    )
    assert (done.status, done.err) == (0, "")
    golden("ask", done.out)


def test_the_given_answer_ranks(jepa: Jepa, library: Path) -> None:
    arguments = [
        "ask",
        "What is it?",
        "--answers",
        "a cat,a cup of coffee,a rocket",
        "--index",
        library,
        "--json",
    ]
    items = json.loads(jepa(*arguments, "--answer", "a cat", "--per", "file").out)
    assert len(items) == 7
    listed = [next(a["probability"] for a in item["answers"] if a["answer"] == "a cat") for item in items]
    assert listed == sorted(listed, reverse=True)


def test_the_models_own_answers(jepa: Jepa, library: Path) -> None:
    done = jepa("ask", library / "photos" / "coffee.png", "what is in the picture", "--json")
    [item] = json.loads(done.out)
    assert item["question"] == "What is in the picture?"
    own = Library.open(library).model.answers
    assert len(item["answers"]) == 5
    assert all(answer["answer"] in own for answer in item["answers"])


def test_only_what_a_search_finds_is_asked_about(jepa: Jepa, library: Path) -> None:
    done = jepa(
        "ask", "Is it hot?", "--search", "a cup of coffee", "--clips", 1, "--index", library, "--json"
    )
    assert [item["path"] for item in json.loads(done.out)] == ["photos/coffee.png"]


def test_a_moment_of_a_file(jepa: Jepa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = jepa(
        "ask", f"{video('bikes.mp4')}@0:01-0:03", "How many people?", "--answers", "0,1,2,3", "--json"
    )
    [item] = json.loads(done.out)
    assert (item["start"], item["end"]) == (1.0, 3.0)
    assert sorted(answer["answer"] for answer in item["answers"]) == ["0", "1", "2", "3"]
    assert sum(answer["probability"] for answer in item["answers"]) == pytest.approx(1.0, abs=1e-4)


def test_no_video_is_decoded_and_no_torch_is_imported(library: Path) -> None:
    code = (
        "import sys; from cli.main import main; "
        f"main(['ask', 'is it day', '--index', {str(library)!r}, '--json']); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'transformers', 'av', 'sklearn'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_index_without_tokens_says_how_to_mend_it(jepa: Jepa, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(photograph("chelsea.png").read_bytes())
    assert jepa("--quiet", "index", tmp_path, "--no-tokens").status == 0
    done = jepa("ask", "Is there a cat?", "--index", tmp_path)
    assert (done.status, done.out) == (2, "")
    assert "--rebuild --tokens" in done.err
    assert jepa("--quiet", "index", tmp_path, "--rebuild", "--tokens").status == 0
    assert jepa("ask", "Is there a cat?", "--index", tmp_path).status == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "QUESTION"),
        (["."], "the question about . is missing"),
        (["/no/such.mp4", "What?"], "/no/such.mp4"),
        ([".", "What?", "--where", "true"], "--where"),
        (["What?", "--clips", 5], "--search"),
        ([""], "the question is empty"),
        (["What?", "."], "the question comes last"),
        (["x" * 400 + "?", "--answers-file", "/no/such"], "/no/such"),
        (["What?", "--answers", "a", "--answers-file", "b"], "--answers-file"),
    ],
)
def test_wrong_usage(jepa: Jepa, arguments: list[object], named: str) -> None:
    done = jepa("ask", *arguments)
    assert (done.status, done.out) == (2, "")
    assert named in done.err
    assert len(done.err.splitlines()) == 1


def test_wrong_answers_are_named(jepa: Jepa, library: Path) -> None:
    done = jepa("ask", "What is it?", "--answers", "a cat", "--answer", "a dog", "--index", library)
    assert (done.status, "'a dog' is not among the candidates: a cat" in done.err) == (2, True)
    assert "empty" in jepa("ask", "?", "--index", library).err
    assert "search for is empty" in jepa("ask", "What?", "--search", " ", "--index", library).err
