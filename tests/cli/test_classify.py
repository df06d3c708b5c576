"""`jepa classify` on a small real library, and on files that no index has."""

import csv
import io
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Golden, Jepa
from tests.real_media import photograph, video

LABELS = "a cat,a cup of coffee,a rocket launch,bicycles in a street"
TRUTH = "path,label\nphotos/chelsea.png,a cat\nphotos/coffee.png,a cup of coffee\nphotos/rocket.jpg,a cat\n"


def test_an_index_as_lines(jepa: Jepa, library: Path, golden: Golden) -> None:
    where = "path in ('photos/chelsea.png', 'photos/coffee.png')"
    done = jepa("classify", "--index", library, "--labels", LABELS, "--top", 1, "--where", where)
    assert (done.status, done.err) == (0, "")
    golden("classify", done.out)


def test_a_single_label_has_its_score(jepa: Jepa, library: Path) -> None:
    """The probability of a single label is 1 for every file."""
    done = jepa("classify", "--index", library, "--labels", "a cat", "--where", "kind = 'image'")
    assert "a single label has probability 1 whatever is shown" in done.err
    rows = [line.split("\t") for line in done.out.splitlines()]
    scores = {path: float(label.rsplit(" ", 1)[1]) for _, path, label in rows}
    assert scores["photos/chelsea.png"] > scores["photos/coffee.png"] + 0.1
    assert all(-1 <= score < 1 for score in scores.values())


def test_an_index_as_json(jepa: Jepa, library: Path, golden: Golden) -> None:
    done = jepa(
        "classify", "--index", library, "--labels", LABELS, "--json", "--top", 1,
        "--where", "path = 'photos/coffee.png'",
    )  # fmt: skip
    golden("classify_json", done.out)
    items = json.loads(done.out)
    assert [item["labels"][0]["label"] for item in items] == ["a cup of coffee"]
    assert items[0]["labels"][0]["probability"] > 0.25


