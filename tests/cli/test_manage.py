"""`jepa status`, `remove`, `verify`, `optimize`, `export`, `doctor` and `models`."""

import csv
import importlib.metadata
import json
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from cli import console, doctor
from indexes import IndexFormatError
from indexes.vectors import plan
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.encoding.reference_texts import neutral_texts
from tests.cli.conftest import Golden, Jepa

pytestmark = pytest.mark.long


@pytest.fixture
def own(library: Path, tmp_path: Path) -> Path:
    """A copy of the library that a test may change."""
    return Path(shutil.copytree(library, tmp_path / "own"))


def test_status(jepa: Jepa, library: Path, golden: Golden) -> None:
    done = jepa("status", "--index", library)
    assert (done.status, done.err) == (0, "")
    golden("status", done.out)
    golden("status_json", jepa("status", "--index", library, "--json").out)


def test_failed_files_have_one_line_each(jepa: Jepa, library: Path) -> None:
    done = jepa("status", "--index", library, "--failed")
    assert done.status == 0
    [line] = done.out.splitlines()
    path, reason = line.split("\t")
    assert path == r"videos/broken\n[bold].mp4"
    assert reason
    [document] = json.loads(jepa("status", "--failed", "--index", library, "--json").out)
    assert document == {"path": "videos/broken\n[bold].mp4", "error": reason}


def test_remove_files_folders_and_patterns(jepa: Jepa, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own / "photos")
    assert jepa("remove", "coffee.png").out == "Removed 1 file from the index.\n"
    assert jepa("remove", "photos/*.jpg").out == "Removed 1 file from the index.\n"
    assert json.loads(jepa("remove", own / "videos", "--json").out) == {"removed": 3}
    assert (own / "photos" / "coffee.png").is_file()
    paths = {moment.path for moment in Library.open(own).search("anything", top=100).hits}
    assert paths == {"photos/astronaut.png", "photos/chelsea.png", "photos/cat\n[red]\x1b[31m\\xff.png"}


def test_remove_names_what_is_not_there(jepa: Jepa, own: Path) -> None:
    partly = jepa("remove", "photos/coffee.png", "no/such", "--index", own)
    assert partly.status == 1 and "no/such: not in the index" in partly.err
    assert json.loads(jepa("remove", "photos/rocket.jpg", "a", "--index", own, "--json").out) == {
        "removed": 1,
        "not_in_index": ["a"],
    }
    nothing = jepa("remove", "no/such", "--index", own)
    assert (nothing.status, nothing.out) == (2, "")
    nothing = jepa("remove", "no/such", "--index", own, "--json")
    assert (nothing.status, json.loads(nothing.out)) == (2, {"removed": 0, "not_in_index": ["no/such"]})
    assert "the exit status is then 1, or 2 if none" in " ".join(jepa("remove", "--help").out.split())


