"""`jepa search` on a small real library."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.search import print_moments
from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.searching.search import Moment, SearchResult
from tests.cli.conftest import ODD_NAME, Golden, Jepa

JEPA = [sys.executable, "-m", "cli.main"]


def test_hits_as_lines(jepa: Jepa, library: Path, golden: Golden) -> None:
    done = jepa("search", "a rocket launch", "--index", library, "--top", 1)
    assert (done.status, done.err) == (0, "")
    golden("search", done.out)


def test_hits_as_json(jepa: Jepa, library: Path, golden: Golden) -> None:
    done = jepa("search", "a", "rocket", "launch", "--index", library, "--top", 1, "--json")
    assert done.status == 0
    golden("search_json", done.out)
    expected = Library.open(library).search("a rocket launch", top=1).hits[0]
    hit = json.loads(done.out)["hits"][0]
    assert hit["score"] == pytest.approx(expected.score, abs=1e-6)
    assert (hit["path"], hit["clip_id"]) == (expected.path, expected.clip_id)


def test_json_says_what_the_hits_are_worth(jepa: Jepa, library: Path) -> None:
    for text in ("a rocket launch", "an income tax return"):
        verdict = Library.open(library).search(text).verdict
        document = json.loads(jepa("search", text, "--index", library, "--json").out)
        assert (document["verdict"], document["likely"]) == (verdict.doubt, verdict.likely)
    assert verdict.doubt is not None and verdict.likely < verdict.moments


def test_moments_of_videos_have_times(jepa: Jepa, library: Path) -> None:
    done = jepa("search", "bicycles in a street", "--index", library, "--where", "kind = 'video'", "--json")
    hits = json.loads(done.out)["hits"]
    assert hits[0]["path"] == "videos/bikes.mp4"
    assert all(hit["kind"] == "video" and 0 <= hit["start"] < hit["end"] for hit in hits)


def test_the_index_is_found_from_below(jepa: Jepa, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(library / "photos")
    assert "rocket.jpg" in jepa("search", "a rocket launch", "--top", 1).out


def test_the_environment_comes_before_what_is_found(
    jepa: Jepa, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JEPA_INDEX", str(library))
    assert jepa("search", "a cat", "--top", 1).status == 0


def test_search_with_a_photograph_finds_it(jepa: Jepa, library: Path) -> None:
    done = jepa("search", "--image", library / "photos" / "rocket.jpg", "--index", library, "--top", 1)
    assert done.out.split("\t")[3].strip() == "photos/rocket.jpg"


def test_search_with_a_part_of_a_video_finds_its_video(jepa: Jepa, library: Path) -> None:
    video = library / "videos" / "bikes.mp4"
    done = jepa("search", "--video", f"{video}@0:00.5-0:02", "--index", library, "--top", 1, "--json")
    found = json.loads(done.out)
    assert found["query"] == f"{video}@0.5-2"
    assert found["hits"][0]["path"] == "videos/bikes.mp4"


def test_per_file_shows_each_file_once(jepa: Jepa, library: Path) -> None:
    hits = json.loads(jepa("search", "a street", "--index", library, "--per-file", "--json").out)["hits"]
    paths = [hit["path"] for hit in hits]
    assert len(paths) == len(set(paths)) == 7


def test_odd_names_stay_on_their_line(jepa: Jepa, library: Path) -> None:
    cat = library / "photos" / "chelsea.png"
    done = jepa("search", "--image", cat, "--index", library, "--top", 2)
    assert r"photos/cat\n[red]\x1b[31m\xff.png" in done.out
    assert len(done.out.splitlines()) == 2


def test_paths_only(library: Path) -> None:
    cat = library / "photos" / "chelsea.png"
    command = [sys.executable, "-m", "cli.main", "search", "--image", str(cat), "-f", "--top", "2"]
    done = subprocess.run([*command, "--index", str(library)], capture_output=True, check=True)
    lines = done.stdout.splitlines()
    assert os.fsencode(cat) in lines and len(lines) == 2
    # Bytes that are not UTF-8 survive, so that a pipeline finds the file; control characters stay escaped.
    assert os.fsencode(library) + b"/photos/cat\\n[red]\\x1b[31m\xff.png" in lines


def test_paths_between_null_bytes_are_exact(library: Path) -> None:
    cat = library / "photos" / "chelsea.png"
    command = [*JEPA, "search", "--image", str(cat), "-f", "-0", "-t", "2", "--index", str(library)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert set(done.stdout.split(b"\0")) == {os.fsencode(library / ODD_NAME), os.fsencode(cat), b""}


def test_nothing_found_is_said_and_is_no_error(jepa: Jepa, library: Path) -> None:
    done = jepa("search", "a cat", "--index", library, "--where", "duration > 1e9")
    assert (done.status, done.out, done.err) == (0, "", "Nothing found for 'a cat'.\n")
    assert (
        json.loads(jepa("search", "x", "--index", library, "--where", "duration > 1e9", "--json").out)["hits"]
        == []
    )


@pytest.mark.parametrize("where", ["no_such_column = 1", "duration >", "", "1; drop table clips"])
def test_a_bad_filter_is_one_sentence(jepa: Jepa, library: Path, where: str) -> None:
    done = jepa("search", "a cat", "--index", library, "--where", where)
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert "filter" in done.err


@pytest.mark.parametrize(("options", "unbuffered"), [("", ""), ("", "1"), ("--json", "1"), ("-f -0", "1")])
def test_a_reader_that_goes_away_is_no_error(library: Path, options: str, unbuffered: str) -> None:
    search = f"{sys.executable} -m cli.main search 'a street' {options} --index '{library}'"
    command = ["bash", "-c", f"{search} | true; exit ${{PIPESTATUS[0]}}"]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_a_text_search_imports_nothing_heavy_and_reports_to_nobody(library: Path) -> None:
    code = (
        "import sys; from cli.main import main; main(['search', 'a cat', '--index', sys.argv[1]]); "
        "print(sorted(name for name in sys.modules if name in sys.argv[2:]))"
    )
    heavy = ["torch", "open_clip", "transformers", "timm", "sklearn", "scipy", "pandas", "av", "PIL", "rich"]
    command = [sys.executable, "-c", code, str(library), *heavy, "openvino_telemetry.main"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_hits_come_as_a_table(library: Path, colour: bool) -> None:
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals on this system")
    screen, terminal = pty.openpty()
    cat = library / "photos" / "chelsea.png"
    command = [*JEPA, "search", "--image", str(cat), "-t", "2", "--index", str(library)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "" if colour else "1"}
    subprocess.run(command, stdout=terminal, check=True, env=environment)
    text = os.read(screen, 65536).decode()
    assert "score" in text
    assert (cat.as_uri() in text) == colour  # the path is a link
    assert ("\x1b" in text) == colour
    assert r"cat\n[red]\x1b[31m\xff.png" in text


def test_on_a_terminal_a_note_says_what_the_hits_are_worth(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, library: Path
) -> None:
    monkeypatch.setattr("cli.console.is_terminal", lambda stream: stream is sys.stdout)
    hits = [
        Moment(rank, 0.2, confidence, f"{rank}.png", "image", None, None, rank)
        for rank, confidence in enumerate((0.3, 0.01, 0.0), start=1)
    ]
    print_moments(SearchResult("a submarine", "nano", 1.0, hits), Library.open(library))
    assert capsys.readouterr().err.splitlines() == [
        "Probably not in this library: the best moment has a confidence of 30%.",
        "The last 2 of 3 have a confidence below 5%. --min-confidence 0.05 hides such moments.",
    ]


def test_terms_are_added_and_subtracted(jepa: Jepa, library: Path) -> None:
    cat = library / "photos" / "chelsea.png"
    done = jepa(
        "search", "a cup of coffee", "--plus", f"3:{cat}", "--minus", "0.5:a rocket", "--not-like",
        "photos/rocket.jpg", "--index", library, "--json",
    )  # fmt: skip
    found = json.loads(done.out)
    assert found["query"] == f"a cup of coffee + 3:{cat} - 0.5:a rocket - photos/rocket.jpg"
    assert "chelsea" in found["hits"][0]["path"] or "cat" in found["hits"][0]["path"]
    assert found["hits"][-1]["path"] == "photos/rocket.jpg"


def test_an_indexed_moment_can_be_named_as_results_name_it(jepa: Jepa, library: Path) -> None:
    done = jepa("search", "--plus", "videos/bikes.mp4@0:00-0:02", "--index", library, "--top", 1, "--json")
    hit = json.loads(done.out)["hits"][0]
    assert hit["path"] == "videos/bikes.mp4"
    assert hit["score"] > 0.5  # a clip is the mean of its windows


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--minus", "a dog"], "give exactly one of"),
        (["a dog", "--not-like", "no such file.png"], "no such file.png: no such file"),
        (["a dog", "--plus", "no such file.mp4@1-2"], "no such file.mp4: no such file"),
        (["a dog", "--plus", "0:cat"], "weight"),
        (["a dog", "--minus", "2:"], "there is nothing after the weight"),
        (["a dog", "--minus", "a dog"], "cancel"),
    ],
)
def test_bad_terms_are_one_sentence(jepa: Jepa, library: Path, arguments: list[str], said: str) -> None:
    done = jepa("search", *arguments, "--index", library)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_that_nothing_matches_is_an_answer(jepa: Jepa, library: Path) -> None:
    arguments = ["search", "a spreadsheet", "--min-confidence", 1, "--index", library]
    done = jepa(*arguments)
    assert (done.status, done.out) == (0, "")
    assert done.err == "Nothing matches 'a spreadsheet' with a confidence of 1 or more.\n"
    document = jepa(*arguments, "--json")
    assert (document.status, json.loads(document.out)["hits"]) == (0, [])
    assert jepa("search", "x", "--min-confidence", 1.5, "--index", library).status == 2


def test_every_hit_has_a_confidence(jepa: Jepa, library: Path) -> None:
    hits = json.loads(jepa("search", "a cat", "--index", library, "--json").out)["hits"]
    assert all(0 <= hit["confidence"] <= 1 for hit in hits)


def test_a_text_search_opens_no_table(library: Path) -> None:
    code = (
        "import sys; from cli.main import main; main(['search', 'a cat', '--index', sys.argv[1]]); "
        "print(sorted({'lance', 'pyarrow', 'faiss'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(library)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_prompt_looks_again(jepa: Jepa, library: Path) -> None:
    command = ["search", "a cup of coffee", "--index", library, "--json", "--top", 3]
    plain = json.loads(jepa(*command).out)["hits"]
    again = json.loads(jepa(*command, "--prompt", "what is on the table").out)["hits"]
    assert again[0]["path"] == plain[0]["path"] == "photos/coffee.png"
    assert again[0]["score"] != plain[0]["score"]
    scores = [hit["score"] for hit in again]
    assert scores == sorted(scores, reverse=True)
    own = Library.open(library)
    assert own.search("a cup of coffee", prompt="what is on the table", top=3).hits[0].score == pytest.approx(
        again[0]["score"], abs=1e-6
    )
    with pytest.raises(UsageError, match="exclude"):
        own.search("a cup", prompt="what", rerank=lambda vector, hits: list(hits))


@pytest.mark.parametrize("text", ["кошка", "猫", "🐱"])
def test_words_that_no_one_knows_are_said_and_sure_of_nothing(jepa: Jepa, library: Path, text: str) -> None:
    done = jepa("search", text, "--index", library, "--json")
    document = json.loads(done.out)
    assert done.status == 0
    assert {hit["confidence"] for hit in document["hits"]} == {0.0}
    (warning,) = document["warnings"]
    assert f"does not know the words of '{text}'" in warning and warning in done.err
    assert "warnings" not in json.loads(jepa("search", "a cat", "--index", library, "--json").out)
    asked = jepa("classify", "--index", library, "--labels", f"{text},a cat")
    assert f"does not know the words of '{text}'" in asked.err
    assert "does not know" in jepa("ask", "Where?", "--answers", f"{text},home", "--index", library).err


def test_a_long_sentence_may_be_any_term(jepa: Jepa, library: Path) -> None:
    long = "a very long sentence " * 300
    done = jepa("search", "a cat", "--plus", long, "--minus", long, "--index", library)
    assert done.status in (0, 2) and "File name too long" not in done.err
    assert jepa("search", long, "--index", library).status == 0


def test_a_page_that_cannot_be_written_is_refused_before_the_search(
    jepa: Jepa, library: Path, tmp_path: Path
) -> None:
    page = tmp_path / "no" / "page.html"
    done = jepa("search", "a cat", "--html", page, "--index", library)
    assert (done.status, done.out) == (2, "")
    assert done.err == f"Error: --html {page}: cannot be written: {page.parent}: no such file or folder\n"


def test_results_are_not_lost_with_the_page(
    jepa: Jepa, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jepa_retrieval.report.write_report", full)
    done = jepa("search", "a cat", "--html", tmp_path / "page.html", "--index", library)
    assert done.status == 1 and "photos/chelsea.png" in done.out and "No space left" in done.err