def test_a_file_of_the_index_is_not_decoded(
    jepa: Jepa, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jepa_retrieval.media.workers.pool.DecodePool.run", None)
    done = jepa("classify", library / "photos" / "coffee.png", "--labels", LABELS, "--json")
    assert [item["path"] for item in json.loads(done.out)] == ["photos/coffee.png"]


def test_files_without_an_index_are_decoded(
    jepa: Jepa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    shutil.copy(photograph("chelsea.png"), tmp_path / "new" / "cat.png")
    (tmp_path / "new" / "broken.png").write_bytes(b"no picture")
    done = jepa("classify", tmp_path / "new", "--labels", LABELS, "--json")
    assert done.status == 1
    assert "broken.png" in done.err
    [item] = json.loads(done.out)
    assert (item["path"], item["start"], item["labels"][0]["label"]) == ("new/cat.png", None, "a cat")
    assert not (tmp_path / ".jepa").exists()


def test_a_folder_mixes_what_the_index_has_and_what_it_has_not(
    jepa: Jepa, tmp_path: Path, library: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(library / "photos", folder / "photos")
    shutil.copytree(library / ".jepa", folder / ".jepa")
    shutil.copy(photograph("chelsea.png"), folder / "photos" / "second.png")
    done = jepa("classify", folder / "photos", "--labels", LABELS, "--json")
    found = {item["path"]: item["labels"][0] for item in json.loads(done.out)}
    new, indexed = found["photos/second.png"], found["photos/chelsea.png"]
    assert new["label"] == indexed["label"]
    assert new["score"] == pytest.approx(indexed["score"], abs=1e-4)
    assert len(found) == 6


def test_a_timeline_and_csv(jepa: Jepa, library: Path) -> None:
    done = jepa(
        "classify", library / "videos" / "bikes.mp4", "--labels", "bicycles,a car", "--timeline", "--csv"
    )
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert {row["path"] for row in rows} == {"videos/bikes.mp4"}
    assert float(rows[0]["start"]) == 0.0
    first = [row for row in rows if row["rank"] == "1"]
    assert all(a["end"] == b["start"] and a["label"] != b["label"] for a, b in itertools.pairwise(first))


def test_accuracy_and_confusions_beside_a_truth(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    truth, picture = tmp_path / "truth.csv", tmp_path / "confusion.png"
    truth.write_text(TRUTH + "photos/gone.png,a cat\n")
    command = ["classify", "--index", library, "--labels", LABELS, "--truth", truth]
    done = jepa(*command, "--confusion", picture, "--json", "--top", 1)
    document = json.loads(done.out)
    assert document["evaluation"]["items"] == 3
    assert document["evaluation"]["confusion"][0][2] == 1  # a rocket, that the truth calls a cat
    assert document["evaluation"]["accuracy"] == pytest.approx(2 / 3)
    assert len(document["items"][0]["labels"]) == 1
    assert done.status == 1 and "photos/gone.png" in done.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    lines = jepa(*command).out.splitlines()
    assert "accuracy 66.7% of 3, top-5 accuracy 100.0%" in lines
    assert "confused\t1\ta cat\tclassified as\ta rocket launch" in lines


def test_labels_of_a_file_with_texts_behind_them(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("Animal\ta cat\ta dog\nDrink\ta cup of coffee\n")
    photo = library / "photos" / "chelsea.png"
    done = jepa("classify", photo, "--labels-file", labels, "--template", "{}", "--json")
    assert json.loads(done.out)[0]["labels"][0]["label"] == "Animal"


def test_classifying_an_index_imports_neither_torch_nor_a_decoder(library: Path) -> None:
    code = (
        "import sys; from cli.main import main; "
        f"main(['classify', '--index', {str(library)!r}, '--labels', 'a cat,a dog', '--json']); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'transformers', 'av', 'sklearn'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["."], "--labels a,b,c"),
        ([".", "--labels", "a", "--labels-file", "b"], "--labels-file"),
        ([".", "--labels", "a,a"], "'a' is given twice"),
        ([".", "--labels-file", "/no/such"], "/no/such"),
        (["/no/such.mp4", "--labels", "a"], "/no/such.mp4"),
        ([".", "--labels", "a", "--per", "hour"], "'hour' is not one of 'clip', 'moment', 'file'"),
        ([".", "--labels", "a", "--per", "file", "--timeline"], "--timeline"),
        ([".", "--labels", "a", "--csv", "--json"], "--csv"),
        ([".", "--labels", "a", "--confusion", "x.png"], "--truth"),
        ([".", "--labels", "a", "--where", "true"], "--where"),
    ],
)
def test_wrong_usage(jepa: Jepa, arguments: list[str], named: str) -> None:
    done = jepa("classify", *arguments)
    assert (done.status, done.out) == (2, "")
    assert named in done.err
    assert len(done.err.splitlines()) == 1


def test_a_file_that_is_not_there_is_named_and_the_rest_goes_on(jepa: Jepa, library: Path) -> None:
    photo = library / "photos" / "coffee.png"
    done = jepa("classify", photo, library / "gone.mp4", "--labels", LABELS, "--json")
    assert done.status == 1
    assert "gone.mp4: no such file or folder" in done.err
    assert [item["path"] for item in json.loads(done.out)] == ["photos/coffee.png"]


def test_errors_of_a_truth_file_name_it(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    command = ["classify", library / "photos" / "coffee.png", "--labels", LABELS, "--truth", truth]
    assert f"{truth}: cannot be read" in jepa(*command).err
    for text, said in (("gone.png,a cat\n", "names none"), ("gone.png,a horse\n", "'a horse' is not among")):
        truth.write_text(text)
        done = jepa(*command)
        assert (done.status, done.out) == (2, "")
        assert f"{truth}: " in done.err
        assert said in done.err


def test_a_stretch_of_a_video(jepa: Jepa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = jepa("classify", f"{video('bikes.mp4')}@1-3", "--labels", "a street,a cat", "--json")
    [item] = json.loads(done.out)
    assert (item["start"], item["end"]) == (1.0, 3.0)
    assert item["labels"][0]["label"] == "a street"


def test_csv_escapes_control_characters_and_json_keeps_the_name(jepa: Jepa, library: Path) -> None:
    """The library has a photograph whose name would clear a terminal's line."""
    arguments = (
        "classify",
        "--index",
        library,
        "--labels",
        "a cat\x1b[1m,a \u202edog",
        "--where",
        "kind = 'image'",
    )
    done = jepa(*arguments, "--csv")
    assert done.status == 0
    assert not {"\x1b", "\u202e"} & set(done.out)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert r"photos/cat\n[red]\x1b[31m\xff.png" in {row["path"] for row in rows}
    assert {row["label"] for row in rows} == {r"a cat\x1b[1m", r"a \u202edog"}
    items = json.loads(jepa(*arguments, "--json").out)
    assert "photos/cat\n[red]\x1b[31m\\xff.png" in {item["path"] for item in items}
    assert "a \u202edog" in {label["label"] for item in items for label in item["labels"]}