def test_what_would_remove_every_file_needs_a_confirmation(
    jepa: Jepa, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = sorted(Library.open(own).records.known_files())
    for everything in ("/", str(own), str(own.parent), "*", "."):
        monkeypatch.chdir(own)
        done = jepa("remove", everything, "--index", own)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith(f"Error: {everything}: this would remove everything from the index {own}")
        assert "give --yes" in done.err
    assert "--yes" in jepa("remove", own / "photos", own / "videos", "--index", own).err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(console, "answer", lambda question: "n")
    assert jepa("remove", own, "--index", own).err == "Error: nothing was removed\n"
    assert sorted(Library.open(own).records.known_files()) == known
    monkeypatch.setattr(console, "answer", lambda question: "y")
    assert jepa("remove", own / "photos", "--index", own).status == 0
    rest = len(Library.open(own).records.known_files())
    assert json.loads(jepa("remove", own, "--index", own, "--yes", "--json").out) == {"removed": rest}


def test_the_only_file_of_an_index_needs_no_confirmation(jepa: Jepa, own: Path) -> None:
    Library.open(own).remove([own / "videos"])
    known = sorted(Library.open(own).records.known_files())
    assert jepa("remove", *known[1:], "--index", own).status == 0
    assert jepa("remove", own / "photos", "--index", own).status == 2
    assert jepa("remove", known[0], "--index", own).status == 0


def test_a_damaged_table_is_named_by_index_and_does_not_hide_what_was_found(
    jepa: Jepa, own: Path, tmp_path: Path
) -> None:
    data = next((own / ".jepa" / "clips.lance" / "data").iterdir())
    data.write_bytes(data.read_bytes()[:100])
    done = jepa("index", own)
    assert done.status == 2 and f"{own / '.jepa'} is damaged" in done.err and "run `jepa verify`" in done.err
    assert "delete" in jepa("verify", "--index", own).out


@pytest.mark.parametrize("left", [0, 100])
def test_nothing_is_answered_or_tidied_from_an_index_whose_clips_are_lost(
    jepa: Jepa, own: Path, left: int
) -> None:
    data = next((own / ".jepa" / "clips.lance" / "data").iterdir())
    if left:
        data.write_bytes(data.read_bytes()[:left])
    else:
        data.unlink()
    for command in (("search", "a cat"), ("dedupe",), ("optimize",), ("remove", "photos")):
        done = jepa(*command, "--index", own)
        (line,) = done.err.splitlines()
        assert (done.status, done.out) == (2, "")
        assert line.startswith(f"Error: {own / '.jepa'} is damaged (clips.lance is missing or damaged: ")
        assert line.endswith("): run `jepa verify`") and line.count("is damaged") == 1


def test_a_page_that_cannot_be_written_is_one_error_below_the_moments(
    jepa: Jepa, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise IndexFormatError("own is damaged: run `jepa verify`")

    monkeypatch.setattr("jepa_retrieval.report.write_report", damaged)
    page = tmp_path / "page.html"
    done = jepa("search", "a cat", "--index", own, "--html", page)
    assert done.status == 1 and len(done.out.splitlines()) > 1
    assert done.err.splitlines()[-1] == f"Error: {page} was not written: own is damaged: run `jepa verify`"


def test_verify_finds_nothing_wrong_and_then_a_lost_table(jepa: Jepa, own: Path) -> None:
    assert "no problems found" in jepa("verify", "--index", own).out
    data = next((own / ".jepa" / "clips.lance" / "data").iterdir())
    data.unlink()
    done = jepa("verify", "--index", own)
    assert done.status == 1
    assert "Remedy: " in done.out
    problems = json.loads(jepa("verify", "--index", own, "--json").out)["problems"]
    assert problems and all(problem["what"] and problem["remedy"] for problem in problems)


def test_verify_of_a_damaged_manifest_names_a_remedy(jepa: Jepa, own: Path) -> None:
    (own / ".jepa" / "manifest.json").write_bytes(b"\xff\xfe")
    done = jepa("verify", "--index", own)
    assert done.status == 1 and "damaged manifest: " in done.out and "  Remedy: restore " in done.out
    (problem,) = json.loads(jepa("verify", "--index", own, "--json").out)["problems"]
    assert problem["what"] == "damaged manifest"


def test_a_damaged_manifest_is_told_with_a_command_that_knows_a_remedy(jepa: Jepa, own: Path) -> None:
    (own / ".jepa" / "manifest.json").write_text("x")
    for command in (["status", "--index", own], ["search", "a cat", "--index", own], ["index", own]):
        done = jepa(*command)
        assert done.status == 2 and len(done.err.splitlines()) == 1
        assert "manifest.json is damaged (it is not JSON: " in done.err
        assert done.err.endswith(": run `jepa verify`\n")
    assert jepa("index", own, "--rebuild").status == 2  # which is no remedy
    told = jepa("verify", "--index", own).out
    assert "run `jepa verify`" not in told
    assert f"or delete {own / '.jepa'} and run `jepa index` again" in told
    shutil.rmtree(own / ".jepa")
    assert jepa("index", own).status == 1  # its one broken file
    assert jepa("verify", "--index", own).status == 0


def test_optimize_keeps_the_answers(jepa: Jepa, own: Path) -> None:
    before = jepa("search", "a street", "--index", own).out
    done = jepa("optimize", "--index", own)
    assert done.status == 0 and re.search(r": optimized; [\d.]+ .B on disk, [\d.]+ .B before\.\n", done.out)
    assert jepa("search", "a street", "--index", own).out == before


def test_optimize_within_memory_and_recall(jepa: Jepa, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MIN_TRAINING_ROWS", 1)
    # Indexing left sample queries, so the recall is that of texts.
    sample = np.fromfile(own / ".jepa" / "queries.f32", np.float32).reshape(len(neutral_texts()), -1)
    np.testing.assert_allclose(np.linalg.norm(sample, axis=1), 1, atol=1e-3)
    done = jepa("optimize", "--index", own, "--kind", "hnsw", "--recall", "0.9")
    assert done.status == 0
    assert done.out.count("of memory") == 1 and "run the command again after an hour" in done.err
    assert "recall@10 0.90 expected, 1.000 measured" in done.out
    assert "hnsw, " in jepa("status", "--index", own).out
    found = json.loads(jepa("optimize", "--index", own, "--memory", "1MB", "--json").out)
    assert found["vector_kind"] == "hnsw" and found["search_memory_bytes"] < 1_000_000
    assert found["recall_measured"] == 1.0
    again = json.loads(jepa("optimize", "--index", own, "--kind", "auto", "--json").out)
    assert again["vector_kind"] == "exact" and again["recall_measured"] is None


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--memory", "lots", "'lots' is not a size"),
        ("--memory", "10B", "more than the limit"),
        ("--recall", "1.2", "--recall"),
        ("--kind", "annoy", "--kind must be auto or one of exact, hnsw"),
    ],
)
def test_optimize_refuses_what_cannot_be(
    jepa: Jepa, library: Path, option: str, value: str, said: str
) -> None:
    done = jepa("optimize", "--index", library, option, value)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_export(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    clips = Library.open(library).status().clips
    vectors = tmp_path / "clips.npy"
    done = jepa("export", tmp_path / "clips.parquet", "--embeddings", vectors, "--index", library)
    assert done.status == 0, done.err
    table = pyarrow.parquet.read_table(tmp_path / "clips.parquet")
    embeddings = np.load(vectors).astype(np.float32)
    assert len(table) == len(embeddings) == clips
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3)
    query = Library.open(library).model.y_encoder.encode(["a rocket launch"])[0]
    assert table["path"][int((embeddings @ query).argmax())].as_py() == "photos/rocket.jpg"


def test_export_as_text(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    images = ["--where", "kind = 'image'", "--index", library]
    assert jepa("export", tmp_path / "clips.csv", *images).status == 0
    assert jepa("export", tmp_path / "clips.jsonl", *images).status == 0
    with (tmp_path / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    documents = [json.loads(line) for line in (tmp_path / "clips.jsonl").read_text("utf-8").splitlines()]
    assert [row["path"] for row in rows] == [document["path"] for document in documents]
    assert len(rows) == 5 and "photos/cat\n[red]\x1b[31m\\xff.png" in [row["path"] for row in rows]


def test_doctor(jepa: Jepa) -> None:
    found = json.loads(jepa("doctor", "--json").out)
    assert found["packages"]["numpy"] == importlib.metadata.version("numpy")
    assert found["cache"]["folder"]
    assert set(found) == {
        "system",
        "packages",
        "extras",
        "faiss",
        "gpu",
        "openvino",
        "decoders",
        "cache",
        "problems",
    }
    assert "numpy" in jepa("doctor").out


def test_doctor_tells_which_extras_are_installed(jepa: Jepa, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = declared["optional-dependencies"]
    for_developers = {"demo", "bench", "docs", "dev"}
    assert set(doctor.EXTRAS) == set(extras) - for_developers
    for extra, packages in doctor.EXTRAS.items():
        assert set(packages) <= {re.split(r"[<>=;\[ ]", line)[0] for line in extras[extra]}

    monkeypatch.setattr(doctor, "EXTRAS", {"some": ("numpy", "no-such-package"), "all": ("numpy",)})
    assert json.loads(jepa("doctor", "--json").out)["extras"] == {
        "some": "without no-such-package",
        "all": "installed",
    }


def test_doctor_names_two_faiss_packages_at_once(jepa: Jepa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda package: "1.2.3")
    done = jepa("doctor")
    assert done.status == 1
    assert "faiss-cpu and faiss-gpu are both installed" in done.out
    assert "pip uninstall -y faiss-cpu faiss-gpu" in done.out


def test_doctor_names_what_is_missing(jepa: Jepa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    done = jepa("doctor", "--json")
    assert done.status == 1
    assert json.loads(done.out)["problems"] == [
        {"what": "not installed: no-such-package", "remedy": "pip install no-such-package"}
    ]


def test_doctor_names_a_cache_that_cannot_be_written(
    jepa: Jepa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path / "file" / "cache"))
    done = jepa("doctor")
    assert done.status == 1
    assert "$JEPA_CACHE" in done.out


def test_models(jepa: Jepa) -> None:
    assert "nano\tready\t" in jepa("models", "list").out
    listed = json.loads(jepa("models", "list", "--json").out)
    assert {"name", "description", "ready", "state"} <= set(listed[0])
    assert "nano" in [model["name"] for model in listed]
    shown = json.loads(jepa("models", "show", "nano", "--json").out)
    assert shown["name"] == "nano"
    settings = dict(line.split(maxsplit=1) for line in jepa("models", "show", "nano").out.splitlines())
    assert settings["embedding_size"] == str(shown["embedding_size"])
    assert settings["x_encoder.kind"] == shown["x_encoder"]["kind"]


def test_a_hostile_model_name_does_not_reach_the_terminal(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    shutil.copytree(library / ".jepa", tmp_path / "index")
    manifest = tmp_path / "index" / "manifest.json"
    document = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps({**document, "model": "nano\x1b[2J\u202e", "prompt": "a\x9bb"}), "utf-8")
    done = jepa("status", "--index", tmp_path / "index")
    assert done.status == 0
    assert r"nano\x1b[2J\u202e" in done.out
    assert r"a\x9bb" in done.out
